import type { IncomingMessage, RequestListener } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import type { ApiAnswer, ApiHost, ApiRequest } from '../../contracts/api-host.ts';
import { AppError } from '../../contracts/errors.ts';
import type { User } from '../../contracts/users.ts';
import { createServer, requestHttp as startRequest } from '../../lib/builtin-http.ts';

/** Who stands behind a request that came in. */
export interface Asker {
  user: User | undefined;
  ip: string;
  /** address under which the server was asked, as `redeye.local:1880` */
  host: string;
  isSecure: boolean;
  cookie: string | undefined;
}

/**
 * Asks our own HTTP face without a network: a pair of streams joins Node's client with Node's server, so that a request takes the same
 * way as any other, through the same checks. The asker is known by the connection, which nobody outside can make.
 */
export class InProcess implements ApiHost {
  readonly dialectCamera: string | undefined;
  readonly basePath: string;
  readonly #askers = new WeakMap<object, Asker>();
  readonly #acting = new WeakMap<object, User>();
  #listener: RequestListener | undefined;
  readonly #server = createServer((req, res) => {
    if (this.#listener) this.#listener(req, res);
    else res.writeHead(503).end();
  });

  constructor(options: { dialectCamera?: string | undefined; basePath?: string } = {}) {
    this.dialectCamera = options.dialectCamera;
    this.basePath = options.basePath ?? '';
  }

  /** What answers from now on. */
  serve(listener: RequestListener): void {
    this.#listener = listener;
  }

  /** Notes who sent a request, so that a flow may ask in their name. */
  remember(req: object, asker: Asker): void {
    this.#askers.set(req, asker);
  }

  /** The user who sent a request that was noted. */
  userOf(req: object): User | undefined {
    return this.#askers.get(req)?.user;
  }

  /** The user in whose name a request of our own is made; undefined for one from outside. */
  actingUser(req: IncomingMessage): User | undefined {
    return this.#acting.get(req.socket);
  }

  async call({ method, path, body, headers = {} }: ApiRequest, askedBy: unknown): Promise<ApiAnswer> {
    const asker = typeof askedBy === 'object' && askedBy !== null ? this.#askers.get(askedBy) : undefined;
    const [ours, theirs] = duplexPair();
    // What Express and our routes ask of a socket: the address of who asks, for the audit log and the limits of logins, and a clock for
    // readers that are stuck, which there are none of here.
    Object.assign(theirs, { remoteAddress: asker?.ip, encrypted: asker?.isSecure, setTimeout: () => theirs });
    if (asker?.user) this.#acting.set(theirs, asker.user);
    this.#server.emit('connection', theirs);
    const text = body === undefined ? undefined : JSON.stringify(body);
    try {
      return await ask(ours, {
        method,
        path: `/api/v1${path}`,
        headers: {
          host: asker?.host ?? 'localhost',
          ...(asker?.cookie !== undefined && { cookie: asker.cookie }),
          ...(text !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        text,
      });
    } finally {
      ours.destroy();
      theirs.destroy();
    }
  }
}

function ask(
  connection: Duplex,
  {
    method,
    path,
    headers,
    text,
  }: { method: string; path: string; headers: Record<string, string>; text?: string | undefined },
): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(new AppError('internal.error', 'the product API gave no answer', {}, { cause }));
    const request = startRequest({ method, path, headers, createConnection: () => connection }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', fail);
      response.on('end', () => {
        const bytes = Buffer.concat(parts);
        const isJson = /\bjson\b/.test(response.headers['content-type'] ?? '');
        const body: unknown = bytes.length === 0 ? undefined : isJson ? JSON.parse(bytes.toString('utf8')) : bytes;
        resolve({ status: response.statusCode ?? 500, headers: response.headers, body });
      });
    });
    request.on('error', fail);
    request.end(text);
  });
}
