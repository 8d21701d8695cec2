import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  path: string;
  method: string;
  headers: IncomingMessage['headers'];
  body: Buffer;
  /** `meta` of a frame */
  meta?: Record<string, unknown>;
  /** the bytes of `image` */
  image?: Buffer;
}

export type Reply = (request: Received, response: ServerResponse) => unknown;

/** A real HTTP server whose answers a test writes; it keeps what it received. */
export class ScriptedServer {
  readonly received: Received[] = [];
  reply: Reply;
  #server: Server;

  constructor(reply: Reply) {
    this.reply = reply;
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const received = read(request, Buffer.concat(chunks));
        this.received.push(received);
        void this.reply(received, response);
      });
    });
  }

  /** Listens (on the same port again after a `stop`) and answers the address. */
  async start(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get frames(): Received[] {
    return this.received.filter((request) => request.path === '/api/v1/ingest/frame');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Answers with JSON. */
export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function read(request: IncomingMessage, body: Buffer): Received {
  const received: Received = {
    path: request.url ?? '',
    method: request.method ?? '',
    headers: request.headers,
    body,
  };
  const boundary = /boundary=(\S+)/.exec(request.headers['content-type'] ?? '')?.[1];
  if (!boundary) return received;
  for (const part of body.toString('latin1').split(`--${boundary}`)) {
    const [head = '', ...rest] = part.split('\r\n\r\n');
    const content = Buffer.from(rest.join('\r\n\r\n').replace(/\r\n$/, ''), 'latin1');
    if (head.includes('name="meta"')) received.meta = JSON.parse(content.toString());
    if (head.includes('name="image"')) received.image = content;
  }
  return received;
}
