const BUCKET_MS = 1000;
/** Whole seconds that are looked at, beside the one that is under way. */
const BUCKETS = 5;

/** Units and bits per second over the last five seconds or so. */
export class RateMeter {
  #buckets: { startMs: number; units: number; bytes: number }[] = [];
  #sinceMs: number | undefined;

  add(bytes: number, atMs: number): void {
    this.#sinceMs ??= atMs;
    const startMs = Math.floor(atMs / BUCKET_MS) * BUCKET_MS;
    let bucket = this.#buckets.at(-1);
    if (bucket?.startMs !== startMs) {
      bucket = { startMs, units: 0, bytes: 0 };
      this.#buckets = [...this.#buckets.slice(-BUCKETS), bucket];
    }
    bucket.units += 1;
    bucket.bytes += bytes;
  }

  /** As of now; nothing for the first second of a stream. */
  read(nowMs: number): { fps: number; bitsPerSecond: number } {
    const fromMs = Math.floor(nowMs / BUCKET_MS) * BUCKET_MS - BUCKETS * BUCKET_MS;
    const spanMs = nowMs - Math.max(fromMs, this.#sinceMs ?? nowMs);
    if (spanMs < BUCKET_MS) return { fps: 0, bitsPerSecond: 0 };
    let units = 0;
    let bytes = 0;
    for (const bucket of this.#buckets) {
      if (bucket.startMs < fromMs) continue;
      units += bucket.units;
      bytes += bucket.bytes;
    }
    const perSecond = (count: number) => Math.round((count * 10_000) / spanMs) / 10;
    return { fps: perSecond(units), bitsPerSecond: Math.round(perSecond(bytes * 8)) };
  }

  reset(): void {
    this.#buckets = [];
    this.#sinceMs = undefined;
  }
}
