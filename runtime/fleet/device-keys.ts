import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { Clock } from '../contracts/host.ts';
import type { KnownDevice } from '../contracts/services.ts';
import type { Db, Queryable } from '../db/db.ts';
import { findKeyHolders, insertDeviceKey, type KeyHolderRow } from '../db/device-keys.repo.ts';
import type { FleetOptions } from './options.ts';

/** How long an answer of the database is believed; a revocation in this process is seen at once. */
export const KEY_CACHE_MS = 5000;
const CACHED_KEYS = 10_000;
const SIGNING = 'redeye request signing v1';
const KEY = /^rdk_([0-9a-f]{8})_([A-Za-z0-9_-]{43})$/;

type Holders = Promise<Map<string, KeyHolderRow>>;

interface Cached {
  until: number;
  holder: Promise<KeyHolderRow | undefined>;
  /** the secret part that was found right while this entry is believed: comparing it costs a tenth of hashing it again */
  right?: string;
  /** the secret of signed requests, unsealed when one came */
  signing?: Buffer;
}

/** A key just made, as it is shown once. */
export interface IssuedKey {
  api_key: string;
  signing_secret?: string;
}

/**
 * Device keys: `rdk_<public part>_<256 random bits>`. Stored is HMAC-SHA-256(pepper, secret part): a fast hash is enough for
 * a random secret of that length (OWASP ASVS 5.0, 6.5.2), and it keeps the check at microseconds on the ingest path.
 */
export class DeviceKeys {
  readonly #db: Db;
  readonly #clock: Clock;
  /** made once: a buffer would be made into one for each hash, which took a third of it */
  readonly #pepper: KeyObject;
  readonly #cipher: FleetOptions['urlCipher'];
  readonly #cache = new Map<string, Cached>();
  /** what the next statement will ask for */
  #wanted: { ids: string[]; holders: Holders } | undefined;

  constructor(options: Pick<FleetOptions, 'db' | 'clock' | 'pepper' | 'urlCipher'>) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#pepper = createSecretKey(options.pepper);
    this.#cipher = options.urlCipher;
  }

  /** Makes a key for the device and keeps its hash; the answer is the only time that the key is seen. */
  async issue(q: Queryable, device: string, { signed = false } = {}): Promise<IssuedKey> {
    for (;;) {
      const id = randomBytes(4).toString('hex');
      const secret = randomBytes(32).toString('base64url');
      // Made from the key and not the key: whoever reads it off a small device can neither log in by MQTT nor make it again.
      const signing = signed ? createHmac('sha256', secret).update(SIGNING).digest('hex') : undefined;
      const sealed = signing && this.#cipher.seal(signing);
      const kept = await insertDeviceKey(q, { id, device, hash: this.#hash(secret), at: this.#now(), signing: sealed });
      if (kept) return { api_key: `rdk_${id}_${secret}`, ...(signing && { signing_secret: signing }) };
    }
  }

  /** Keeps a key that was made elsewhere; false when it is malformed or its public part is taken. */
  async adopt(q: Queryable, device: string, key: string): Promise<boolean> {
    const [, id, secret] = KEY.exec(key) ?? [];
    if (id === undefined || secret === undefined) return false;
    return insertDeviceKey(q, { id, device, hash: this.#hash(secret), at: this.#now() });
  }

  /**
   * Who holds this key; undefined for an unknown, revoked or expired one. At most one query per key and 5 s, and one for all keys that
   * are in use and ran out: a fleet that sends all the time costs a query every 5 s, not one for each device.
   */
  async holder(key: string): Promise<KnownDevice | undefined> {
    const [, id, secret] = KEY.exec(key) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    const cached = this.#lookUp(id);
    const row = await cached.holder;
    if (row === undefined || !this.#isRight(secret, row, cached)) return undefined;
    if (this.#isOver(row)) return undefined;
    return { id: row.device_id, cameras: row.cameras, disabled: row.disabled };
  }

  /** Whose key this public part is of, with its secret for signed requests; undefined where none can be looked at. */
  async signer(id: string): Promise<{ device: KnownDevice; secret: Buffer } | undefined> {
    if (!/^[0-9a-f]{8}$/.test(id)) return undefined;
    const cached = this.#lookUp(id);
    const row = await cached.holder;
    if (!row?.signing || this.#isOver(row)) return undefined;
    cached.signing ??= Buffer.from(this.#cipher.open(row.signing), 'hex');
    return { device: { id: row.device_id, cameras: row.cameras, disabled: row.disabled }, secret: cached.signing };
  }

  /** Nothing that was known of keys is believed any longer: keys, a device or its cameras changed. */
  forget(): void {
    this.#cache.clear();
  }

  #isOver(row: KeyHolderRow): boolean {
    return row.expires_at !== null && row.expires_at.getTime() <= this.#clock.now();
  }

  #isRight(secret: string, row: KeyHolderRow, cached: Cached): boolean {
    if (cached.right !== undefined && isSame(cached.right, secret)) return true;
    const right = timingSafeEqual(row.hash, this.#hash(secret));
    if (right) cached.right = secret;
    return right;
  }

  #lookUp(id: string): Cached {
    const now = this.#clock.monotonicMs();
    const cached = this.#cache.get(id);
    if (cached && cached.until > now) return cached;
    // Only keys that were found right are asked for along with this one: whoever shows made-up ones causes no more work than that.
    // Whoever is first in a turn asks for all of them: a crowd must not look through the crowd for each.
    if (cached && !this.#wanted) this.#renewAllBut(id, now);
    if (this.#cache.size >= CACHED_KEYS) this.#cache.clear();
    return this.#ask(id);
  }

  #renewAllBut(id: string, now: number): void {
    for (const [other, entry] of this.#cache) {
      if (other !== id && entry.until <= now && isInUse(entry)) this.#ask(other);
    }
  }

  #ask(id: string): Cached {
    this.#wanted ??= { ids: [], holders: this.#askForWanted() };
    const { ids, holders } = this.#wanted;
    ids.push(id);
    const holder = holders.then((found) => found.get(id));
    const entry: Cached = { until: this.#clock.monotonicMs() + KEY_CACHE_MS, holder };
    // An entry that is forgotten while its query runs is not in the map any longer: a late answer cannot bring it back.
    this.#cache.set(id, entry);
    holder.catch(() => {
      if (this.#cache.get(id) === entry) this.#cache.delete(id);
    });
    return entry;
  }

  /** Asks at the end of this turn for what was wanted in it: a crowd of devices is let in by one statement. */
  async #askForWanted(): Holders {
    await endOfTurn();
    const ids = this.#wanted?.ids ?? [];
    this.#wanted = undefined;
    return findKeyHolders(this.#db, ids, this.#now());
  }

  #hash(secret: string): Buffer {
    return createHmac('sha256', this.#pepper).update(secret).digest();
  }

  #now(): Date {
    return new Date(this.#clock.now());
  }
}

/** Whether the key was shown, and found right, since the database was asked. */
function isInUse({ right, signing }: Cached): boolean {
  return right !== undefined || signing !== undefined;
}

/** Compares two texts in a time that does not tell where they differ. `timingSafeEqual` wants buffers, which took 11 of a frame's 670 µs. */
function isSame(known: string, shown: string): boolean {
  if (known.length !== shown.length) return false;
  let difference = 0;
  for (let at = 0; at < known.length; at += 1) difference |= known.charCodeAt(at) ^ shown.charCodeAt(at);
  return difference === 0;
}
