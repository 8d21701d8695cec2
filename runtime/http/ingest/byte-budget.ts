import { AppError } from '../../contracts/errors.ts';
import type { Release } from '../../contracts/host.ts';
import { BodyPool } from './body-pool.ts';

/** What one request holds of the budget. */
export interface Lease {
  /** Asks for more bytes; throws `ingest.busy` when all requests together, or this device alone, would hold too many. */
  grow(bytes: number): void;
  /** Asks for memory for a body, as `grow`. It is somebody else's once the lease is released: nothing may look at it any more. */
  take(bytes: number): Buffer;
  release: Release;
}

/** Bytes of bodies that are in memory at once; a single device may hold a quarter of them. */
export class ByteBudget {
  readonly #total: number;
  readonly #held = new Map<string, number>();
  readonly #pool = new BodyPool();
  #sum = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** bytes held now */
  get held(): number {
    return this.#sum;
  }

  open(device: string): Lease {
    let own = 0;
    const taken: Buffer[] = [];
    const grow = (bytes: number) => {
      const ofDevice = this.#held.get(device) ?? 0;
      if (this.#sum + bytes > this.#total || ofDevice + bytes > this.#total / 4) {
        throw new AppError('ingest.busy', 'too many bytes are on their way to the server', { retryAfterS: 2 });
      }
      own += bytes;
      this.#sum += bytes;
      this.#held.set(device, ofDevice + bytes);
    };
    return {
      grow,
      take: (bytes) => {
        grow(bytes);
        const buffer = this.#pool.take(bytes);
        taken.push(buffer);
        return buffer.subarray(0, bytes);
      },
      release: () => {
        for (const buffer of taken.splice(0)) this.#pool.give(buffer);
        const left = (this.#held.get(device) ?? 0) - own;
        if (left > 0) this.#held.set(device, left);
        else this.#held.delete(device);
        this.#sum -= own;
        own = 0;
      },
    };
  }
}
