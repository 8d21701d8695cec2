import { type Attack, attacks, type HostileRequest, type Target } from './attack.ts';
import { badPictures } from './pictures.ts';
import type { Random } from './random.ts';
import { brokenJson, INJECTIONS, WRONG_VALUES } from './words.ts';

const PATH = '/api/v1/ingest/frame';
type Named = HostileRequest & { name: string };

/** A frame's form, with parts and boundary as given. */
export function form(parts: readonly { header: string; content: Buffer | string }[], boundary = 'frontier'): Buffer {
  const pieces = parts.flatMap(({ header, content }) => [
    Buffer.from(`--${boundary}\r\n${header}\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
}

export const IMAGE_PART = 'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg';
export const META_PART = 'Content-Disposition: form-data; name="meta"';

/** A request that hands in a frame as a form. */
export function frameRequest(key: string, meta: unknown, image: Buffer): HostileRequest {
  const text = typeof meta === 'string' ? meta : JSON.stringify(meta);
  return {
    method: 'POST',
    target: PATH,
    headers: { 'X-DEVICE-KEY': key, 'Content-Type': 'multipart/form-data; boundary=frontier' },
    body: form([
      { header: META_PART, content: text },
      { header: IMAGE_PART, content: image },
    ]),
  };
}

/** Hostile frames: bad pictures, bad meta, bad forms, bad JSON, bad keys. */
export function frameAttacks(
  target: Target,
  good: Buffer,
  size: { width: number; height: number },
  random: Random,
): Attack[] {
  const device = () => random.pick(target.devices);
  const metaOf = (id: string) => ({
    device_id: id,
    capture_ts: '2026-11-20T12:00:00Z',
    seq: 1_000_000 + random.int(0, 1_000_000),
    ...size,
    jpeg_quality: 80,
  });
  const list: Named[] = [];
  for (const { name, bytes } of badPictures(good, random)) {
    const { id, key } = device();
    list.push({ name: `picture, ${name}`, ...frameRequest(key, metaOf(id), bytes) });
    const body = JSON.stringify({ ...metaOf(id), image_b64: bytes.toString('base64') });
    const headers = { 'X-API-Key': key, 'Content-Type': 'application/json' };
    list.push({ name: `picture as base64, ${name}`, method: 'POST', target: PATH, headers, body });
  }
  for (const [field, value] of badFields(size, target)) {
    const { id, key } = device();
    const name = `meta ${field} ${JSON.stringify(value)?.slice(0, 60)}`;
    list.push({ name, ...frameRequest(key, { ...metaOf(id), [field]: value }, good) });
  }
  for (const text of brokenJson('device_id', target.secret)) {
    const { key } = device();
    list.push({ name: `meta is ${text.slice(0, 60)}`, ...frameRequest(key, text, good) });
    const headers = { 'X-DEVICE-KEY': key, 'Content-Type': 'application/json' };
    list.push({ name: `body is ${text.slice(0, 60)}`, method: 'POST', target: PATH, headers, body: text });
  }
  const { id, key } = device();
  for (const broken of brokenForms(JSON.stringify(metaOf(id)), good, random)) {
    const headers = { 'X-DEVICE-KEY': key, ...broken.headers };
    list.push({ name: `form, ${broken.name}`, method: 'POST', target: PATH, headers, body: broken.body });
  }
  for (const [name, headers] of wrongKeys(target)) {
    const request = frameRequest('', metaOf(target.devices[0]?.id ?? ''), good);
    const { 'Content-Type': type = '' } = request.headers ?? {};
    list.push({ name: `key, ${name}`, ...request, headers: { 'Content-Type': type, ...headers } });
  }
  return attacks(target.host, 'refused', list);
}

function isNoText(value: string): boolean {
  return value.includes('\0') || !value.isWellFormed();
}

/** Fields of `meta` with values that none of them may have. */
function badFields(size: { width: number; height: number }, target: Target): [string, unknown][] {
  const numbers = WRONG_VALUES.filter((value) => typeof value !== 'number' || value < 0 || value === 1.5);
  const texts = WRONG_VALUES.filter((value) => typeof value !== 'string' || value.length > 1000 || isNoText(value));
  return [
    ...['seq', 'width', 'height', 'jpeg_quality'].flatMap((field) =>
      numbers.map((value): [string, unknown] => [field, value]),
    ),
    ...['fw_version', 'notes'].flatMap((field) => texts.map((value): [string, unknown] => [field, value])),
    ...['device_id', 'camera'].flatMap((field) =>
      [...INJECTIONS, ...WRONG_VALUES].map((value): [string, unknown] => [field, value]),
    ),
    ...[
      ...INJECTIONS.filter((text) => !/^-?\d/.test(text)),
      '2026-02-30T12:00:00Z',
      '2026-11-20T12:00:00',
      '',
      null,
      {},
      -1,
      1e300,
    ].map((value): [string, unknown] => ['capture_ts', value]),
    ...['width', 'height'].map((field): [string, unknown] => [field, size.width + size.height]),
    ...target.devices.slice(1).map(({ id }): [string, unknown] => ['camera', `${id}-cam-of-somebody`]),
  ];
}

interface BrokenForm {
  name: string;
  headers: Record<string, string>;
  body: Buffer;
}

function brokenForms(meta: string, image: Buffer, random: Random): BrokenForm[] {
  const parts = [
    { header: META_PART, content: meta },
    { header: IMAGE_PART, content: image },
  ];
  const whole = form(parts);
  const typed = 'multipart/form-data; boundary=frontier';
  const types = [
    '',
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    `multipart/form-data; boundary=${'b'.repeat(71)}`,
    'multipart/form-data; boundary=other',
    'multipart/form-data; boundary="front\\"ier"',
    'multipart/form-data; boundary=frontier; charset=utf-16',
    'multipart/mixed; boundary=frontier',
    'multipart/form-data boundary=frontier',
    'application/x-www-form-urlencoded',
    'application/octet-stream',
    'image/jpeg',
    'text/html',
    'application/json; charset=utf-7',
    'application/json',
    `multipart/form-data; boundary=${'\\"'.repeat(500)}`,
  ];
  const bodies: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['only its end', Buffer.from('--frontier--\r\n')],
    ['only its begin', Buffer.from('--frontier\r\n')],
    ['no end', whole.subarray(0, whole.length - 14)],
    ['no image', form(parts.slice(0, 1))],
    ['no meta', form(parts.slice(1))],
    ['two images', form([...parts, ...parts.slice(1)])],
    ['two metas', form([...parts, ...parts.slice(0, 1)])],
    [
      '10 000 fields',
      form([
        ...Array.from({ length: 10_000 }, (_, n) => ({
          header: `Content-Disposition: form-data; name="f${n}"`,
          content: 'x',
        })),
        ...parts,
      ]),
    ],
    [
      '17 fields',
      form([
        ...Array.from({ length: 15 }, (_, n) => ({
          header: `Content-Disposition: form-data; name="f${n}"`,
          content: 'x',
        })),
        ...parts,
      ]),
    ],
    [
      'a part header of 1 MB',
      form([{ header: `${META_PART}\r\nX: ${'h'.repeat(1_000_000)}`, content: meta }, ...parts.slice(1)]),
    ],
    ['part without a header', form([{ header: '', content: meta }, ...parts.slice(1)])],
    ['part without a name', form([{ header: 'Content-Disposition: form-data', content: meta }, ...parts.slice(1)])],
    [
      'names in capitals',
      form(
        parts.map(({ header, content }) => ({
          header: header.replace(/"(image|meta)"/, (name) => name.toUpperCase()),
          content,
        })),
      ),
    ],
    [
      'a form in a form',
      form([
        { header: `${META_PART}\r\nContent-Type: multipart/mixed; boundary=inner`, content: form(parts, 'inner') },
        ...parts.slice(1),
      ]),
    ],
    ['meta of 1 MB', form([{ header: META_PART, content: `{"notes":"${'n'.repeat(1_000_000)}"}` }, ...parts.slice(1)])],
    ['meta in UTF-16', form([{ header: META_PART, content: Buffer.from(meta, 'utf16le') }, ...parts.slice(1)])],
    [
      'meta that is no UTF-8',
      form([{ header: META_PART, content: Buffer.from([0x22, 0xff, 0xfe, 0x22]) }, ...parts.slice(1)]),
    ],
    ['line feeds alone', Buffer.from(whole.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')],
    ['boundaries that go on', form(parts, 'frontiers')],
    ...Array.from({ length: 20 }, (): [string, Buffer] => {
      const at = random.int(20, whole.length - 30);
      return [`cut at ${at}`, whole.subarray(0, at)];
    }),
  ];
  const chunked = bodies.map(([name, body]): BrokenForm => {
    const chunks = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
    const content = body.length === 0 ? Buffer.from('0\r\n\r\n') : chunks;
    return {
      name: `${name}, chunked`,
      headers: { 'Content-Type': typed, 'Transfer-Encoding': 'chunked' },
      body: content,
    };
  });
  return [
    ...types.map(
      (type): BrokenForm => ({ name: `type ${type.slice(0, 60)}`, headers: { 'Content-Type': type }, body: whole }),
    ),
    ...bodies.map(([name, body]): BrokenForm => ({ name, headers: { 'Content-Type': typed }, body })),
    ...chunked,
    ...['gzip', 'deflate', 'br', 'gzip, gzip', 'identity, gzip', 'x'].map(
      (encoding): BrokenForm => ({
        name: `encoding ${encoding}`,
        headers: { 'Content-Type': typed, 'Content-Encoding': encoding },
        body: whole,
      }),
    ),
    ...['16777217', '999999999999', '99999999999999999999', '-1', '+5', '1e3', '0x10', '5, 6'].map(
      (length): BrokenForm => ({
        name: `said to be ${length} long`,
        headers: { 'Content-Type': typed, 'Content-Length': length },
        body: whole,
      }),
    ),
  ];
}

function wrongKeys(target: Target): [string, Record<string, string>][] {
  const [first, second] = target.devices.map(({ key }) => key);
  const real = first ?? '';
  const keys = [
    '',
    ' ',
    target.secret,
    target.token,
    `Bearer ${real}`,
    real.slice(0, -1),
    `${real}x`,
    real.toUpperCase(),
    `${real.slice(0, 12)}${target.secret}`,
    `${real}\u0000`,
    "' or 1=1 --",
    '*',
    'null',
    'undefined',
    '[object Object]',
    'k'.repeat(600),
    'k'.repeat(9000),
    ...INJECTIONS.filter((text) => !/[\r\n]/.test(text)).slice(0, 20),
  ];
  return [
    ['none', {}],
    ["another device's", { 'X-DEVICE-KEY': second ?? '', 'X-API-Key': real }],
    ['in the authorization', { Authorization: `Bearer ${real}` }],
    ['token of a user', { Authorization: `Bearer ${target.token}` }],
    ['in a cookie', { Cookie: `X-API-Key=${real}; device_key=${real}` }],
    ...keys.map((key): [string, Record<string, string>] => [key.slice(0, 40), { 'X-DEVICE-KEY': key }]),
  ];
}
