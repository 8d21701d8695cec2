import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { HeartbeatMessage } from '../../runtime/contracts/mqtt-messages.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { Pause } from './pause.ts';
import type { CallServer } from './server-http.ts';

const EVERY_MS = 30_000;
/** An MQTT connection is given this long before the first heartbeat goes another way. */
const FIRST_MS = 3_000;

export type Heartbeat = Omit<HeartbeatMessage, 'v' | 'ts'>;

export interface HeartbeatOptions {
  device: string;
  measure: () => Promise<Heartbeat>;
  /** by MQTT; false when there is no connection */
  beat: (body: Heartbeat) => boolean;
  call: CallServer;
  clock: Clock;
  log: Log;
}

/** Says every 30 s how the device is: by MQTT, and by HTTP while there is no connection. */
export class HeartbeatLoop implements Part {
  readonly #options: HeartbeatOptions;
  readonly #pause: Pause;
  readonly #ending = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#pause = new Pause(options.clock);
  }

  async start(): Promise<void> {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#pause.end();
    await this.#loop;
  }

  /** The next one goes out now, as after a new connection. */
  now(): void {
    this.#pause.cut();
  }

  async #run(): Promise<void> {
    await this.#pause.wait(FIRST_MS);
    while (!this.#ending.signal.aborted) {
      await this.#once();
      await this.#pause.wait(EVERY_MS);
    }
  }

  async #once(): Promise<void> {
    const { beat, call, device, log, measure } = this.#options;
    try {
      const body = await measure();
      if (beat(body)) return;
      await call({
        method: 'POST',
        path: 'api/v1/ingest/heartbeat',
        headers: { 'content-type': 'application/json' },
        body: [Buffer.from(JSON.stringify({ device_id: device, ...body }))],
        signal: this.#ending.signal,
      });
    } catch (error) {
      log.debug('heartbeat not delivered', { error });
    }
  }
}
