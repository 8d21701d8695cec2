import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';

/** What the backend of seed 002 says word for word when its camera service cannot be reached (S2.14). */
export const SERVICE_GONE = 'Camera service unavailable';

const HEADER_PREFIX = 'header.';
const MAX_JSON = 1024 * 1024;
const MAX_PICTURE = 32 * 1024 * 1024;

export interface ServiceOptions {
  /** base address without credentials */
  url: string;
  /** sent with every call */
  headers: Readonly<Record<string, string>>;
  /** SERVICE_TIMEOUT (S2.16) */
  timeoutMs: number;
  clock: Clock;
}

export interface ServiceAnswer {
  status: number;
  type: string;
  body: Buffer;
}

export interface ServiceAsk {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  body?: unknown;
  /** a picture may be larger than an answer in JSON */
  picture?: boolean;
  signal?: AbortSignal | undefined;
}

/**
 * Calls of one camera service over kept-alive connections (S2.22), one limit for the whole answer. What stands in the way of an answer
 * (refused, too late, broken off, too large, sent elsewhere) is `camera.unreachable` with the words of S2.14 and the reason as cause;
 * what the service answers, good or bad, is the answer.
 */
export class ServiceCall {
  readonly #options: ServiceOptions;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  async ask({ method, path, body, picture = false, signal }: ServiceAsk): Promise<ServiceAnswer> {
    const { url, headers, timeoutMs, clock } = this.#options;
    const ending = new AbortController();
    const late = new Error(`no answer within ${timeoutMs / 1000} s`);
    const stopWaiting = clock.after(timeoutMs, () => ending.abort(late));
    const giveUp = () => ending.abort(signal?.reason);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      signal?.throwIfAborted();
      const response = await fetch(new URL(path.replace(/^\//, ''), url), {
        method,
        headers: { ...headers, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // Whoever answers must not send us, with our key, to an address that nobody allowed.
        redirect: 'error',
        signal: ending.signal,
      });
      const bytes = await readAll(response, picture ? MAX_PICTURE : MAX_JSON);
      return { status: response.status, type: response.headers.get('content-type') ?? '', body: bytes };
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      throw new AppError('camera.unreachable', SERVICE_GONE, { reason: reasonOf(cause) }, { cause });
    } finally {
      stopWaiting();
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** The JSON object of a good answer; refusals become AppErrors by `refusalOf`, what is no object `camera.bad_answer`. */
  async json(ask: ServiceAsk): Promise<Record<string, unknown>> {
    const answer = await this.ask(ask);
    if (answer.status >= 300) throw refusalOf(answer);
    const found = objectOf(answer.body);
    if (!found) throw new AppError('camera.bad_answer', 'the camera service answered with something that is no JSON');
    return found;
  }
}

/**
 * What a service's refusal is for us. Its own words are kept: `Camera not connected` stays exactly that (S2.15). A fault of the asker
 * stays one (seed 002's backend made a 503 of each).
 */
export function refusalOf({ status, body }: ServiceAnswer): AppError {
  const words = wordsOf(body);
  if (status === 401) return new AppError('camera.key_missing', 'the camera service wants a key (401)');
  if (status === 403)
    return new AppError('camera.key_refused', 'the camera service refuses the key it was given (403)');
  if (status === 422 || status === 400)
    return new AppError('request.invalid', words ?? 'the camera refuses these values');
  if (status === 409) return new AppError('camera.busy', words ?? 'the camera is busy with a stream');
  if (status === 503) return new AppError('camera.no_picture', words ?? 'Camera not connected', { status });
  return new AppError('camera.no_picture', words ?? `the camera service answered ${status}`, { status });
}

/** The `detail` of FastAPI: a text, or a list of what is wrong where. */
function wordsOf(body: Buffer): string | undefined {
  const detail = objectOf(body)?.detail;
  if (typeof detail === 'string') return detail.slice(0, 300);
  if (!Array.isArray(detail)) return undefined;
  const wrong = detail.flatMap((entry: { loc?: unknown; msg?: unknown } | null) => {
    if (typeof entry?.msg !== 'string') return [];
    const where = Array.isArray(entry.loc) ? entry.loc.filter((part) => part !== 'body').join('.') : '';
    return [where === '' ? entry.msg : `${where}: ${entry.msg}`];
  });
  return wrong.length > 0 ? wrong.join('; ').slice(0, 300) : undefined;
}

/** The bytes as a JSON object; undefined for anything else. */
export function objectOf(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function readAll(response: Response, limit: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > limit) throw new Error(`the answer is larger than ${limit} bytes`);
    parts.push(part);
  }
  const claimed = Number(response.headers.get('content-length'));
  if (response.headers.has('content-length') && claimed !== size) throw new Error('the answer broke off');
  return Buffer.concat(parts);
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } };
  return cause?.code ?? cause?.message ?? message ?? String(error);
}

/** A camera service's address taken apart: nothing secret is left in `url`. */
export interface ServiceAddress {
  url: string;
  /** its password, or its user name when there is none */
  secret: string | undefined;
  /** other headers that are sent (S0.25), given as `?header.Name=value` */
  headers: Record<string, string>;
}

/** Takes apart what was typed as a camera's address. */
export function splitSecret(address: string): ServiceAddress {
  const url = new URL(address);
  const secret = decodeURIComponent(url.password === '' ? url.username : url.password);
  const named = [...url.searchParams].filter(([name]) => name.startsWith(HEADER_PREFIX));
  url.username = '';
  url.password = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  url.search = '';
  url.hash = '';
  return {
    url: url.href,
    secret: secret === '' ? undefined : secret,
    headers: Object.fromEntries(named.map(([name, value]) => [name.slice(HEADER_PREFIX.length), value])),
  };
}
