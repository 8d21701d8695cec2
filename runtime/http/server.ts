import { readFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '../contracts/errors.ts';
import { createServer as createPlainServer, tlsHttp } from '../lib/builtin-http.ts';

/** Slow clients are cut off: headers within 10 s, the whole request within 60 s (a listening default of Node held 800 of 800). */
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 2_000,
  // The editor and the nodes for WebSockets take an address apart without a net: one that cannot be taken apart would end the process.
  shouldUpgradeCallback: (req: IncomingMessage) => isReadable(req),
};
const MAX_CONNECTIONS = 2000;

/** An address is a path, or whole: one that cannot be taken apart would be read differently by everybody who tries (RFC 9112 §3.2). */
function isReadable({ url = '' }: IncomingMessage): boolean {
  return url === '*' || url.startsWith('/') || URL.canParse(url);
}

/**
 * Node takes any list of codings that ends in `chunked`; what stands before it, a proxy in front of us may have read otherwise, and then
 * disagrees with us about where the request ends (RFC 9112 §6.1, §11.2).
 */
function isAmbiguous({ headers }: IncomingMessage): boolean {
  const coding = headers['transfer-encoding'];
  return coding !== undefined && coding.trim().toLowerCase() !== 'chunked';
}

function refuseAtOnce(res: ServerResponse): void {
  res.writeHead(400, { Connection: 'close', 'Content-Length': 0 });
  res.end(() => res.socket?.destroy());
}

/** The listening half: plain or TLS, with limits, opened and closed as one. */
export class HttpServer {
  readonly server: Server;
  readonly #host: string;
  readonly #port: number;
  readonly #setting: string;
  /** Every open connection: upgraded ones (MQTT, the editor) leave the server's own books. */
  readonly #sockets = new Set<Socket>();

  /** `setting`: which one is told to be wrong when the port cannot be had */
  constructor(options: {
    host: string;
    port: number;
    tls?: { certFile: string; keyFile: string } | undefined;
    setting?: string;
  }) {
    const { tls } = options;
    this.server = tls
      ? tlsHttp().createServer({
          ...LIMITS,
          cert: readFileSync(tls.certFile),
          key: readFileSync(tls.keyFile),
          minVersion: 'TLSv1.2',
        })
      : createPlainServer(LIMITS);
    this.server.maxConnections = MAX_CONNECTIONS;
    this.server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    this.#host = options.host;
    this.#port = options.port;
    this.#setting = options.setting ?? 'PORT';
  }

  /** Hands requests to the app; the server can be made (for upgrades) before the app is. */
  serve(app: RequestListener): void {
    this.server.on('request', (req: IncomingMessage, res: ServerResponse) => {
      if (isAmbiguous(req) || !isReadable(req)) refuseAtOnce(res);
      else app(req, res);
    });
  }

  /** Listens; answers the port it got (another one than asked for when that was 0). */
  async start(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be used: ${cause.message}`;
        const field = this.#setting;
        reject(new AppError('setting.invalid', `${field}: ${this.#host}:${this.#port} ${why}`, { field }, { cause }));
      });
      this.server.listen(this.#port, this.#host, resolve);
    });
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#port;
  }

  /** Takes no new requests and cuts what is left after a second: event streams never end by themselves. */
  async stop(): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, 1000);
    await closed;
    clearTimeout(cut);
  }
}
