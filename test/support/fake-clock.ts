import type { Clock } from '../../runtime/contracts/host.ts';

/** Time that moves only when a test says so. Timers run in order, each awaited turn of the event loop in between. */
export class FakeClock implements Clock {
  #now: number;
  #mono = 0;
  #timers: { at: number; run: () => void }[] = [];

  constructor(now = Date.UTC(2026, 10, 20, 12, 0, 0)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** How many timers are set: work that goes on in the background may not have come to its pause yet. */
  get timers(): number {
    return this.#timers.length;
  }

  monotonicMs(): number {
    return this.#mono;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#mono + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.after(ms, resolve);
      signal?.addEventListener('abort', () => {
        cancel();
        reject(signal.reason);
      });
    });
  }

  /** Lets time pass; everything that falls due on the way runs. */
  async advance(ms: number): Promise<void> {
    const end = this.#mono + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#move(Math.max(next.at, this.#mono));
      next.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#move(end);
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The wall clock jumps; the monotonic one does not. */
  jump(ms: number): void {
    this.#now += ms;
  }

  #move(to: number): void {
    this.#now += to - this.#mono;
    this.#mono = to;
  }
}
