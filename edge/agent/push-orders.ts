import { Type } from 'typebox';
import {
  DEVICE_PUSHES_PATH,
  DevicePushOrders,
  type DevicePushReport,
  ReportedPush,
  SealedPush,
} from '../../runtime/contracts/device-pushes.ts';
import { toAppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import { Backoff } from '../../runtime/lib/backoff.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { parser } from '../../runtime/lib/validate.ts';
import type { OrderedPush, ToChild } from '../ipc.ts';
import { Pause } from './pause.ts';
import { type CallServer, NoAnswer, objectIn } from './server-http.ts';

/** While something is to be pushed the server hears so often how that goes; it takes 35 s of silence for an absence. */
const BUSY_MS = 10_000;
/** Without anything to push; a command hurries it. */
const IDLE_MS = 60_000;
/** New orders are confirmed by then. */
const CONFIRM_MS = 1000;
/** A push that changes its state all the time is told of so often at most. */
const LEAST_MS = 500;
/** A server that does not know the path is an older one. */
const OLDER_SERVER_MS = 600_000;

const parseOrders = parser(DevicePushOrders);
const parseSealed = parser(SealedPush);
const parseReport = parser(Type.Array(ReportedPush, { maxItems: 64 }));

export interface PushOrdersOptions {
  device: string;
  call: CallServer;
  /** this device's own key: the destinations come sealed for it */
  sealing: { readonly publicKey: string; open(sealed: string): string };
  toChild: (message: ToChild) => void;
  clock: Clock;
  log: Log;
  random?: () => number;
}

/**
 * What the server wants pushed from this device: fetched by HTTP with the device's key, opened here and handed to the process of the
 * flows, which keeps it; in the same exchange the server hears how the pushes are. A server that is away changes nothing.
 */
export class PushOrders implements Part {
  readonly #options: PushOrdersOptions;
  readonly #pause: Pause;
  readonly #backoff: Backoff;
  readonly #ending = new AbortController();
  #revision: string | undefined;
  #orders: OrderedPush[] | undefined;
  #report: ReportedPush[] = [];
  #told = '';
  #trouble: string | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: PushOrdersOptions) {
    this.#options = options;
    this.#pause = new Pause(options.clock);
    this.#backoff = new Backoff({ firstMs: 2000, maxMs: IDLE_MS, random: options.random ?? Math.random });
  }

  async start(): Promise<void> {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#pause.end();
    await this.#loop;
  }

  /** Asks the server at once. */
  hurry(): void {
    this.#pause.cut();
  }

  /** A process of the flows began: it has what it kept, and hears what it may have missed. */
  childStarted(): void {
    if (this.#orders) this.#options.toChild({ type: 'pushes', pushes: this.#orders });
  }

  /** How the pushes are, as the process of the flows says. */
  hear(pushes: unknown): void {
    try {
      this.#report = parseReport(pushes);
    } catch (error) {
      this.#options.log.warn('a report on pushes was not understood', { reason: toAppError(error).message });
      return;
    }
    const face = JSON.stringify(this.#report.map(({ name, state, reason }) => [name, state, reason]));
    if (face !== this.#told) this.hurry();
    this.#told = face;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const waitMs = await this.#ask();
      await clock.sleep(LEAST_MS, signal).catch(() => undefined);
      await this.#pause.wait(waitMs);
    }
  }

  /** One exchange; answers how long to wait before the next. */
  async #ask(): Promise<number> {
    const { call, clock, sealing, log } = this.#options;
    this.#pause.forget();
    const report: DevicePushReport = {
      v: 1,
      ts: Math.round(clock.now()),
      ...(this.#revision !== undefined && { revision: this.#revision }),
      sealing_key: sealing.publicKey,
      pushes: this.#report,
    };
    try {
      const { status, body } = await call({
        method: 'POST',
        path: DEVICE_PUSHES_PATH,
        headers: { 'content-type': 'application/json' },
        body: [Buffer.from(JSON.stringify(report))],
        signal: this.#ending.signal,
      });
      if (status === 404 || status === 405) return OLDER_SERVER_MS;
      if (status !== 200) throw new NoAnswer(`answered ${status}`);
      const isNew = this.#take(parseOrders(objectIn(body)));
      if (this.#trouble !== undefined) log.info('what is to be pushed is being fetched again');
      this.#trouble = undefined;
      this.#backoff.reset();
      if (isNew) return CONFIRM_MS;
      return this.#orders?.some(({ wanted }) => wanted) ? BUSY_MS : IDLE_MS;
    } catch (error) {
      const reason = toAppError(error).message;
      if (!this.#ending.signal.aborted && reason !== this.#trouble)
        log.warn('what is to be pushed could not be fetched', { reason });
      this.#trouble = reason;
      return this.#backoff.next();
    }
  }

  /** Answers whether there was something new. */
  #take({ revision, pushes }: DevicePushOrders): boolean {
    if (pushes === undefined) return false;
    this.#orders = pushes.flatMap(({ name, wanted, sealed }) => {
      const spec = this.#opened(name, sealed);
      return spec ? [{ spec, wanted }] : [];
    });
    this.#revision = revision;
    this.#options.toChild({ type: 'pushes', pushes: this.#orders });
    return pushes.length > 0;
  }

  #opened(name: string, sealed: string): OrderedPush['spec'] | undefined {
    const { sealing, device, log } = this.#options;
    try {
      const { device: whose, ...spec } = parseSealed(JSON.parse(sealing.open(sealed)));
      if (whose === device && spec.name === name) return spec;
      throw new Error('it is for somebody else');
    } catch (error) {
      // Never what was in it.
      log.error('an order to push could not be opened', { push: name, reason: toAppError(error).message });
      return undefined;
    }
  }
}
