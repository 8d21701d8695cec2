import { randomBytes } from 'node:crypto';
import type { CameraCreate } from '../contracts/api.ts';
import { AppError } from '../contracts/errors.ts';
import type { FleetOptions } from './options.ts';

/** What all headers of a camera may take together, names and values, bytes (S0.25). */
const MOST_BYTES = 3500;
/** What belongs to the request itself, or is the key. */
const OURS = /^(x-api-key|authorization|host|content-.*|transfer-encoding|connection|upgrade|cookie)$/i;

/** What Redeye sends to a camera beside its request, as it is kept: sealed. */
export interface CameraAccess {
  key: string | null;
  headers: { key: string; value: string }[];
}

type Change = Pick<CameraCreate, 'key' | 'headers'>;

/** A key for a camera, as seed 000 makes them (S0.25). */
export function newCameraKey(): string {
  return `CAM_${randomBytes(24).toString('base64url')}`;
}

/** What is kept after a change: what it does not name stays. Throws `request.invalid`. */
export function changedAccess(
  before: CameraAccess,
  { key = before.key, headers = before.headers }: Change,
): CameraAccess {
  const names = headers.map((header) => header.key.toLowerCase());
  const reserved = names.find((name) => OURS.test(name));
  if (reserved !== undefined) throw refusal(`the header ${reserved} is set by Redeye itself`);
  if (new Set(names).size < names.length) throw refusal('each header may be given once');
  const bytes = headers.reduce((sum, header) => sum + header.key.length + header.value.length, 0);
  if (bytes > MOST_BYTES) throw refusal(`the headers are larger than ${MOST_BYTES} bytes`);
  return { key, headers };
}

/** Reads what is kept; nothing is kept of a camera that is sent nothing. */
export function openAccess(cipher: FleetOptions['urlCipher'], sealed: string | null): CameraAccess {
  if (sealed === null) return { key: null, headers: [] };
  return JSON.parse(cipher.open(sealed)) as CameraAccess;
}

/**
 * The camera's URL with its key and headers in it, where the drivers of cameras that are asked by HTTP look for them; any other URL stays
 * as it is.
 */
export function withAccess(url: string, { key, headers }: CameraAccess): string {
  const [, before = '', scheme] = /^(relab\+)?(https?:\/\/)/i.exec(url) ?? [];
  if (scheme === undefined) return url;
  const whole = new URL(url.slice(before.length));
  if (key !== null) {
    whole.username = '';
    whole.password = encodeURIComponent(key);
  }
  for (const header of headers) whole.searchParams.set(`header.${header.key}`, header.value);
  return before + whole.href;
}

function refusal(why: string): AppError {
  return new AppError('request.invalid', why, { field: 'headers' });
}
