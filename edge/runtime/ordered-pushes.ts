import { ORDERED, type ReportedPush } from '../../runtime/contracts/device-pushes.ts';
import { toAppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log, Release } from '../../runtime/contracts/host.ts';
import type { PushHost, PushSpec, PushStatus } from '../../runtime/contracts/pushes.ts';
import type { OrderedPush, ToAgent } from '../ipc.ts';

/** Changes of several pushes within this time are told together. */
const TELL_MS = 200;
const MOST_REASON = 500;

/** Pushes that stay over restarts. */
export interface KeptPushes extends PushHost {
  keep(spec: PushSpec, wanted: boolean): PushStatus;
  remove(name: string): void;
}

/** The pushes that the server ordered, among this device's own: run as ordered, kept over restarts, and told of to the agent. */
export class OrderedPushes {
  readonly #parts: { pushes: KeptPushes; send: (message: ToAgent) => void; clock: Clock; log: Log };
  readonly #refused = new Map<string, ReportedPush>();
  #orders: OrderedPush[] | undefined;
  #isRunning = false;
  #unwatch: Release = () => undefined;
  #cancelTell: Release | undefined;

  constructor(parts: { pushes: KeptPushes; send: (message: ToAgent) => void; clock: Clock; log: Log }) {
    this.#parts = parts;
  }

  /** Once the pushes have started: those that were kept run already. */
  start(): void {
    this.#isRunning = true;
    this.#unwatch = this.#parts.pushes.watch('', ({ name }) => {
      if (name.startsWith(ORDERED)) this.#tellSoon();
    });
    if (this.#orders) this.hear(this.#orders);
    this.#tellSoon();
  }

  /** They stay kept. */
  stop(): void {
    this.#isRunning = false;
    this.#unwatch();
    this.#cancelTell?.();
  }

  /** All that is to be known from now on. */
  hear(orders: OrderedPush[]): void {
    this.#orders = orders;
    if (!this.#isRunning) return;
    const { pushes, clock, log } = this.#parts;
    this.#refused.clear();
    for (const { spec, wanted } of orders) {
      try {
        pushes.keep({ ...spec, name: ORDERED + spec.name }, wanted);
      } catch (error) {
        const reason = toAppError(error).message;
        log.error('a push that was ordered cannot be run', { push: spec.name, reason });
        const figures = { bytes: 0, bitsPerSecond: 0, uptimeMs: 0, restarts: 0, discarded: 0 };
        this.#refused.set(spec.name, {
          name: spec.name,
          state: 'failed',
          reason: reason.slice(0, MOST_REASON),
          since: Math.round(clock.now()),
          ...figures,
        });
      }
    }
    const wanted = new Set(orders.map(({ spec }) => ORDERED + spec.name));
    for (const { name } of pushes.list()) if (name.startsWith(ORDERED) && !wanted.has(name)) pushes.remove(name);
    this.#tellSoon();
  }

  #tellSoon(): void {
    this.#cancelTell ??= this.#parts.clock.after(TELL_MS, () => {
      this.#cancelTell = undefined;
      const running = this.#parts.pushes.list().filter(({ name }) => name.startsWith(ORDERED));
      const pushes = [...running.map(reported), ...this.#refused.values()].slice(0, 64);
      this.#parts.send({ type: 'pushes', pushes });
    });
  }
}

function reported(status: PushStatus): ReportedPush {
  const { name, state, reason, since, retryAt, bytes, bitsPerSecond, uptimeMs, restarts, discarded } = status;
  return {
    name: name.slice(ORDERED.length),
    state,
    ...(reason !== undefined && { reason: reason.slice(0, MOST_REASON) }),
    since: Math.round(since),
    ...(retryAt !== undefined && { retryAt: Math.round(retryAt) }),
    bytes,
    bitsPerSecond: Math.round(bitsPerSecond),
    uptimeMs: Math.round(uptimeMs),
    restarts,
    discarded,
  };
}
