import { gzipSync } from 'node:zlib';
import { type Attack, attacks, type HostileRequest, type Target } from './attack.ts';
import type { Operation } from './openapi.ts';
import type { Random } from './random.ts';
import { forgedTokens } from './tokens.ts';
import { brokenJson, INJECTIONS, RAW_SEGMENTS, WRONG_VALUES } from './words.ts';

type Named = HostileRequest & { name: string };
const JSON_TYPE = 'application/json';
const NOWHERE = '00000000-0000-7000-8000-000000000000';

/** Hostile requests to the product's own API, over every operation that it publishes. */
export function apiAttacks(target: Target, operations: readonly Operation[], random: Random): Attack[] {
  const product = operations.filter((operation) => !operation.isDeviceContract);
  return [
    ...operations.flatMap((operation) => credentialAttacks(target, operation)),
    ...operations.flatMap((operation) => parameterAttacks(target, operation)),
    ...operations.flatMap((operation) => queryAttacks(target, operation, random)),
    ...product.flatMap((operation) => bodyAttacks(target, operation)),
    ...operations.flatMap((operation) => methodAttacks(target, operation, operations)),
  ];
}

/** The path with ids of what exists, so that a request is refused for nothing but its content. */
function pathOf({ path }: Operation, target: Target): string {
  const device = target.devices[0]?.id ?? '';
  return path
    .replace('{file}', 'pre.jpg')
    .replace('/devices/{id}', `/devices/${device}`)
    .replace('/cameras/{id}', `/cameras/${device}-cam`)
    .replace('/events/{id}', `/events/${target.event}`)
    .replace('{id}', NOWHERE);
}

/** No, wrong and forged credentials. An open operation must refuse the empty body. */
function credentialAttacks(target: Target, operation: Operation): Attack[] {
  const { method, isOpen } = operation;
  const path = pathOf(operation, target);
  const key = target.devices[0]?.key ?? '';
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  const headers: Record<string, Record<string, string>> = {
    none: {},
    'empty bearer': { Authorization: 'Bearer ' },
    'only the scheme': { Authorization: 'Bearer' },
    basic: { Authorization: basic(`mallory:${target.secret}`) },
    'token as basic': { Authorization: basic(`mallory:${target.token}`) },
    digest: { Authorization: `Digest username="admin", response="${target.secret}"` },
    'device key as token': { Authorization: `Bearer ${key}` },
    'two tokens': { Authorization: `Bearer ${target.token} ${target.token}` },
    'forged cookie': { Cookie: `redeye_session=${target.secret}` },
    'cookies in a crowd': { Cookie: `${'a=b; '.repeat(500)}redeye_session=${target.secret}` },
    'token in another header': {
      'X-Access-Token': target.token,
      'X-Forwarded-User': 'admin',
      'X-Remote-User': 'admin',
    },
  };
  if (!operation.isDeviceContract) headers['device key'] = { 'X-DEVICE-KEY': key, 'X-API-Key': key };
  else headers['token of a user as key'] = { 'X-DEVICE-KEY': target.token };
  if (method !== 'GET')
    headers['cookie from another page'] = { Cookie: `redeye_session=${target.token}`, Origin: 'http://evil.example' };
  for (const [name, token] of Object.entries(forgedTokens(target.token, target.secret)))
    headers[name] = { Authorization: `Bearer ${token}` };
  const list = Object.entries(headers).map(
    ([name, headers]): Named => ({
      name: `${method} ${operation.path}, credential: ${name}`,
      method,
      target: path,
      headers,
    }),
  );
  const inAddress = {
    method,
    target: `${path}?access_token=${target.token}&token=${target.token}&secret=${target.secret}`,
  };
  list.push({ name: `${method} ${operation.path}, credential: token in the address`, ...inAddress });
  // Without a body, an open operation has nothing to say yes to.
  return attacks(target.host, isOpen && method === 'GET' ? 'harmless' : 'refused', list);
}

/** Every parameter of the path with every text that could mean something on the way. */
function parameterAttacks(target: Target, operation: Operation): Attack[] {
  const { method, path, parameters, fields } = operation;
  const segments = [...INJECTIONS.filter((text) => text.length < 3000).map(encodeWhole), ...RAW_SEGMENTS];
  const list = parameters.flatMap((parameter) =>
    segments.map((segment): Named => {
      const others = pathOf({ ...operation, path: path.replace(`{${parameter}}`, '\u0001') }, target);
      return {
        name: `${method} ${path}, ${parameter}: ${segment.slice(0, 60)}`,
        method,
        target: others.replace('\u0001', segment),
        headers: { Authorization: `Bearer ${target.token}`, ...(fields && { 'Content-Type': JSON_TYPE }) },
        ...(fields && { body: JSON.stringify(plausible(fields)) }),
      };
    }),
  );
  return attacks(target.host, 'refused', list);
}

/** A body that the schema would let pass, where there is a short one. */
function plausible(fields: readonly string[]): object {
  if (fields.includes('keep')) return { keep: true };
  if (fields.includes('rois')) return { rois: [] };
  if (fields.includes('name')) return { name: 'Mallory was here' };
  return fields.includes('burst_fps') ? { burst_fps: 3 } : {};
}

function queryAttacks(target: Target, { method, path, query, isStream, ...rest }: Operation, random: Random): Attack[] {
  if (method !== 'GET' || isStream) return [];
  const headers: Record<string, string> = rest.isDeviceContract
    ? { 'X-DEVICE-KEY': target.devices[0]?.key ?? '' }
    : { Authorization: `Bearer ${target.token}` };
  const to = (name: string, search: string): Named => ({
    name: `GET ${path}, query: ${name}`,
    method,
    target: `${pathOf({ method, path, query, isStream, ...rest }, target)}?${search}`,
    headers,
  });
  const strict = query.flatMap((name) =>
    ['device', 'camera', 'cursor', 'type', 'status', 'reviewed'].includes(name)
      ? INJECTIONS.filter((text) => !/^[a-z0-9][a-z0-9_-]*$/.test(text)).map((text) =>
          to(name, `${name}=${encodeWhole(text)}`),
        )
      : [],
  );
  const odd = [
    ...query.flatMap((name) => [
      ...random
        .shuffled(INJECTIONS)
        .slice(0, 12)
        .map((text) => to(name, `${name}=${encodeWhole(text)}`)),
      ...[
        '',
        '%00',
        '%ff',
        '1e2',
        '1e999',
        '-0',
        'NaN',
        'Infinity',
        '%2B1',
        '99999999999999999',
        '8640000000000000',
        '253402300800000',
      ].map((text) => to(name, `${name}=${text}`)),
      to(`${name} twice`, `${name}=1&${name}=2`),
      to(`${name} as a list`, `${name}[]=1&${name}[$ne]=1`),
    ]),
    ...[
      '__proto__=x',
      '__proto__=x&__proto__=y',
      'constructor=x',
      'toString=1&toString=2',
      '__proto__[limit]=1',
      '%00=1',
      '%',
      '&&&&',
      '=',
      '?',
      `${'a=1&'.repeat(1500)}`,
      `q=${'x'.repeat(8000)}`,
    ].map((search) => to(search.slice(0, 40), search)),
  ];
  return [...attacks(target.host, 'refused', strict), ...attacks(target.host, 'harmless', odd)];
}

/** Bodies that are no JSON, no object, of wrong type, too large, or have fields that nobody knows. */
function bodyAttacks(target: Target, operation: Operation): Attack[] {
  const { method, path, fields } = operation;
  if (!fields) return [];
  const field = fields[0] ?? 'x';
  const post = (name: string, body: Buffer | string, headers: Record<string, string> = {}): Named => ({
    name: `${method} ${path}, ${name}`,
    method,
    target: pathOf(operation, target),
    headers: { Authorization: `Bearer ${target.token}`, 'Content-Type': JSON_TYPE, ...headers },
    body,
  });
  const valid = JSON.stringify({
    ...plausible(fields),
    password: target.secret,
    email: 'nobody',
    current_password: target.secret,
  });
  const wrong = fields.flatMap((name) => {
    const values = WRONG_VALUES.filter((value) => !mayBe(name, value));
    return values.map((value) => {
      const text = JSON.stringify({ ...required(fields, target.secret), [name]: value });
      return post(`${name}: ${JSON.stringify(value).slice(0, 40)}`, text);
    });
  });
  // An empty object is what some of them take for "everything as it is".
  const broken = brokenJson(field, target.secret).filter((text) => text.trim() !== '' || method !== 'POST');
  const list = [
    ...broken.filter((text) => text !== '').map((text) => post(`body ${text.slice(0, 50)}`, text)),
    ...wrong,
    post('65 KB', JSON.stringify({ [field]: 'x'.repeat(65_536) })),
    post('1 MB', JSON.stringify({ [field]: 'x'.repeat(1_000_000) })),
    post('a packed bomb', gzipSync(`{"${field}":"${'0'.repeat(10_000_000)}"}`), { 'Content-Encoding': 'gzip' }),
    post('said to be packed', valid, { 'Content-Encoding': 'gzip' }),
    post('packed by nobody knows what', valid, { 'Content-Encoding': 'zip' }),
    post('UTF-16', Buffer.from(valid, 'utf16le'), { 'Content-Type': `${JSON_TYPE}; charset=utf-16` }),
    post('an unknown charset', valid, { 'Content-Type': `${JSON_TYPE}; charset=x-unknown` }),
    post('no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xc0, 0x22, 0x3a, 0x31, 0x7d])),
    post('a form', form(fields, target.secret), { 'Content-Type': 'application/x-www-form-urlencoded' }),
    ...['', 'text/plain', 'text/xml', 'multipart/form-data; boundary=x', 'application/jsonp', `${JSON_TYPE}\u0000`].map(
      (type) =>
        post(`type ${JSON.stringify(type)}`, JSON.stringify({ ...required(fields, target.secret), unheard_of: 1 }), {
          'Content-Type': type,
        }),
    ),
  ];
  return attacks(target.host, 'refused', list);
}

function form(fields: readonly string[], secret: string): string {
  return fields.map((name) => `${name}=${secret}`).join('&');
}

/** What a body must have besides, so that the wrong value is all that is wrong. */
function required(fields: readonly string[], secret: string): Record<string, unknown> {
  if (fields.includes('password')) return { email: 'nobody', password: secret };
  if (fields.includes('current_password')) return { current_password: secret, new_password: `${secret}-new` };
  if (fields.includes('refresh_token')) return { refresh_token: secret };
  if (fields.includes('device')) return { name: 'x', url: 'sim:gradient' };
  return {};
}

/** Values of the list that a field may have after all. */
function mayBe(name: string, value: unknown): boolean {
  const isText = typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
  if (name === 'note' && (value === null || isText)) return true;
  if (name === 'verdict' && (value === null || value === true)) return true;
  if (['keep', 'reviewed', 'disabled', 'dry_run', 'signed', 'end_old'].includes(name) && value === true) return true;
  if ((name === 'rois' || name === 'headers') && Array.isArray(value) && value.length === 0) return true;
  if (['key', 'description'].includes(name) && value === null) return true;
  if (name === 'description' && value === '') return true;
  if (name === 'groups' && Array.isArray(value) && value.every((group) => typeof group === 'string')) return true;
  return (
    typeof value === 'number' &&
    Number.isFinite(value) &&
    value > 0 &&
    !['id', 'name', 'email', 'password'].includes(name)
  );
}

/** Methods that an operation does not have, and headers that claim another one. */
function methodAttacks(target: Target, operation: Operation, all: readonly Operation[]): Attack[] {
  const path = pathOf(operation, target);
  const has = (method: string) => all.some((other) => other.path === operation.path && other.method === method);
  const headers = { Authorization: `Bearer ${target.token}` };
  const named = (method: string, more: Record<string, string> = {}): Named => ({
    name: `${method} instead of ${operation.method} ${operation.path} ${Object.keys(more).join()}`,
    method,
    target: path,
    headers: { ...headers, ...more },
  });
  const refused = [
    'PUT',
    'PATCH',
    'DELETE',
    'PROPFIND',
    'MKCOL',
    'TRACE',
    'LOCK',
    'get',
    'BREW',
    'G\u0000T',
    'POST /x HTTP/1.1\r\nA',
  ].filter((method) => !has(method));
  const overridden = { 'X-HTTP-Method-Override': 'DELETE', 'X-HTTP-Method': 'DELETE', 'X-Method-Override': 'DELETE' };
  return [
    ...attacks(
      target.host,
      'refused',
      refused.map((method) => named(method)),
    ),
    ...attacks(target.host, 'harmless', [
      named('OPTIONS'),
      named('HEAD'),
      ...(has('GET') ? [named('GET', overridden)] : []),
    ]),
  ];
}

/** Percent-encodes everything that is not a plain letter or digit, half surrogates too. */
function encodeWhole(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9_-]/.test(char) ? char : `%${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}
