import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { StoredAppPassword, StoredUser, UserStore } from '../../contracts/services.ts';
import type { AppPasswordMade, AppPasswordRecord } from '../../contracts/users.ts';

const SHAPE = /^rap_([0-9a-f]{8})_([A-Za-z0-9_-]{43})$/;
/** The last use is noted at most this often. */
const NOTE_EVERY_MS = 60_000;

/**
 * Passwords for a user's programs: `rap_<public part>_<256 random bits>`, good for MQTT, `/metrics` and live pictures, never for a login.
 * Stored is a keyed hash of the secret part; a fast one is enough for a random secret (OWASP ASVS 5.0, 6.5.2).
 */
export class AppPasswords {
  readonly #store: UserStore;
  readonly #clock: Clock;
  readonly #key: Uint8Array;
  readonly #notedMs = new Map<number, number>();

  constructor(options: { store: UserStore; clock: Clock; key: Uint8Array }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#key = options.key;
  }

  /** Tells whether a text is one, right or wrong: such a text is never looked at as somebody's own password. */
  static isOne(text: string): boolean {
    return SHAPE.test(text);
  }

  /** Makes one; the answer is the only time that it is seen. */
  async make(userId: number, name: string, store: UserStore = this.#store): Promise<AppPasswordMade> {
    for (;;) {
      const key = randomBytes(4).toString('hex');
      const secret = randomBytes(32).toString('base64url');
      const at = this.#clock.now();
      const kept = await store.addAppPassword({ userId, name, key, hash: this.#hash(secret), at });
      if (kept) return { ...recordOf(kept), password: `rap_${key}_${secret}` };
    }
  }

  /** Those of a user, newest first, without the secrets. */
  async list(userId: number): Promise<AppPasswordRecord[]> {
    return (await this.#store.appPasswords(userId)).map(recordOf);
  }

  /** The user who shows their name or address and one of their app passwords; throws `auth.invalid`. Read afresh each time. */
  async userOf(login: string, password: string): Promise<StoredUser> {
    const [, key = '', secret = ''] = SHAPE.exec(password) ?? [];
    const known = key === '' ? undefined : await this.#store.appPassword(key);
    const right = known !== undefined && timingSafeEqual(known.hash, this.#hash(secret));
    const user = right ? await this.#store.byId(known.userId) : undefined;
    const wanted = login.toLowerCase();
    const isTheirs = user && (user.name.toLowerCase() === wanted || user.email?.toLowerCase() === wanted);
    if (!known || !user || !isTheirs || user.disabled) throw new AppError('auth.invalid', 'wrong user or app password');
    await this.#note(known.id);
    return user;
  }

  async #note(id: number): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const notedMs = this.#notedMs.get(id);
    if (notedMs !== undefined && nowMs - notedMs < NOTE_EVERY_MS) return;
    this.#notedMs.set(id, nowMs);
    await this.#store.touchAppPassword(id, this.#clock.now());
  }

  #hash(secret: string): Buffer {
    return createHmac('sha256', this.#key).update(secret).digest();
  }
}

function recordOf({ id, name, createdAt, lastUsedAt }: StoredAppPassword): AppPasswordRecord {
  const lastUsed = lastUsedAt === undefined ? null : new Date(lastUsedAt).toISOString();
  return { id, name, created_at: new Date(createdAt).toISOString(), last_used: lastUsed };
}
