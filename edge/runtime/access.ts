import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock } from '../../runtime/contracts/host.ts';

export const KEY_NAME = 'X-API-Key';
/** Where dialect B of seed 000 keeps a login (§2.0); A's cookie has the name of the header. */
export const SESSION_NAME = 'relab_session';
/** Seed 000 §S0.38: sessions of 12 hours. */
export const SESSION_S = 12 * 3600;
const SESSION = /^(\d{13,16})\.([A-Za-z0-9_-]{43})$/;
/** As on the server: for `<img>` and `<video>`, which can send no header. */
const TOKEN_MS = 5 * 60_000;
/** Seed 000 §S0.38: five wrong tries in five minutes. */
const MOST_FAILURES = 5;
const FAILURES_MS = 300_000;
const MOST_ADDRESSES = 1000;
const MAX_KEY_CHARS = 512;

/** Who asks, and by what. */
export interface Caller {
  name: 'key' | 'token';
  by: 'header' | 'cookie' | 'token';
}

/** The hash by which the flow process knows a key that it must not know. */
export function hashOfKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/**
 * Who may see this device: whoever shows its key or one of AUTHORIZED_API_KEYS, as header or cookie `X-API-Key`, or a session that was begun
 * with one, and for reading also a token that the device signed for a camera. The keys themselves are not here, only their hashes.
 */
export class Access {
  readonly #device: string;
  readonly #hashes: Buffer[];
  readonly #clock: Clock;
  /** Tokens end with this process, and after five minutes anyway. */
  readonly #secret = randomBytes(32);
  readonly #failures = new Map<string, { count: number; sinceMs: number }>();

  constructor(options: { device: string; keyHashes: readonly string[]; clock: Clock }) {
    this.#device = options.device;
    this.#hashes = options.keyHashes.map((hash) => Buffer.from(hash, 'hex'));
    this.#clock = options.clock;
  }

  /** Takes one more key from now on. */
  add(key: string): void {
    this.#hashes.push(Buffer.from(hashOfKey(key), 'hex'));
  }

  /** Throws `auth.missing`, `auth.invalid`, `auth.expired`, `auth.too_many_tries`, and `csrf.refused` for a change from another page. */
  caller(req: IncomingMessage, token: string | null = null, camera = ''): Caller {
    const address = req.socket.remoteAddress ?? '';
    const header = req.headers['x-api-key'] ?? req.headers['x-device-key'];
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    if (typeof header === 'string') {
      this.check(header, address);
      return { name: 'key', by: 'header' };
    }
    if (token !== null && isRead) {
      this.#checkToken(token, camera);
      return { name: 'token', by: 'token' };
    }
    const cookie = cookieOf(req, SESSION_NAME) ?? cookieOf(req, KEY_NAME);
    if (cookie === undefined) throw new AppError('auth.missing', `the header ${KEY_NAME} is missing`);
    const site = req.headers['sec-fetch-site'];
    if (!isRead && site !== undefined && site !== 'same-origin') {
      throw new AppError('csrf.refused', "a change by cookie needs the device's own page");
    }
    if (SESSION.test(cookie)) this.#checkSession(cookie);
    else this.check(cookie, address);
    return { name: 'key', by: 'cookie' };
  }

  /**
   * What a browser keeps instead of a key that was checked: good for 12 hours, also over restarts, and only as long as the key is one of the
   * device's. It tells nothing of the key.
   */
  session(key: string): string {
    const expiresAt = String(Math.round(this.#clock.now()) + SESSION_S * 1000);
    return `${expiresAt}.${this.#signSession(Buffer.from(hashOfKey(key), 'hex'), expiresAt).toString('base64url')}`;
  }

  /** Throws `auth.invalid` for a key that is none of ours; tries are counted by address. */
  check(key: string, address: string): void {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#failures.get(address);
    const failed = known && nowMs - known.sinceMs < FAILURES_MS ? known : { count: 0, sinceMs: nowMs };
    if (failed.count >= MOST_FAILURES) {
      const retryAfterS = Math.ceil((failed.sinceMs + FAILURES_MS - nowMs) / 1000);
      throw new AppError('auth.too_many_tries', 'too many wrong keys; wait a little', { retryAfterS });
    }
    const hash = Buffer.from(hashOfKey(key.slice(0, MAX_KEY_CHARS)), 'hex');
    if (key.length <= MAX_KEY_CHARS && this.#hashes.some((one) => timingSafeEqual(one, hash))) {
      this.#failures.delete(address);
      return;
    }
    failed.count += 1;
    if (this.#failures.size >= MOST_ADDRESSES) this.#failures.clear();
    this.#failures.set(address, failed);
    throw new AppError('auth.invalid', 'this key is not one of the device');
  }

  /** A token for reading one camera of this device. */
  issue(camera: string): { token: string; expiresAt: number } {
    const expiresAt = this.#clock.now() + TOKEN_MS;
    return { token: `${Math.round(expiresAt)}.${this.#sign(camera, Math.round(expiresAt))}`, expiresAt };
  }

  #checkSession(session: string): void {
    const [, expiresAt = '', signature = ''] = SESSION.exec(session) ?? [];
    const given = Buffer.from(signature, 'base64url');
    if (!this.#hashes.some((hash) => timingSafeEqual(given, this.#signSession(hash, expiresAt))))
      throw new AppError('auth.invalid', 'this login is not one of the device');
    if (Number(expiresAt) <= this.#clock.now()) throw new AppError('auth.expired', 'the login has expired');
  }

  #signSession(keyHash: Buffer, expiresAt: string): Buffer {
    return createHmac('sha256', keyHash).update(`session\n${this.#device}\n${expiresAt}`).digest();
  }

  #checkToken(token: string, camera: string): void {
    const [until = '', signature = ''] = token.split('.', 2);
    const given = Buffer.from(signature, 'base64url');
    const wanted = Buffer.from(this.#sign(camera, Number(until)), 'base64url');
    if (!/^\d{1,16}$/.test(until) || given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      throw new AppError('auth.invalid', 'the token is not valid for this camera of this device');
    }
    if (Number(until) <= this.#clock.now()) throw new AppError('auth.expired', 'the token has expired');
  }

  #sign(camera: string, until: number): string {
    return createHmac('sha256', this.#secret).update(`${this.#device}\n${camera}\n${until}`).digest('base64url');
  }
}

function cookieOf(req: IncomingMessage, name: string): string | undefined {
  for (const pair of (req.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return decoded(pair.slice(at + 1).trim());
  }
  return undefined;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
