import { AppError } from '../../contracts/errors.ts';
import type { Release } from '../../contracts/host.ts';

/** What one request holds of the budget. */
export interface Lease {
  /** Asks for more bytes; throws `ingest.busy` when all requests together, or this device alone, would hold too many. */
  grow(bytes: number): void;
  release: Release;
}

/** Bytes of bodies that are in memory at once; a single device may hold a quarter of them. */
export class ByteBudget {
  readonly #total: number;
  readonly #held = new Map<string, number>();
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
    return {
      grow: (bytes) => {
        const ofDevice = this.#held.get(device) ?? 0;
        if (this.#sum + bytes > this.#total || ofDevice + bytes > this.#total / 4) {
          throw new AppError('ingest.busy', 'too many bytes are on their way to the server', { retryAfterS: 2 });
        }
        own += bytes;
        this.#sum += bytes;
        this.#held.set(device, ofDevice + bytes);
      },
      release: () => {
        const left = (this.#held.get(device) ?? 0) - own;
        if (left > 0) this.#held.set(device, left);
        else this.#held.delete(device);
        this.#sum -= own;
        own = 0;
      },
    };
  }
}
