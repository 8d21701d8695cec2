import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';

export type RelabFault = 'none' | 'failing' | 'streaming' | 'hanging' | 'no jpeg' | 'foreign address' | 'queued';

/**
 * A stand-in of seed 000's Pi camera API, dialect A or B, written from the tables of its contract and enforcing them: no key is 401, a
 * wrong one 403, what the dialect lacks 404.
 */
export class RelabCamera {
  readonly #dialect: 'A' | 'B';
  /** the one that it takes (`AUTHORIZED_API_KEYS`) */
  key: string;
  readonly asked: {
    method: string;
    path: string;
    body: unknown;
    key: string | undefined;
    headers: IncomingMessage['headers'];
  }[] = [];
  readonly #images = new Map<string, Buffer>();
  readonly controls: Record<string, unknown> = { ExposureTime: 20_000, AnalogueGain: 1 };
  readonly #server = createServer((req, res) => void this.#take(req, res));
  fault: RelabFault = 'none';
  /** where `image_url` leads with the fault `foreign address` */
  foreign = 'http://127.0.0.1:9/stolen.jpg';

  private constructor(dialect: 'A' | 'B', key: string) {
    this.#dialect = dialect;
    this.key = key;
  }

  static async open(dialect: 'A' | 'B', key = 'CAM_pi-key', port = 0): Promise<RelabCamera> {
    const camera = new RelabCamera(dialect, key);
    await new Promise<void>((resolve) => camera.#server.listen(port, '127.0.0.1', resolve));
    return camera;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** As a camera URL, with the key. */
  get url(): string {
    return `relab+http://:${this.key}@127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let text = '';
    for await (const part of req) text += part;
    const { pathname } = new URL(req.url ?? '/', 'http://stand-in');
    const method = req.method ?? '';
    const body = text === '' ? undefined : (JSON.parse(text) as unknown);
    const key = req.headers['x-api-key'] as string | undefined;
    this.asked.push({ method, path: pathname, body, key, headers: req.headers });
    const isOpen = this.#dialect === 'B' && pathname === '/preview-thumbnail.jpg';
    if (!isOpen && key === undefined) return answer(res, 401, { detail: 'Not authenticated' });
    if (!isOpen && key !== this.key) return answer(res, 403, { detail: 'Invalid API Key' });
    const known =
      this.#dialect === 'A'
        ? await this.#dialectA(method, pathname, res)
        : await this.#dialectB(method, pathname, body, res);
    if (!known) answer(res, 404, { detail: 'Not Found' });
  }

  async #dialectA(method: string, path: string, res: ServerResponse): Promise<boolean> {
    if (method === 'GET' && path === '/camera/status') {
      const stream =
        this.fault === 'streaming' ? { mode: 'local', url: 'x', started_at: 'x', youtube_config: null } : null;
      answer(res, 200, { current_mode: stream ? 'video' : null, stream });
    } else if (method === 'POST' && path === '/images') {
      await this.#capture(res, 201, (id) => ({ image_url: `http://127.0.0.1:${this.port}/images/${id}` }));
    } else if (method === 'GET' && path.startsWith('/images/')) {
      const jpeg = this.#images.get(path.slice('/images/'.length));
      if (jpeg) res.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(jpeg);
      else answer(res, 404, { detail: 'Image not found' });
    } else return false;
    return true;
  }

  async #dialectB(method: string, path: string, body: unknown, res: ServerResponse): Promise<boolean> {
    if (method === 'GET' && path === '/camera') {
      answer(res, 200, { current_mode: 'photo', stream: null });
    } else if (method === 'POST' && path === '/captures') {
      const status = this.fault === 'queued' ? 'queued' : 'uploaded';
      await this.#capture(res, 201, () => ({ status, image_url: status === 'queued' ? null : this.foreign }));
    } else if (method === 'GET' && path === '/preview-thumbnail.jpg') {
      res.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(await this.#jpeg());
    } else if (method === 'GET' && path === '/camera/controls') {
      answer(res, 200, { supported: true, controls: {}, values: this.controls });
    } else if (method === 'PATCH' && path === '/camera/controls') {
      const { controls } = (body ?? {}) as { controls?: Record<string, unknown> };
      if (!controls || Object.keys(controls).length === 0) {
        answer(res, 422, { detail: [{ loc: ['body', 'controls'], msg: 'Field required', type: 'missing' }] });
      } else answer(res, 200, { supported: true, controls: {}, values: Object.assign(this.controls, controls) });
    } else return false;
    return true;
  }

  async #capture(res: ServerResponse, status: number, more: (id: string) => object): Promise<void> {
    if (this.fault === 'hanging') return;
    if (this.fault === 'failing') return answer(res, 500, { detail: 'Failed to capture image' });
    if (this.fault === 'streaming') return answer(res, 409, { detail: 'Stream is active' });
    const id = randomBytes(16).toString('hex');
    this.#images.set(id, await this.#jpeg());
    const metadata = {
      image_properties: { width: 640, height: 480, capture_time: '2026-11-20T12:00:00Z' },
      camera_properties: { camera_model: 'imx708' },
      capture_metadata: { exposure_time: 12_500, analogue_gain: 2.5, lux: 300 },
    };
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    answer(res, status, { image_id: id, metadata, expires_at, ...more(id) });
  }

  #jpeg(): Promise<Buffer> {
    if (this.fault === 'no jpeg') return Promise.resolve(Buffer.from('no picture'));
    return sharp({ create: { width: 640, height: 480, channels: 3, background: '#806020' } })
      .jpeg({ quality: 90 })
      .toBuffer();
  }
}

function answer(res: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }).end(text);
}
