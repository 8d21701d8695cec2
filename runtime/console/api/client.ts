import { createClient, type Send } from '../../contracts/client/client.ts';
import type { ErrorBody } from '../../contracts/client/shapes.ts';

const HEADERS = { 'X-Redeye-Console': '1' };
const AUTH = 'api/v1/auth';

/** What the server refused, in its own words, with the code that the runbook explains. `status` 0: it could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;
  /** seconds after which another try makes sense */
  readonly retryAfterS: number | undefined;

  /** why, where the message is one that clients know by heart */
  readonly reason: string | undefined;

  constructor(
    status: number,
    body: { code: string; message: string; field?: string; reason?: string },
    retryAfterS?: number,
  ) {
    super(body.message);
    this.name = 'ApiError';
    this.status = status;
    this.code = body.code;
    this.field = body.field;
    this.reason = body.reason;
    this.retryAfterS = retryAfterS;
  }
}

/** What was thrown, as an ApiError. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError(0, {
    code: 'console.failed',
    message: thrown instanceof Error ? thrown.message : String(thrown),
  });
}

export type Query = Record<string, string | number | boolean | undefined>;

let renew: (() => Promise<boolean>) | undefined;

/** How a session that has run out is renewed: asked once for each refused request, which is then tried again. */
export function onExpired(how: () => Promise<boolean>): void {
  renew = how;
}

/** An address of the server, right below wherever it lies (PUBLIC_URL may hold a path). */
export function address(path: string): string {
  return new URL(path.replace(/^\//, ''), document.baseURI).toString();
}

/** Carries the requests of the generated client. */
export const send: Send = ({ method, path, query = {}, body, options = {} }) =>
  exchange(method, withQuery(path, query as Query), { body, ...options });

export const client = createClient(send);

interface How {
  body?: unknown;
  signal?: AbortSignal;
  idempotencyKey?: string;
}

async function exchange<T>(method: string, path: string, how: How): Promise<T> {
  const answer = await request(method, path, how);
  if (answer.ok) return bodyOf<T>(answer);
  const error = await refusal(answer);
  if (!isRenewable(path, error) || renew === undefined || !(await renew())) throw error;
  const second = await request(method, path, how);
  if (second.ok) return bodyOf<T>(second);
  throw await refusal(second);
}

async function bodyOf<T>(answer: Response): Promise<T> {
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** A wrong password is a 401 too, but no session would make it right. */
function isRenewable(path: string, error: ApiError): boolean {
  if (error.status !== 401 || path === `${AUTH}/login` || path === `${AUTH}/refresh`) return false;
  return path !== `${AUTH}/password` || error.code !== 'auth.invalid';
}

async function request(method: string, path: string, how: How): Promise<Response> {
  try {
    return await fetch(address(path), {
      method,
      headers: {
        ...HEADERS,
        ...(how.body !== undefined && { 'Content-Type': 'application/json' }),
        ...(how.idempotencyKey !== undefined && { 'Idempotency-Key': how.idempotencyKey }),
      },
      body: how.body === undefined ? undefined : JSON.stringify(how.body),
      credentials: 'same-origin',
      signal: how.signal,
    });
  } catch (cause) {
    if ((cause as Error).name === 'AbortError') throw cause;
    throw new ApiError(0, { code: 'console.unreachable', message: 'the server cannot be reached' });
  }
}

async function refusal(answer: Response): Promise<ApiError> {
  const retry = Number(answer.headers.get('Retry-After'));
  const body = (await answer.json().catch(() => undefined)) as ErrorBody | undefined;
  return new ApiError(
    answer.status,
    body?.code
      ? body
      : { code: `http.${answer.status}`, message: answer.statusText || `the server answered ${answer.status}` },
    Number.isFinite(retry) && retry > 0 ? retry : undefined,
  );
}

function withQuery(path: string, query: Query): string {
  const pairs = Object.entries(query).filter(
    (pair): pair is [string, string | number | boolean] => pair[1] !== undefined,
  );
  if (pairs.length === 0) return path;
  return `${path}?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}
