import assert from 'node:assert/strict';
import { FrameMeta } from '../../runtime/contracts/frame.ts';
import { fingerprint } from './spool-facts.ts';
import type { Call } from './tap.ts';

/** What was answered as JSON; nothing of another kind. */
export function answerOf({ answer: { headers, body } }: Call): Record<string, unknown> {
  if (!String(headers['content-type']).includes('application/json')) return {};
  return JSON.parse(body.toString('utf8')) as Record<string, unknown>;
}

/** The parts of a frame's request. */
export async function formOf({ headers, body }: Call): Promise<{ meta: FrameMeta; image: Buffer; parts: string[] }> {
  const type = headers['content-type'] ?? '';
  assert.match(type, /^multipart\/form-data; ?boundary=/);
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
  const [meta, image] = [form.get('meta'), form.get('image')];
  assert.ok(typeof meta === 'string' && image instanceof File);
  assert.equal(image.type, 'image/jpeg');
  const parsed = JSON.parse(meta) as FrameMeta;
  const strange = Object.keys(parsed).filter((name) => !Object.hasOwn(FrameMeta.properties, name));
  assert.deepEqual(strange, [], 'meta has the fields of the contract only');
  return { meta: parsed, image: Buffer.from(await image.arrayBuffer()), parts: [...form.keys()] };
}

/** What makes a frame the one it is. */
export async function known(call: Call): Promise<{ seq: number; capture_ts: string | number; picture: string }> {
  const { meta, image } = await formOf(call);
  return { seq: meta.seq, capture_ts: meta.capture_ts, picture: fingerprint(image) };
}
