import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * How much the heap may grow, in percent, before V8 collects all of it. After a quiet moment it would take only a few megabytes of bodies
 * (they lie outside of the heap and count as growth all the same) until Node-RED's 60 MB were gone through again: 8 full collections
 * for 1,000 frames of 100 KB after a rest of 5 s, which stopped the process for 10 to 50 ms each and doubled the CPU of a frame (480 µs
 * became 750 to 1,050). With this 0 or 1, and the memory of the process is the same within 10 MB (`--trace-gc`).
 */
const HEAP_GROWTH_PERCENT = 100;

/**
 * Clears away large short-lived buffers cheaply. A body's bytes lie outside of V8's heap, so V8 lets them pile up and then collects
 * everything, Node-RED's large heap too: 20 full collections for 4,000 frames of 100 KB (`--trace-gc` under `bench/ingest.ts`). With a
 * collection of the young generation after every few megabytes 2 full ones were left. What that saves in CPU was too noisy to say.
 */
export class YoungGarbage {
  readonly #everyBytes: number;
  readonly #collect: () => void;
  #bytes = 0;

  constructor(options: { everyBytes?: number; collect?: () => void } = {}) {
    this.#everyBytes = options.everyBytes ?? 12 * 1024 * 1024;
    this.#collect = options.collect ?? minorCollection();
  }

  /** So many bytes of buffers were used and are not needed any longer. */
  dropped(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < this.#everyBytes) return;
    this.#bytes = 0;
    this.#collect();
  }
}

/** V8's own collector, of which programs see nothing unless they ask, with room to grow. Where it cannot be had, V8 collects as it sees fit. */
function minorCollection(): () => void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  setFlagsFromString('--expose-gc');
  const collector: unknown = runInNewContext('globalThis.gc');
  return typeof collector === 'function' ? () => collector({ type: 'minor' }) : () => undefined;
}
