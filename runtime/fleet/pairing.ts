import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { DeviceRecord } from '../contracts/api.ts';
import { AppError } from '../contracts/errors.ts';
import {
  PAIRING_CODE_LENGTH,
  PAIRING_LETTERS,
  PAIRING_LIFETIME_MS,
  type PairingClaim,
  type PairingCode,
  type PairingGift,
  type PairingRegister,
  type PairingState,
} from '../contracts/pairing.ts';
import type { Actor, PairingService } from '../contracts/services.ts';
import {
  claimPairing,
  countPairings,
  deleteExpiredPairings,
  insertPairing,
  lockPairing,
  takePairing,
} from '../db/pairings.repo.ts';
import { sealFor } from '../lib/sealed-box.ts';
import type { FleetContext } from './context.ts';
import type { DeviceRegister } from './device-register.ts';

/** Devices of one address, and of all, that may wait at once: a stranger must not fill the table. */
const MOST_HERE = 10;
const MOST_WAITING = 500;
/** Wrong codes that one user may type in a minute: 23^6 codes outlast that for millennia. */
const MOST_TRIES = 10;
const TRIES_MS = 60_000;
/** A pairing that was claimed waits so long for its device. */
const FETCH_MS = 10 * 60_000;

/**
 * Devices without a key: each shows a code, an administrator types it, and the device fetches its key, sealed to it and once. Kept in the
 * database, so that any server process can answer.
 */
export class Pairing implements PairingService {
  readonly #context: FleetContext;
  readonly #devices: DeviceRegister;
  readonly #tries = new Map<string, { count: number; sinceMs: number }>();

  constructor(context: FleetContext, devices: DeviceRegister) {
    this.#context = context;
    this.#devices = devices;
  }

  /** A code for a device that nobody knows yet. Throws `pairing.too_many`, and `request.invalid` for a key that nothing can be sealed to. */
  async register({ public_key, model }: PairingRegister, address: string): Promise<PairingCode> {
    try {
      sealFor(public_key, '');
    } catch (cause) {
      throw new AppError('request.invalid', 'public_key is no X25519 key', { field: 'public_key' }, { cause });
    }
    const now = this.#context.clock.now();
    const pollToken = randomBytes(32).toString('base64url');
    const expiresAt = new Date(now + PAIRING_LIFETIME_MS);
    const code = await this.#context.db.tx(async (q) => {
      await deleteExpiredPairings(q, new Date(now));
      const { all, here } = await countPairings(q, address);
      if (all >= MOST_WAITING || here >= MOST_HERE)
        throw new AppError('pairing.too_many', 'too many devices wait to be paired', { retryAfterS: 60 });
      for (;;) {
        const made = newCode();
        const row = { code: made, public_key: Buffer.from(public_key, 'base64url'), model, address };
        if (await insertPairing(q, { ...row, pollHash: hashOf(pollToken), at: new Date(now), expiresAt })) return made;
      }
    });
    this.#context.log.info('a device waits to be paired', { model, address });
    return { code, poll_token: pollToken, expires_at: expiresAt.toISOString() };
  }

  /** Whether the code was claimed; the sealed key is in the answer once. Throws `pairing.unknown` for a token that is over. */
  async poll(token: string): Promise<PairingState> {
    const found = await takePairing(this.#context.db, hashOf(token), new Date(this.#context.clock.now()));
    if (found === undefined) throw new AppError('pairing.unknown', 'this pairing is over; register again');
    if (found === 'waiting') return { state: 'waiting', device_id: null, sealed: null };
    return { state: 'claimed', device_id: found.device, sealed: found.sealed };
  }

  /** Registers the device that shows this code, or gives a known one a new key. Throws `pairing.unknown`, `pairing.too_many`, `device.*`. */
  async claim(body: PairingClaim, actor: Actor): Promise<DeviceRecord> {
    this.#checkTries(actor.name);
    const code = body.code.toUpperCase().replace(/[\s-]/g, '');
    const at = new Date(this.#context.clock.now());
    const known = await lockPairing(this.#context.db, code, at);
    if (!known) throw this.#wrong(actor.name);
    const made = await this.#context.db.tx(async (q) => {
      // Looked at again under the lock: somebody else may have typed it too.
      const waiting = await lockPairing(q, code, at);
      if (!waiting) throw this.#wrong(actor.name);
      const { api_key, ...record } = await this.#devices.enrolPaired(q, body, actor);
      const gift: PairingGift = { device_id: record.id, api_key };
      const sealed = sealFor(waiting.public_key.toString('base64url'), JSON.stringify(gift));
      const expiresAt = new Date(at.getTime() + FETCH_MS);
      await claimPairing(q, code, { device: record.id, sealed, at, expiresAt });
      return record;
    });
    this.#context.keys.forget();
    if (body.device !== undefined) this.#context.onRevoked(body.device);
    return made;
  }

  #checkTries(who: string): void {
    const tries = this.#tries.get(who);
    const leftMs = tries ? tries.sinceMs + TRIES_MS - this.#context.clock.monotonicMs() : 0;
    if (tries && leftMs <= 0) this.#tries.delete(who);
    else if (tries && tries.count >= MOST_TRIES)
      throw new AppError('pairing.too_many', 'too many wrong codes', { retryAfterS: Math.ceil(leftMs / 1000) });
  }

  #wrong(who: string): AppError {
    const tries = this.#tries.get(who) ?? { count: 0, sinceMs: this.#context.clock.monotonicMs() };
    tries.count += 1;
    this.#tries.set(who, tries);
    return new AppError('pairing.unknown', 'no device waits with this code; the device shows the one that holds now', {
      field: 'code',
    });
  }
}

function newCode(): string {
  return Array.from({ length: PAIRING_CODE_LENGTH }, () => PAIRING_LETTERS[randomInt(PAIRING_LETTERS.length)]).join('');
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
