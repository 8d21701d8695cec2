import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

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

/** V8's own collector, of which programs see nothing unless they ask. Where it cannot be had, V8 collects as it sees fit. */
function minorCollection(): () => void {
  setFlagsFromString('--expose-gc');
  const collector: unknown = runInNewContext('globalThis.gc');
  return typeof collector === 'function' ? () => collector({ type: 'minor' }) : () => undefined;
}
