/** What a request must come to. `refused`: a 4xx, or the connection is cut. `harmless`: any answer below 500, since nothing is changed by it. */
export type Expected = 'refused' | 'harmless';

/** One hostile request, as it goes over the wire. */
export interface Attack {
  /** says in a failed test which one it was */
  name: string;
  bytes: Buffer;
  expected: Expected;
}

/** A request to be written as HTTP/1.1. Header values are not looked at: what a client library would refuse goes out as it is. */
export interface HostileRequest {
  method: string;
  target: string;
  headers?: Record<string, string>;
  body?: Buffer | string;
}

/** Where the hostile requests are born: what they know of the server. */
export interface Target {
  /** header `Host` */
  host: string;
  /** of an administrator who may do everything: so that what is refused is refused for its content */
  token: string;
  /** devices with their keys; several, since each has its own rate limit */
  devices: readonly { id: string; key: string }[];
  /** an event that exists */
  event: string;
  /** planted in every password, token, key and address: must never be seen in the log */
  secret: string;
}

/** Names of headers that would show that an answer was split. */
export const INJECTED_HEADER = 'x-injected';
/** Must never come back unescaped as HTML. */
export const SCRIPT = '<script>alert(1)</script>';

/** The bytes of a request that asks for the connection to be closed, with a true Content-Length unless the headers say otherwise. */
export function encode(host: string, { method, target, headers = {}, body }: HostileRequest): Buffer {
  const content = Buffer.from(body ?? '');
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const lines = [`${method} ${target} HTTP/1.1`];
  if (!names.has('host')) lines.push(`Host: ${host}`);
  if (!names.has('connection')) lines.push('Connection: close');
  const hasLength = names.has('content-length') || names.has('transfer-encoding');
  if (body !== undefined && !hasLength) lines.push(`Content-Length: ${content.length}`);
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), content]);
}

/** Makes attacks of one kind without repeating host and expectation. */
export function attacks(
  host: string,
  expected: Expected,
  list: readonly (HostileRequest & { name: string })[],
): Attack[] {
  return list.map(({ name, ...request }) => ({ name, expected, bytes: encode(host, request) }));
}
