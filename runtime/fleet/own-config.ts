import type { ServedConfig } from '../contracts/device-config.ts';
import type { Clock, ConfigHost, Log, Release } from '../contracts/host.ts';
import { SERVER_DEVICE } from '../contracts/ids.ts';
import type { Part } from '../lib/part.ts';
import type { Fleet } from './fleet.ts';

export interface OwnConfigOptions {
  fleet: Pick<Fleet, 'servedConfig' | 'onConfigChanged'>;
  clock: Clock;
  log: Log;
}

/** Changes are told at once; this is for what nobody told, as a clock that was set or a notice that was lost. */
const LONGEST_PAUSE_MS = 15_000;
const RETRY_MS = 2000;

/** The configuration of device `server`, for the flows that sample its cameras; a burst ends by itself. */
export class OwnConfig implements ConfigHost, Part {
  readonly #options: OwnConfigOptions;
  readonly #watchers = new Set<(config: ServedConfig) => void>();
  #current: ServedConfig | undefined;
  #told = '';
  #looking: Promise<void> | undefined;
  #again = false;
  #cancel: Release = () => undefined;
  #unlisten: Release = () => undefined;
  #state: 'running' | 'stopped' = 'stopped';

  constructor(options: OwnConfigOptions) {
    this.#options = options;
  }

  /** Begins; a database that is away is no reason not to. */
  async start(): Promise<void> {
    if (this.#state === 'running') return;
    this.#state = 'running';
    this.#unlisten = this.#options.fleet.onConfigChanged((device) => {
      if (device === SERVER_DEVICE) this.#look();
    });
    this.#look();
    await this.#looking;
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#unlisten();
    this.#cancel();
    await this.#looking;
  }

  current(): ServedConfig | undefined {
    return this.#current;
  }

  watch(onChange: (config: ServedConfig) => void): Release {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /** A change during a look is looked at after it: the look may have been too early. */
  #look(): void {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#cancel();
    this.#looking = this.#ask().then((pauseMs) => {
      this.#looking = undefined;
      if (this.#state === 'stopped') return;
      const waitMs = this.#again ? 0 : pauseMs;
      this.#again = false;
      this.#cancel = this.#options.clock.after(waitMs, () => this.#look());
    });
  }

  /** Answers how long what it found is good for, in ms. */
  async #ask(): Promise<number> {
    const { fleet, clock, log } = this.#options;
    try {
      const served = await fleet.servedConfig(SERVER_DEVICE);
      this.#tell(served);
      const endsAt = served.burst_until === null ? Number.POSITIVE_INFINITY : Date.parse(served.burst_until);
      return Math.min(LONGEST_PAUSE_MS, Math.max(10, endsAt - clock.now()));
    } catch (error) {
      log.warn("the configuration of the server's cameras cannot be read", { error });
      return RETRY_MS;
    }
  }

  #tell(served: ServedConfig): void {
    this.#current = served;
    // The number of the last frame changes with each frame and is no news to a flow.
    const told = JSON.stringify({ ...served, last_seq: 0 });
    if (told === this.#told) return;
    this.#told = told;
    for (const watcher of [...this.#watchers]) {
      try {
        watcher(served);
      } catch (error) {
        this.#options.log.error('a watcher of the configuration failed', { error });
      }
    }
  }
}
