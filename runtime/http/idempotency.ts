import { createHash } from 'node:crypto';
import { AppError } from '../contracts/errors.ts';
import type { Clock } from '../contracts/host.ts';
import type { Answer, Context } from './route.ts';

const KEEP_MS = 10 * 60_000;
const MAX_ENTRIES = 1000;

/**
 * `Idempotency-Key` on POSTs that create: a repetition within ten minutes gets the first answer, also while the first still runs.
 * Kept in memory on purpose: an answer may hold a device key, which must not lie in the database.
 */
export class IdempotencyCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { at: number; body: string; answer: Promise<Answer> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  run(context: Context, create: () => Promise<Answer>): Promise<Answer> {
    const key = context.req.get('Idempotency-Key');
    if (key === undefined) return create();
    if (key.length === 0 || key.length > 200) {
      throw new AppError('request.invalid', 'Idempotency-Key must have 1 to 200 characters', {
        field: 'Idempotency-Key',
      });
    }
    const now = this.#clock.monotonicMs();
    for (const [name, entry] of this.#entries) {
      if (this.#entries.size < MAX_ENTRIES && now - entry.at < KEEP_MS) break;
      this.#entries.delete(name);
    }
    const name = `${context.user.id} ${context.req.method} ${context.req.path} ${key}`;
    const body = createHash('sha256').update(JSON.stringify(context.body)).digest('hex');
    const known = this.#entries.get(name);
    if (known && known.body !== body) {
      throw new AppError('request.invalid', 'this Idempotency-Key was used with another body', {
        field: 'Idempotency-Key',
      });
    }
    if (known) return known.answer;
    const answer = create();
    this.#entries.set(name, { at: now, body, answer });
    // A failure is not kept: the next try may succeed.
    answer.catch(() => this.#entries.delete(name));
    return answer;
  }
}
