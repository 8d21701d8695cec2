import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';

const REALM = 'camera';
const NONCE = 'dcd98b7102dd2f0e8b11d0f600bfb0c093';

/** What it wants to be told; RFC 7616 is enforced to the letter for `digest`. */
export type HttpLogin = { kind: 'basic' | 'digest'; user: string; password: string };

/** A camera that gives JPEGs by HTTP on 127.0.0.1: `/stream`, `/still.jpg`, and by `moves` redirects. Each picture has another shade. */
export class HttpCamera {
  readonly asked: { path: string; authorization: string | undefined }[] = [];
  /** pictures a second of its stream */
  fps = 20;
  login: HttpLogin | undefined;
  readonly moves = new Map<string, string>();
  /** nothing comes any more, though connections stay */
  isFrozen = false;
  readonly #server: Server = createServer((req, res) => void this.#take(req, res));
  #count = 0;

  static async open(port = 0): Promise<HttpCamera> {
    const camera = new HttpCamera();
    camera.#server.listen(port, '127.0.0.1');
    await once(camera.#server, 'listening');
    return camera;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** its streams that somebody reads now */
  readers = 0;

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = req.url ?? '';
    const { authorization } = req.headers;
    this.asked.push({ path, authorization });
    if (this.login && !isLoggedIn(this.login, path, authorization)) {
      const { kind } = this.login;
      const digest = `Digest realm="${REALM}", nonce="${NONCE}", algorithm=MD5, qop="auth,auth-int"`;
      res.writeHead(401, { 'WWW-Authenticate': kind === 'basic' ? `Basic realm="${REALM}"` : digest }).end();
      return;
    }
    const to = this.moves.get(path);
    if (to !== undefined) res.writeHead(302, { Location: to }).end();
    else if (path === '/still.jpg') {
      const jpeg = await this.#picture();
      res.writeHead(200, { 'Content-Type': 'image/jpeg', 'Content-Length': jpeg.length }).end(jpeg);
    } else if (path === '/stream') await this.#stream(res);
    else res.writeHead(path === '/page' ? 200 : 404, { 'Content-Type': 'text/html' }).end('<p>hello</p>');
  }

  async #stream(res: ServerResponse): Promise<void> {
    this.readers += 1;
    res.on('close', () => {
      this.readers -= 1;
    });
    res.writeHead(200, { 'Content-Type': 'multipart/x-mixed-replace;boundary=edge' });
    while (!res.destroyed) {
      if (!this.isFrozen) {
        const jpeg = await this.#picture();
        res.write(`--edge\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`);
        res.write(jpeg);
        res.write('\r\n');
      }
      await new Promise((resolve) => setTimeout(resolve, 1000 / this.fps));
    }
  }

  #picture(): Promise<Buffer> {
    this.#count += 1;
    const background = { r: (this.#count * 10) % 250, g: 40, b: 90 };
    return sharp({ create: { width: 160, height: 90, channels: 3, background } })
      .jpeg()
      .toBuffer();
  }
}

function isLoggedIn({ kind, user, password }: HttpLogin, path: string, authorization = ''): boolean {
  if (kind === 'basic') return authorization === `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const field = (name: string) => new RegExp(`${name}="?([^",]+)"?`).exec(authorization)?.[1] ?? '';
  const md5 = (text: string) => createHash('md5').update(text).digest('hex');
  const [one, two] = [md5(`${user}:${REALM}:${password}`), md5(`GET:${path}`)];
  const wanted = md5(`${one}:${NONCE}:${field('nc')}:${field('cnonce')}:auth:${two}`);
  return authorization.startsWith('Digest ') && field('uri') === path && field('response') === wanted;
}
