import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type DialectName,
  type DialectPath,
  dialectAt,
  dialectError,
  tellsMethods,
} from '../../runtime/contracts/dialects.ts';
import { AppError, toAppError } from '../../runtime/contracts/errors.ts';
import { allowOf } from '../../runtime/lib/methods.ts';
import { withoutCallback } from '../../runtime/lib/openness.ts';
import { admit } from './camera-api.ts';

const MOST_BYTES = 64 * 1024;
/** Moving pictures are no flow: Redeye's live part shows them. */
const MOVING = new Set(['/video/feed', '/camera/stream.mjpg']);

export interface DialectDoorOptions {
  /** Throws `auth.*` for whoever may not use the device. */
  check: (req: IncomingMessage) => void;
  isOpen: (name: DialectName, ip: string) => boolean;
  /** Shows the first camera's moving picture to who was let in here. */
  showMoving: (req: IncomingMessage, res: ServerResponse, camera: string) => Promise<void>;
  /** Shows what is answered here, as a page or a document, to who was let in; undefined for another path. */
  docs: (path: string) => { type: string; text: string } | undefined;
  /** What flows answer; calls `next` for a path that none of them has. */
  flows: (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;
  /** The methods that flows answer at a path. */
  methods: (path: string) => string[];
  /** whether there are flows that could have it; else it may be there in a moment */
  isRunning: () => boolean;
}

/**
 * In front of the dialects' flows of a device: its key, or a dialect that OPEN_DIALECTS names, and a body that can be read. Refusals have
 * the shape that clients of the dialect know.
 */
export class DialectDoor {
  readonly #options: DialectDoorOptions;

  constructor(options: DialectDoorOptions) {
    this.#options = options;
  }

  /** Serves the request if its path is a dialect's; false when it is not. Never throws. */
  async serve(req: IncomingMessage, res: ServerResponse, url: URL): Promise<boolean> {
    const found = dialectAt('edge', url.pathname);
    if (!found) return false;
    try {
      this.#enter(req, found);
      const shown = this.#options.docs(url.pathname);
      if (shown) show(req, res, shown);
      else if (MOVING.has(url.pathname)) {
        if (req.method !== 'GET' && req.method !== 'HEAD') throw otherMethod(res, ['get']);
        await this.#options.showMoving(req, res, url.searchParams.get('camera') ?? '');
      } else await this.#answer(req, res, found);
    } catch (thrown) {
      if (res.headersSent) res.destroy();
      else if (url.pathname === '/docs' && isPersonWithoutKey(req, thrown))
        res.writeHead(303, { Location: '/login?redirect_url=%2Fdocs' }).end();
      else refuse(req, res, found, toAppError(thrown));
    }
    return true;
  }

  #enter(req: IncomingMessage, { dialect }: DialectPath): void {
    let hasKey = false;
    try {
      this.#options.check(req);
      hasKey = true;
    } catch (thrown) {
      const isOpen = this.#options.isOpen(dialect, req.socket.remoteAddress ?? '');
      if (toAppError(thrown).code !== 'auth.missing' || !isOpen) throw thrown;
    }
    admit(req, hasKey);
  }

  async #answer(req: IncomingMessage, res: ServerResponse, found: DialectPath): Promise<void> {
    const read = req as IncomingMessage & { body?: unknown; _body?: boolean };
    read.body = bodyOf(req, await textOf(req));
    // Node-RED's own parsers answer 500 to what they cannot read: they need not look again.
    read._body = true;
    req.url = withoutCallback(req.url ?? '/');
    const path = req.url.split('?', 1)[0] ?? '/';
    await new Promise<void>((resolve, reject) => {
      res.once('close', resolve);
      this.#options.flows(req, res, (error) => reject(error ?? this.#notThere(res, found, path)));
    });
  }

  #notThere(res: ServerResponse, { shape }: DialectPath, path: string): AppError {
    const methods = tellsMethods(shape) ? this.#options.methods(path) : [];
    if (this.#options.isRunning())
      return methods.length === 0 ? new AppError('route.not_found', 'Not Found') : otherMethod(res, methods);
    return new AppError('flows.stopped', 'the flows of the device do not run yet', { retryAfterS: 2 });
  }
}

/** In the words of FastAPI, with `Allow`. */
function otherMethod(res: ServerResponse, methods: string[]): AppError {
  res.setHeader('Allow', allowOf(methods));
  return new AppError('route.method_not_allowed', 'Method Not Allowed');
}

/** A person is shown where to give a key; a program is told. */
function isPersonWithoutKey(req: IncomingMessage, thrown: unknown): boolean {
  return toAppError(thrown).status === 401 && (req.headers.accept ?? '').includes('text/html');
}

function show(req: IncomingMessage, res: ServerResponse, { type, text }: { type: string; text: string }): void {
  if (req.method !== 'GET' && req.method !== 'HEAD') throw otherMethod(res, ['get']);
  res.setHeader('Content-Type', type);
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.setHeader(
    'Content-Security-Policy',
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  );
  res.end(req.method === 'HEAD' ? undefined : text);
}

async function textOf(req: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of req as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MOST_BYTES) throw new AppError('request.too_large', 'the body is too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function bodyOf({ headers }: IncomingMessage, text: string): unknown {
  if (text === '') return {};
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') return Object.fromEntries(new URLSearchParams(text));
  if (type !== 'application/json') {
    throw new AppError('request.unsupported_type', 'the body must be JSON, with Content-Type: application/json');
  }
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && !text.includes('\\u0000')) return body;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new AppError('request.invalid', 'the body is not valid JSON');
}

function refuse(req: IncomingMessage, res: ServerResponse, { dialect, shape }: DialectPath, error: AppError): void {
  // A wrong key is 403 at seed 000 (§2.0); one that is missing is 401 everywhere.
  const isWrongKey = error.code === 'auth.invalid' && dialect === 'relab';
  const status = isWrongKey ? 403 : error.code === 'request.invalid' ? 422 : error.status;
  const hidden = error.code === 'internal.error' ? 'something went wrong on the device' : error.message;
  const message = isWrongKey ? 'Invalid API Key' : hidden;
  if (error.details.retryAfterS !== undefined)
    res.setHeader('Retry-After', String(Math.ceil(error.details.retryAfterS)));
  if (!req.complete) res.setHeader('Connection', 'close');
  if (error.code === 'route.method_not_allowed' && req.method === 'OPTIONS') {
    // `Allow` says it already.
    res.writeHead(204).end();
    return;
  }
  const body = JSON.stringify(dialectError(shape, { status, code: error.code, message }));
  res.statusCode = status;
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.end(body);
}
