import type { Side } from './node-types.ts';

/** The systems whose HTTP APIs Redeye answers to, as OPEN_DIALECTS names them. */
export const DIALECT_NAMES = ['relab', 'uuplastination', 'compucyto', 'mediamtx', 'pivision'] as const;
/** What an entry of OPEN_DIALECTS looks like. */
export const OPEN_DIALECT = `^(${DIALECT_NAMES.join('|')})(@lan)?$`;
export type DialectName = (typeof DIALECT_NAMES)[number];

/** How a system tells of an error: its clients read nothing else. `service`: FastAPI in words only, also where values are wrong. */
export type ErrorShape = 'fastapi' | 'service' | 'nest' | 'mediamtx' | 'suite' | 'pivision';

/** Whether such a system tells a method that a path does not have (405) from a path that is not there: FastAPI and Next do, the others say 404 to both. */
export function tellsMethods(shape: ErrorShape): boolean {
  return shape === 'fastapi' || shape === 'service' || shape === 'suite';
}

/** A family of paths of one dialect. */
export interface DialectPath {
  dialect: DialectName;
  path: RegExp;
  shape: ErrorShape;
}

const SERVER: readonly DialectPath[] = [
  { dialect: 'relab', path: /^\/plugins\/rpi-cam\//, shape: 'fastapi' },
  { dialect: 'relab', path: /^\/users\/me\/cameras(\/|$)/, shape: 'fastapi' },
  { dialect: 'uuplastination', path: /^(\/secure)?\/(camera|webrtc)\//, shape: 'fastapi' },
  { dialect: 'uuplastination', path: /^(\/secure)?\/api\/(stats|metrics|system\/metrics)$/, shape: 'fastapi' },
  { dialect: 'uuplastination', path: /^(\/secure)?\/api\/(stepper|valve)\//, shape: 'fastapi' },
  { dialect: 'uuplastination', path: /^(\/secure)?\/logout$/, shape: 'fastapi' },
  { dialect: 'compucyto', path: /^\/api\/v1\/camera\//, shape: 'nest' },
  { dialect: 'compucyto', path: /^\/api\/v1\/(health|auth\/register|auth\/profile)$/, shape: 'nest' },
  { dialect: 'mediamtx', path: /^\/v3\//, shape: 'mediamtx' },
  { dialect: 'mediamtx', path: /^\/api\/auth\/(login|logout|session)$/, shape: 'suite' },
  { dialect: 'pivision', path: /^\/api\/v1\/admin\//, shape: 'pivision' },
  { dialect: 'pivision', path: /^\/static\//, shape: 'pivision' },
];

const EDGE: readonly DialectPath[] = [
  { dialect: 'compucyto', path: /^\/(capture|settings|settings\/auto-exposure\/once)$/, shape: 'service' },
  { dialect: 'compucyto', path: /^\/(captures|videos)\/./, shape: 'service' },
  { dialect: 'compucyto', path: /^\/video\//, shape: 'service' },
  { dialect: 'uuplastination', path: /^\/camera\/(start|stop|snapshot|stream\.mjpg)$/, shape: 'fastapi' },
  { dialect: 'relab', path: /^\/camera(\/(open|status|close|controls|focus))?$/, shape: 'fastapi' },
  { dialect: 'relab', path: /^\/(images|streams|preview|system|pairing)(\/|$)/, shape: 'fastapi' },
  { dialect: 'relab', path: /^\/stream(\/(start|status|stop|hls|hls\/.*))?$/, shape: 'fastapi' },
  {
    dialect: 'relab',
    path: /^\/(captures|local-key|setup|metrics|docs|openapi\.json|preview-thumbnail\.jpg)$/,
    shape: 'fastapi',
  },
];

const PATHS: Record<Side, readonly DialectPath[]> = { server: SERVER, edge: EDGE };

/** First path segments of the dialects: a camera of such a name would be shadowed by them. */
export const DIALECT_SEGMENTS = ['plugins', 'users', 'secure', 'camera', 'webrtc', 'v3', 'static'] as const;

/** The dialect that a path of that side belongs to; undefined for a path of nobody's. */
export function dialectAt(side: Side, path: string): DialectPath | undefined {
  return PATHS[side].find((one) => one.path.test(path));
}

/** The camera that dialects of one camera mean where nobody names one: the oldest, so that no other one takes its place by being added. */
export function oldestCamera<T extends { id: string; created_at: string }>(cameras: readonly T[]): T | undefined {
  const ageOf = ({ created_at, id }: T) => `${created_at} ${id}`;
  return cameras.toSorted((one, other) => (ageOf(one) < ageOf(other) ? -1 : 1))[0];
}

/** An error as clients of that system know it, with our code beside their fields; `loc`: where in the request, for FastAPI's 422. */
export function dialectError(
  shape: ErrorShape,
  { status, code, message, loc = ['body'] }: { status: number; code: string; message: string; loc?: readonly string[] },
): Record<string, unknown> {
  switch (shape) {
    case 'fastapi':
      return { detail: status === 422 ? [{ loc, msg: message, type: wrongAs(code, message) }] : message, code };
    case 'service':
      return { detail: message, code };
    case 'nest':
      return { statusCode: status, message, error: STATUS_WORDS[status] ?? 'Error', code };
    case 'mediamtx':
      return { status: 'error', error: message, code };
    case 'suite':
      return { success: false, message, code };
    case 'pivision':
      return { ok: false, error: message, code };
  }
}

/** What FastAPI calls a mistake in a request. */
function wrongAs(code: string, message: string): string {
  if (/Field required$/.test(message)) return 'missing';
  return code === 'request.invalid' && /JSON$/.test(message) ? 'json_invalid' : 'value_error';
}

const STATUS_WORDS: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};
