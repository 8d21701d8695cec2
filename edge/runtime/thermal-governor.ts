import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { Part } from '../../runtime/lib/part.ts';

const LOOK_EVERY_MS = 2000;
/** Seed 000's governor (S0.37): hot for 10 s above 80 °C, cool again after 30 s below 70 °C. */
const HOT_C = 80;
const HOT_FOR_MS = 10_000;
const COOL_C = 70;
const COOL_FOR_MS = 30_000;
const HOT_BITS_PER_SECOND = 200_000;

/** What live streams may take, and why, as viewers are told. */
export function streamLimit(isHot: boolean, celsius: number): [bitsPerSecond: number | undefined, reason: string] {
  if (!isHot) return [undefined, 'the device has cooled down: the picture is as fine as usual again'];
  return [HOT_BITS_PER_SECOND, `the device is at ${celsius} °C: the picture is coarser until it has cooled down`];
}

export interface ThermalGovernorOptions {
  /** °C; undefined where nothing measures it: then this does nothing */
  temperature: () => Promise<number | undefined>;
  /** the machine became too hot, or cool again */
  onChange: (isHot: boolean, celsius: number) => void;
  clock: Clock;
  log: Log;
}

/** Watches how hot the machine is and says when it should work less, and when no longer. By the monotonic clock. */
export class ThermalGovernor implements Part {
  readonly #options: ThermalGovernorOptions;
  #cancel: (() => void) | undefined;
  #isHot = false;
  /** since when the temperature has asked for a change */
  #since: number | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: ThermalGovernorOptions) {
    this.#options = options;
  }

  get isHot(): boolean {
    return this.#isHot;
  }

  async start(): Promise<void> {
    this.#cancel ??= this.#options.clock.after(LOOK_EVERY_MS, () => this.#next());
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#looking;
  }

  #next(): void {
    this.#looking = this.#look()
      .catch((error) => this.#options.log.warn('the temperature could not be dealt with', { error }))
      .then(() => {
        if (this.#cancel) this.#cancel = this.#options.clock.after(LOOK_EVERY_MS, () => this.#next());
      });
  }

  async #look(): Promise<void> {
    const { temperature, onChange, clock, log } = this.#options;
    const celsius = await temperature();
    if (celsius === undefined) return;
    const asksForChange = this.#isHot ? celsius < COOL_C : celsius > HOT_C;
    if (!asksForChange) {
      this.#since = undefined;
      return;
    }
    const now = clock.monotonicMs();
    this.#since ??= now;
    if (now - this.#since < (this.#isHot ? COOL_FOR_MS : HOT_FOR_MS)) return;
    this.#since = undefined;
    this.#isHot = !this.#isHot;
    log.warn(this.#isHot ? 'too hot: live streams are made coarser' : 'cool again: live streams are as usual', {
      celsius,
    });
    onChange(this.#isHot, celsius);
  }
}
