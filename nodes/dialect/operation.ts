import type { ApiAnswer, ApiHost, ApiRequest } from '../../runtime/contracts/api-host.ts';
import { oldestCamera } from '../../runtime/contracts/dialects.ts';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Host } from '../../runtime/contracts/host.ts';

/** A request of the dialect, taken apart. Texts of address and body are the client's: nothing of them is checked yet. */
export interface Ask {
  method: string;
  path: string;
  params: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string | undefined>>;
  body: Readonly<Record<string, unknown>>;
  /** address under which the server was asked, with the path of PUBLIC_URL, as `http://redeye.local:1880` */
  origin: string;
  /** key that a device showed (X-DEVICE-KEY, X-API-Key); not checked */
  deviceKey: string | undefined;
  /** the message's payload as it is */
  payload: unknown;
  /** what a `catch` node put on the message */
  error: { code?: string; message?: string };
}

/** What goes back. A text or Buffer is sent as it is, anything else as JSON. */
export interface Reply {
  status: number;
  body?: unknown;
  headers?: Record<string, string | string[]>;
  /** no answer yet: this payload goes on, at the second output */
  onward?: unknown;
}

/** What operations work with. */
export interface Tools {
  readonly host: Host;
  /** What the product API answers to the asker, for the caller to read; a refusal is thrown as `Refusal`. */
  api(method: ApiRequest['method'], path: string, body?: unknown): Promise<unknown>;
  /** All of a list of the product API, however many pages it has, as it comes: the newest first. A refusal is thrown. */
  all<T>(path: string): Promise<T[]>;
  /** Cameras that the asker may see, in the order in which dialects know them. */
  cameras(): Promise<CameraRow[]>;
  /** One answer with status and headers, good or bad. */
  raw(request: ApiRequest): Promise<ApiAnswer>;
  /** The camera that is meant: `?camera=`, else DIALECT_CAMERA, else the first one that the asker may see. */
  camera(): Promise<CameraRow>;
  /** Its id alone: where it is named, nobody is asked whether it is there. */
  cameraId(): Promise<string>;
  /** Keeps something for as long as the node runs. */
  readonly memory: Map<string, unknown>;
}

/** A camera as the product API lists it. */
export interface CameraRow {
  id: string;
  name: string;
  device: string;
  driver: string;
  state: string;
  reason?: string | null;
  description?: string | null;
  last_frame: string | null;
  created_at: string;
  updated_at?: string;
  /** whether Redeye sends it a key, and the names of other headers */
  has_key?: boolean;
  headers?: string[];
}

export type Operation = (ask: Ask, tools: Tools) => Promise<Reply> | Reply;

/** A refusal on its way to the client, in nobody's shape yet. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  /** where in the request the mistake is, as `['body', 'name']` */
  readonly loc: readonly string[];

  constructor(status: number, code: string, message: string, loc: readonly string[] = ['body']) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
    this.code = code;
    this.loc = loc;
  }
}

/** Makes the tools of one request. */
export function toolsFor(host: Host, api: ApiHost, ask: Ask, askedBy: unknown, memory: Tools['memory']): Tools {
  const raw = (request: ApiRequest) => api.call(request, askedBy);
  const wanted = ask.query.camera ?? ask.params.camera ?? api.dialectCamera;
  const tools: Tools = {
    host,
    raw,
    memory,
    async api(method, path, body) {
      const answer = await raw({ method, path, ...(body !== undefined && { body }) });
      if (answer.status >= 400) throw refusalOf(answer);
      return answer.body;
    },
    async all<T>(path: string) {
      const items: T[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const more =
          cursor === '' ? '' : `${path.includes('?') ? '&' : '?'}limit=200&cursor=${encodeURIComponent(cursor)}`;
        const page = (await tools.api('GET', path + more)) as { items: T[]; next?: string | null };
        items.push(...page.items);
        cursor = page.next ?? null;
      }
      return items;
    },
    async cameras() {
      const items = await tools.all<CameraRow>('/cameras');
      return host.side === 'server' ? items.sort(byId) : items;
    },
    cameraId: async () => (wanted === undefined ? (await tools.camera()).id : encodeURIComponent(wanted)),
    async camera() {
      const items = await tools.cameras();
      // A device has its own order.
      const first = host.side === 'server' ? oldestCamera(items) : items[0];
      const found = wanted === undefined ? first : items.find(({ id }) => id === wanted);
      if (!found)
        throw new Refusal(404, 'camera.not_found', wanted ? `there is no camera ${wanted}` : 'there is no camera');
      return found;
    },
  };
  return tools;
}

/** For lists that are shown by id. */
export function byId<T extends { id: string }>(one: T, other: T): number {
  return one.id < other.id ? -1 : 1;
}

/** A refusal of the product API. */
export function refusalOf({ status, body }: ApiAnswer): Refusal {
  const {
    code = 'internal.error',
    message = 'the request was refused',
    field,
  } = (body ?? {}) as {
    code?: string;
    message?: string;
    field?: string;
  };
  return new Refusal(status, code, message, field === undefined ? ['body'] : ['body', field]);
}

/** 422, as FastAPI has it for a value that is not there. */
export function required(name: string, from: 'body' | 'query' = 'body'): Refusal {
  return new Refusal(422, 'request.invalid', `${name}: Field required`, [from, name]);
}

/** 422 for a value that cannot be taken, with why in words. */
export function invalid(name: string, words: string, from: 'body' | 'query' = 'body'): Refusal {
  return new Refusal(422, 'request.invalid', words, [from, name]);
}

/** Whatever was thrown, as a refusal; what nobody foresaw is 500 without its words. */
export function asRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown;
  if (thrown instanceof AppError) return new Refusal(thrown.status, thrown.code, thrown.message);
  return new Refusal(500, 'internal.error', 'something went wrong on our side; the log says what');
}

/** A text of the body that must have so many characters, where it is given. Throws 422. */
export function textIn(value: unknown, name: string, least: number, most: number): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.length >= least && value.length <= most) return value;
  throw invalid(name, `${name} must be a text of ${least} to ${most} characters`);
}

/** A number of the body or query that must lie in a range, where it is given. Throws 422 or, with `status`, another refusal. */
export function numberIn(
  value: unknown,
  name: string,
  { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, whole = false, status = 422, from = 'body' } = {},
): number | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const number = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  const isFit = typeof number === 'number' && Number.isFinite(number) && number >= min && number <= max;
  if (!isFit || (whole && !Number.isInteger(number))) {
    throw new Refusal(
      status,
      'request.invalid',
      `${name} must be ${whole ? 'a whole number' : 'a number'}${rangeWords(min, max)}`,
      [from, name],
    );
  }
  return number as number;
}

function rangeWords(min: number, max: number): string {
  if (Number.isFinite(min) && Number.isFinite(max)) return ` from ${min} to ${max}`;
  return Number.isFinite(min) ? ` of at least ${min}` : '';
}

/** What a route answers that this version leaves out. */
export function leftOut(what: string): Operation {
  return () => {
    throw new Refusal(501, 'dialect.left_out', `${what} is not answered by Redeye`);
  };
}
