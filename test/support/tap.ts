import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';

/** A request that came by, with what the asker was told. */
export interface Call {
  /** epoch ms at which it was there as a whole */
  at: number;
  method: string;
  /** with the query */
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  answer: Answer;
  /** the asker never got the answer */
  lost: boolean;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

/** What becomes of a request instead: the server does its work and the answer is lost, or somebody in between answers. */
export type Disturbance = 'lose the answer' | { status: number; headers?: Record<string, string>; body: string };

/** A reverse proxy of plain HTTP that keeps all it saw, and can stand in the way of single requests. */
export class Tap {
  readonly calls: Call[] = [];
  readonly #server = createServer((req, res) => void this.#pass(req, res));
  readonly #target: string;
  readonly #disturbances: { path: string; what: Disturbance }[] = [];
  readonly #delays = new Map<string, number>();

  private constructor(target: string) {
    this.#target = target;
  }

  static async start(target: string): Promise<Tap> {
    const tap = new Tap(target);
    await once(tap.#server.listen(0, '127.0.0.1'), 'listening');
    return tap;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next request to a path that begins so is disturbed. */
  disturb(path: string, what: Disturbance): void {
    this.#disturbances.push({ path, what });
  }

  /** Answers to paths that begin so take that much longer from now on, ms. */
  delay(path: string, ms: number): void {
    this.#delays.set(path, ms);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server.close(), 'close');
  }

  async #pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = req;
    try {
      const body = await buffer(req);
      const at = Date.now();
      const found = this.#disturbances.findIndex((one) => path.startsWith(one.path));
      const what = found < 0 ? undefined : this.#disturbances.splice(found, 1)[0]?.what;
      const lost = what === 'lose the answer';
      const answer =
        typeof what === 'object'
          ? { headers: {}, ...what, body: Buffer.from(what.body) }
          : await this.#ask(method, path, headers, body);
      for (const [begin, ms] of this.#delays) if (path.startsWith(begin)) await pause(ms);
      this.calls.push({ at, method, path, headers, body, answer, lost });
      if (lost) res.destroy();
      else res.writeHead(answer.status, answer.headers).end(answer.body);
    } catch {
      // The server or the device is gone: the other side sees a connection that breaks.
      res.destroy();
    }
  }

  async #ask(method: string, path: string, headers: IncomingHttpHeaders, body: Buffer): Promise<Answer> {
    const asked = request(this.#target + path, { method, headers: { ...headers, connection: 'close' } });
    asked.end(body);
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const { connection: _, 'transfer-encoding': __, ...kept } = response.headers;
    return { status: response.statusCode ?? 0, headers: kept, body: await buffer(response) };
  }
}
