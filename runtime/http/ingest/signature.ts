import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { FleetService, KnownDevice } from '../../contracts/services.ts';

/** How far a device's clock may be off, and how long a request can be held back before it is worth nothing. */
export const REPLAY_WINDOW_MS = 300_000;
/** Numbers used once that are remembered, all devices together. */
const MOST_NONCES = 200_000;
const SHAPE = /^v1 key=([0-9a-f]{8}) ts=(\d{10}) nonce=([A-Za-z0-9_-]{8,64}) body=([0-9a-f]{64}) sig=([0-9a-f]{64})$/;

/**
 * Signed requests, for small devices that should not send their key (seed 004, S4.30):
 * `X-DEVICE-SIGNATURE: v1 key=<public part> ts=<epoch s> nonce=<used once> body=<SHA-256 of the body> sig=<HMAC-SHA-256>`, both in hex.
 * Signed is `v1`, method, path from /api/v1 on with its query, key, ts, nonce and body, one a line. The body is known by its hash before
 * it is read, so that a stranger's is not read at all.
 */
export class Signatures {
  readonly #fleet: Partial<Pick<FleetService, 'signerOf'>>;
  readonly #clock: Clock;
  readonly #startedAt: number;
  /** when each may be forgotten, epoch ms; the first to go first */
  readonly #nonces = new Map<string, number>();
  readonly #bodies = new WeakMap<IncomingMessage, string>();

  constructor(options: { fleet: Partial<Pick<FleetService, 'signerOf'>>; clock: Clock }) {
    this.#fleet = options.fleet;
    this.#clock = options.clock;
    this.#startedAt = options.clock.now();
  }

  /** Who signed the request; throws `auth.invalid`, `auth.expired` for a time outside the window, `ingest.busy`. */
  async signer(req: IncomingMessage & { originalUrl?: string }, header: string): Promise<KnownDevice> {
    const [, key = '', ts = '', nonce = '', body = '', sig = ''] = SHAPE.exec(header) ?? [];
    const found = key === '' ? undefined : await this.#fleet.signerOf?.(key);
    if (!found) throw new AppError('auth.invalid', 'the signature cannot be read, or its key is not known');
    const path = req.originalUrl ?? req.url ?? '';
    const signed = ['v1', req.method, path.slice(Math.max(0, path.indexOf('/api/v1/'))), key, ts, nonce, body].join(
      '\n',
    );
    const right = createHmac('sha256', found.secret).update(signed).digest();
    if (!timingSafeEqual(right, Buffer.from(sig, 'hex')))
      throw new AppError('auth.invalid', 'the signature is not right');
    this.#checkTime(Number(ts) * 1000);
    this.#useOnce(`${key} ${nonce}`, Number(ts) * 1000);
    this.#bodies.set(req, body);
    return found.device;
  }

  /** Whether the request was signed; then its body has to be taken as a whole. */
  isSigned(req: IncomingMessage): boolean {
    return this.#bodies.has(req);
  }

  /** Throws `auth.invalid` when the body is not the one that was signed. */
  checkBody(req: IncomingMessage, body: Buffer): void {
    const wanted = this.#bodies.get(req);
    if (wanted !== undefined && createHash('sha256').update(body).digest('hex') !== wanted)
      throw new AppError('auth.invalid', 'the body is not the one that was signed');
  }

  // What was used before a restart is not known after it: older requests are worth nothing then.
  #checkTime(at: number): void {
    const now = this.#clock.now();
    if (Math.abs(now - at) <= REPLAY_WINDOW_MS && at >= this.#startedAt - 1000) return;
    throw new AppError(
      'auth.expired',
      "the time of the signature is not this server's: set the clock by the Date of this answer",
    );
  }

  #useOnce(name: string, at: number): void {
    const now = this.#clock.now();
    for (const [known, until] of this.#nonces) {
      if (until > now) break;
      this.#nonces.delete(known);
    }
    if (this.#nonces.has(name)) throw new AppError('auth.invalid', 'this request came before');
    if (this.#nonces.size >= MOST_NONCES)
      throw new AppError('ingest.busy', 'too many signed requests', { retryAfterS: 10 });
    // A clock that is ahead is still inside the window that much later.
    this.#nonces.set(name, Math.max(now, at) + REPLAY_WINDOW_MS);
  }
}
