import { readFile } from 'node:fs/promises';
import type { ServedConfig } from '../../runtime/contracts/device-config.ts';
import type { Clock, ConfigHost, Log, Release } from '../../runtime/contracts/host.ts';
import { Backoff } from '../../runtime/lib/backoff.ts';
import { writeFileDurably } from '../../runtime/lib/files.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { Pause } from './pause.ts';
import { burstEnd, inForce, parseServedConfig } from './served-config.ts';
import { type CallServer, NoAnswer, objectIn } from './server-http.ts';
import type { ServerTime } from './server-time.ts';

const DEFAULT_POLL_S = 15;
const REFUSED_RETRY_MS = 60_000;
/** A far end is looked at again by then: timers hold 24 days at most, and clocks drift. */
const LONGEST_ALARM_MS = 3_600_000;

export interface ConfigOptions {
  /** keeps the last answer for a start without network */
  file: string;
  device: string;
  call: CallServer;
  time: ServerTime;
  clock: Clock;
  log: Log;
  /** each fresh answer, before anybody else sees it */
  onAnswer: (config: ServedConfig) => Promise<void>;
  random?: () => number;
}

/**
 * The device's configuration: asked for every `config_poll_interval_s` and whenever `refresh` is called, kept on disk, and put in force
 * without a restart. A burst ends at its time, with or without network.
 */
export class Config implements Part, ConfigHost {
  readonly #options: ConfigOptions;
  readonly #pause: Pause;
  readonly #backoff: Backoff;
  readonly #watchers = new Set<(config: ServedConfig) => void>();
  readonly #ending = new AbortController();
  #served: ServedConfig | undefined;
  #etag: string | undefined;
  #told = '';
  #kept = '';
  #trouble: string | undefined;
  #endOfBurst: Release | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: ConfigOptions) {
    this.#options = options;
    this.#pause = new Pause(options.clock);
    this.#backoff = new Backoff({ firstMs: 1000, maxMs: DEFAULT_POLL_S * 1000, random: options.random ?? Math.random });
  }

  async start(): Promise<void> {
    if (this.#loop) return;
    await this.#recall();
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#pause.end();
    this.#endOfBurst?.();
    await this.#loop;
  }

  /** As it is in force now; undefined until the server was heard for the first time in the life of this folder. */
  current(): ServedConfig | undefined {
    return this.#served && inForce(this.#served, this.#options.time.now());
  }

  watch(onChange: (config: ServedConfig) => void): Release {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /** Asks the server at once. */
  refresh(): void {
    this.#pause.cut();
  }

  /** One question more, beside those at their time; resolves when it was answered, or `trouble` says why not. */
  async askNow(): Promise<void> {
    await this.#ask();
  }

  /** Why the last question had no good answer; undefined when it had. */
  trouble(): string | undefined {
    return this.#trouble;
  }

  async #run(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const waitMs = await this.#ask();
      await this.#pause.wait(waitMs);
    }
  }

  /** One question; answers how long to wait before the next. */
  async #ask(): Promise<number> {
    const { call, device, time, log } = this.#options;
    try {
      const answer = await call({
        method: 'GET',
        path: `api/v1/device/config?device_id=${encodeURIComponent(device)}`,
        headers: this.#etag ? { 'if-none-match': this.#etag } : {},
        signal: this.#ending.signal,
      });
      time.hear(answer.headers.date);
      if (answer.status === 401 || answer.status === 403) {
        this.#stumble(`${answer.status}: the server refuses this device`);
        return REFUSED_RETRY_MS;
      }
      if (answer.status === 200) await this.#take(parseServedConfig(objectIn(answer.body)), answer.headers.etag);
      else if (answer.status !== 304) throw new NoAnswer(`answered ${answer.status}`);
      if (this.#trouble !== undefined) log.info('configuration is being fetched again');
      this.#trouble = undefined;
      this.#backoff.reset();
      // Server time may have become known, or more exact: the end of a burst is reckoned again.
      this.#apply();
      return this.#intervalMs();
    } catch (error) {
      if (!this.#ending.signal.aborted) this.#stumble(error instanceof Error ? error.message : String(error));
      return this.#backoff.next();
    }
  }

  async #take(config: ServedConfig, etag: string | undefined): Promise<void> {
    if (config.device_id !== this.#options.device) throw new NoAnswer(`answered for device ${config.device_id}`);
    await this.#options.onAnswer(config);
    this.#served = config;
    this.#etag = etag;
    this.#apply();
    await this.#keep(config);
  }

  #stumble(reason: string): void {
    if (this.#trouble !== reason) this.#options.log.warn('the configuration could not be fetched', { reason });
    this.#trouble = reason;
  }

  #intervalMs(): number {
    const plain = (this.#served?.config.config_poll_interval_s ?? DEFAULT_POLL_S) * 1000;
    return Math.round(plain * (0.95 + 0.1 * (this.#options.random ?? Math.random)()));
  }

  /** Tells the watchers when something else is in force than they know, and sets the alarm for the end of a burst. */
  #apply(): void {
    const config = this.current();
    if (!config) return;
    this.#endOfBurst?.();
    const until = burstEnd(config);
    if (until !== undefined) {
      const inMs = Math.min(Math.max(1, until - this.#options.time.now()), LONGEST_ALARM_MS);
      this.#endOfBurst = this.#options.clock.after(inMs, () => this.#apply());
    }
    const face = faceOf(config);
    if (face === this.#told) return;
    this.#told = face;
    this.#options.log.info('configuration in force', { version: config.version, mode: config.mode });
    for (const watcher of this.#watchers) watcher(config);
  }

  async #recall(): Promise<void> {
    const { file, device, log } = this.#options;
    try {
      const config = parseServedConfig(JSON.parse(await readFile(file, 'utf8')));
      if (config.device_id !== device) return;
      this.#served = config;
      this.#kept = faceOf(config);
      this.#apply();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warn('the kept configuration is unreadable', { error });
    }
  }

  /** `last_seq` moves with each frame and is worth nothing on disk: an SD card is spared the write. */
  async #keep(config: ServedConfig): Promise<void> {
    const face = faceOf(config);
    if (face === this.#kept) return;
    try {
      await writeFileDurably(this.#options.file, `${JSON.stringify(config, null, 2)}\n`);
      this.#kept = face;
    } catch (error) {
      this.#options.log.warn('the configuration could not be kept on disk', { error });
    }
  }
}

function faceOf(config: ServedConfig): string {
  return JSON.stringify({ ...config, last_seq: 0 });
}
