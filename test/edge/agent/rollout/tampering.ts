import { isDeepStrictEqual } from 'node:util';
import { checkBundle, checkDesired, type Judge } from '../../../../edge/agent/rollout/verify.ts';
import type { FlowDesiredMessage } from '../../../../runtime/contracts/deployments.ts';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import { canonicalJson } from '../../../../runtime/lib/canonical-json.ts';
import { signBundle } from '../../../../runtime/lib/signatures.ts';
import { random } from '../../../support/scenes.ts';
import { makeBundle, pointTo, tab, testSigner } from './bundles.ts';

/** A pointer and a bundle as a device might be given them. */
export interface Case {
  name: string;
  message: unknown;
  bytes: Buffer;
  judge?: Partial<Judge>;
}

/** What became of tampered bundles at the device's door. */
export interface Struck {
  tried: number;
  /** names of those that were taken: there must be none */
  taken: string[];
  /** codes of the refusals; what is no refusal stands there with its name */
  codes: Map<string, number>;
}

/** A good bundle for the device `pi`, the door that it comes to, and many ways to tamper with it. */
export function tampering() {
  const signer = testSigner();
  const other = testSigner();
  const good = makeBundle(signer, { generation: 7 });
  const bytes = Buffer.from(good.text);
  const judge: Judge = { device: 'pi', pinned: signer, generation: 6 };
  const accept = ({ message, bytes: given, judge: own = {} }: Omit<Case, 'name'>) => {
    const { statement } = checkDesired(message, { ...judge, ...own });
    return checkBundle(given, statement);
  };
  const cases: Case[] = [];
  const add = (name: string, change: Partial<Case>) => cases.push({ name, message: good.message, bytes, ...change });
  // Every 3rd byte of the bundle, each with one bit changed.
  for (let at = 0; at < bytes.length; at += 3) {
    const flipped = Buffer.from(bytes);
    flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at % 8)), at);
    add(`a bit of byte ${at} is another one`, { bytes: flipped });
  }
  for (let cut = 1; cut <= 20; cut += 1) add(`${cut} bytes are missing`, { bytes: bytes.subarray(0, -cut) });
  for (let more = 1; more <= 10; more += 1)
    add(`${more} bytes too many`, { bytes: Buffer.concat([bytes, Buffer.alloc(more, 0x20)]) });
  for (let at = 0; at < 64; at += 4) {
    const signature = Buffer.from(good.message.signature, 'base64url');
    signature.writeUInt8(signature.readUInt8(at) ^ 1, at);
    add(`byte ${at} of the signature is another one`, {
      message: { ...good.message, signature: signature.toString('base64url') },
    });
  }
  for (const device of ['pi-2', 'p', 'pi2', 'server', 'PI', 'pi/../pi-2', '', 'pi '])
    add(`it is for ${JSON.stringify(device)}`, { message: makeBundle(signer, { device, generation: 7 }).message });
  for (const generation of [1, 2, 5, 6])
    add(
      `it is of generation ${generation}`,
      (({ message, text }) => ({ message, bytes: Buffer.from(text) }))(makeBundle(signer, { generation })),
    );
  for (const generation of [8, 99, 2 ** 52, 7.5, -1, 0, Number.NaN, '8', null, 2 ** 60])
    add(`its generation is made to be ${generation}`, { message: { ...good.message, generation } });
  for (let n = 0; n < 10; n += 1)
    add(`it is signed by another key (${n})`, { message: makeBundle(other, { generation: 7 + n }).message });
  add('another key calls itself by the name of the trusted one', {
    message: { ...makeBundle(other, { generation: 7 }).message, key_id: signer.key_id },
  });
  add('no key is trusted yet', { judge: { pinned: undefined } });
  for (const size of [2, bytes.length - 1, bytes.length + 1, 8 * 1024 * 1024])
    add(`its signed size is ${size}`, { message: makeBundle(signer, { generation: 7, size }).message });
  for (const size of [0, -1, 9 * 1024 * 1024, '5', null, bytes.length + 1])
    add(`its size is made to be ${size}`, { message: { ...good.message, size } });
  const { sha256 } = good.message;
  for (const url of [
    `https://evil.example/api/v1/device/bundles/${sha256}`,
    `//evil.example/${sha256}`,
    `/api/v1/device/bundles/${sha256}`,
    `api/v1/device/bundles/../../${sha256}`,
    `api/v1/device/bundles/${'0'.repeat(64)}`,
    `api/v1/device/bundles/${sha256}?x=1`,
    `api/v1/device/bundles/${sha256}%2f..`,
    `file:///etc/passwd`,
    '',
  ])
    add(`its address is ${url.slice(0, 40)}`, { message: { ...good.message, url } });
  for (const field of Object.keys(good.message) as (keyof FlowDesiredMessage)[]) {
    const { [field]: _gone, ...rest } = good.message;
    if (field !== 'ts') add(`${field} is missing`, { message: rest });
    add(`${field} is a list`, { message: { ...good.message, [field]: [] } });
  }
  for (const message of [null, undefined, 'text', 7, [], {}, [good.message]])
    add(`it is ${JSON.stringify(message)}`, { message });
  // Signed by the right key, and still nothing that may run.
  const signed = (name: string, text: string | Buffer) =>
    add(`signed: ${name}`, { message: pointTo(signer, text, { generation: 7 }), bytes: Buffer.from(text) });
  signed('no JSON', '{"v":1,');
  signed('not UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d]));
  signed('not in canonical form', `${good.text} `);
  signed('spread out', JSON.stringify(good.bundle, null, 2));
  signed('a list', '[]');
  signed('nothing', '{}');
  signed('a field twice', good.text.replace('"v":1}', '"v":1,"v":1}'));
  const remade = (name: string, change: (bundle: typeof good.bundle) => object) =>
    signed(name, canonicalJson(change(structuredClone(good.bundle))));
  remade('of another version', (bundle) => ({ ...bundle, v: 2 }));
  remade('for another device inside', (b) => ({ ...b, manifest: { ...b.manifest, device: 'pi-2' } }));
  remade('of another generation inside', (b) => ({ ...b, manifest: { ...b.manifest, generation: 8 } }));
  remade('of another deployment inside', (b) => ({
    ...b,
    manifest: { ...b.manifest, id: '019a9f3e-7c00-7000-8000-000000000001' },
  }));
  remade('of another revision', (b) => ({ ...b, manifest: { ...b.manifest, revision: 'a'.repeat(64) } }));
  remade('with other flows than its revision', (b) => ({ ...b, content: { ...b.content, flows: tab() } }));
  remade('with another environment', (b) => ({ ...b, content: { ...b.content, env: { A: '1' } } }));
  remade('with flows that are none', (b) => ({ ...b, content: { ...b.content, flows: [{ id: 7 }] } }));
  remade('with flows that are a text', (b) => ({ ...b, content: { ...b.content, flows: 'x' } }));
  remade('without content', ({ content: _gone, ...b }) => b);
  remade('without manifest', ({ manifest: _gone, ...b }) => b);
  // A signature over the same bytes for something else.
  for (const change of [
    { device: 'pi-2' },
    { generation: 8 },
    { size: bytes.length + 1 },
    { sha256: 'b'.repeat(64) },
    { id: 'x' },
  ]) {
    const statement = { device: 'pi', generation: 7, id: good.message.id, sha256, size: bytes.length, ...change };
    add(`its signature is over ${JSON.stringify(change)}`, {
      message: { ...good.message, signature: signBundle(signer, statement) },
    });
  }

  return { good, bytes, cases, accept };
}

/** Each of the cases at the door. */
export function strikeCases({ accept, cases }: Pick<ReturnType<typeof tampering>, 'accept' | 'cases'>): Struck {
  const struck: Struck = { tried: 0, taken: [], codes: new Map() };
  for (const one of cases) strike(struck, one, accept);
  return struck;
}

/** So many times some bytes of the bundle, or of its pointer, are others, by chance. */
export function strikeAtRandom(
  { accept, bytes, good }: ReturnType<typeof tampering>,
  { count, seed }: { count: number; seed: number },
): Struck {
  const next = random(seed);
  const below = (limit: number) => Math.floor(next() * limit);
  const changed = (given: Buffer) => {
    const other = Buffer.from(given);
    for (let times = 1 + below(4); times > 0; times -= 1) {
      const at = below(other.length);
      other.writeUInt8(other.readUInt8(at) ^ (1 + below(255)), at);
    }
    return other;
  };
  const pointer = Buffer.from(JSON.stringify(good.message));
  const struck: Struck = { tried: 0, taken: [], codes: new Map() };
  while (struck.tried < count) {
    const bundle = next() < 0.5 ? changed(bytes) : bytes;
    const text = (bundle === bytes ? changed(pointer) : pointer).toString('latin1');
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      message = text;
    }
    // The moment at which it was said is not part of what is signed.
    const same = isDeepStrictEqual({ ...(message as object), ts: 0 }, good.message) && bundle.equals(bytes);
    if (!same) strike(struck, { name: text, message, bytes: bundle }, accept);
  }
  return struck;
}

function strike(struck: Struck, one: Case, accept: (one: Case) => unknown): void {
  struck.tried += 1;
  try {
    accept(one);
    struck.taken.push(one.name);
  } catch (error) {
    const code = error instanceof AppError ? error.code : `${one.name}: ${String(error)}`;
    struck.codes.set(code, (struck.codes.get(code) ?? 0) + 1);
  }
}
