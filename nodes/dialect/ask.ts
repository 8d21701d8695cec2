import type { RedeyeMessage } from '../lib/messages.ts';
import type { Ask } from './operation.ts';

interface RequestLike {
  method?: string;
  path?: string;
  protocol?: string;
  params?: Record<string, string>;
  query?: Record<string, unknown>;
  headers?: Record<string, string | undefined>;
}

/** Takes the request apart that `http in` put into a message; one without is asked with its payload. `basePath`: of PUBLIC_URL. */
export function askOf(msg: RedeyeMessage, basePath: string): Ask {
  const {
    method = 'GET',
    path = '/',
    protocol = 'http',
    params = {},
    query = {},
    headers = {},
  } = (msg.req ?? {}) as RequestLike;
  return {
    method: method.toUpperCase(),
    path,
    params,
    query: Object.fromEntries(Object.entries(query).map(([name, value]) => [name, textOf(value)])),
    body: method.toUpperCase() !== 'GET' && isObject(msg.payload) ? msg.payload : {},
    origin: `${protocol}://${headers.host ?? 'localhost'}${basePath}`,
    deviceKey: headers['x-device-key'] ?? headers['x-api-key'],
    payload: msg.payload,
    error: isObject(msg.error) ? msg.error : {},
  };
}

/** Twice the same name in an address counts once, the last one. */
function textOf(value: unknown): string | undefined {
  const one: unknown = Array.isArray(value) ? value.at(-1) : value;
  return typeof one === 'string' && one !== '' ? one : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}
