import mqtt, { type MqttClient } from 'mqtt';
import { AppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import { Backoff } from '../lib/backoff.ts';
import type { OutsideAddress } from '../lib/outside-address.ts';

/** A half-open connection is noticed after one and a half of these. */
const KEEPALIVE_S = 30;
const CONNECT_TIMEOUT_MS = 10_000;
const GOODBYE_MS = 2000;
/** Who is let in and thrown out again at once, as by a second one with its name, must not come back every second. */
const SETTLED_MS = 10_000;

export interface OutsideLinkOptions {
  address: OutsideAddress;
  clientId: string;
  /** published, retained, by the broker when this connection is lost, and by `stop` */
  farewell: { topic: string; body: () => object };
  /** what is listened to */
  filters: readonly string[];
  /** the filters are in force; what goes wrong in it ends the connection */
  onUp: () => Promise<void>;
  onDown: () => void;
  onMessage: (topic: string, payload: Buffer, retained: boolean) => void;
  clock: Clock;
  log: Log;
  retry?: { firstMs: number; maxMs: number };
}

/** The server's one connection to an outside broker: made again, 1 to 30 s apart, for as long as it is wanted. */
export class OutsideLink {
  readonly #options: OutsideLinkOptions;
  readonly #backoff: Backoff;
  #client: MqttClient | undefined;
  #isUp = false;
  #running = false;
  #loop: Promise<void> | undefined;
  #pause = new AbortController();
  readonly #waiting = new Set<(reason: Error) => void>();
  #reason = 'it was not reached yet';

  constructor(options: OutsideLinkOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.retry ?? { firstMs: 1000, maxMs: 30_000 });
  }

  /** Begins to connect, and waits for nothing: the broker may come later. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#pause = new AbortController();
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    const client = this.#client;
    const { clock, farewell } = this.#options;
    if (client && this.#isUp) {
      const said = client.publishAsync(farewell.topic, JSON.stringify(farewell.body()), { qos: 1, retain: true });
      const late = new AbortController();
      await Promise.race([said, clock.sleep(GOODBYE_MS, late.signal)]).catch(() => undefined);
      late.abort();
    }
    this.#pause.abort();
    client?.end();
    // On a half-open connection the polite end never comes.
    const cancel = clock.after(GOODBYE_MS, () => client?.end(true));
    await this.#loop;
    cancel();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Why there is no connection, in words that name the setting; undefined while there is one. */
  get trouble(): string | undefined {
    return this.#isUp ? undefined : `MQTT_URL: no connection to ${this.#options.address.url}: ${this.#reason}`;
  }

  /** Resolves once the broker has it; throws `broker.unavailable`. */
  async publish(topic: string, payload: Buffer, options: { retain: boolean; qos: 0 | 1 }): Promise<void> {
    const client = this.#client;
    if (!client || !this.#isUp) throw new AppError('broker.unavailable', this.trouble ?? 'The MQTT broker is away.');
    // What waits for an acknowledgement when the connection ends would wait for good.
    const lost = Promise.withResolvers<never>();
    this.#waiting.add(lost.reject);
    try {
      await Promise.race([client.publishAsync(topic, payload, options), lost.promise]);
    } catch (cause) {
      throw new AppError('broker.unavailable', `MQTT_URL: the connection was lost: ${wordsOf(cause)}`, {}, { cause });
    } finally {
      this.#waiting.delete(lost.reject);
    }
  }

  /** Asks for what is retained on one of its filters once more. */
  async askAgain(filter: string): Promise<void> {
    if (this.#isUp) await this.#client?.subscribeAsync(filter, { qos: 1 });
  }

  async #run(): Promise<void> {
    const { address, clock, log } = this.#options;
    let said = '';
    while (this.#running) {
      const before = clock.monotonicMs();
      const reason = await this.#connection();
      if (!this.#running) return;
      this.#reason = reason;
      const wasUp = this.#isUp;
      this.#isUp = false;
      if (wasUp) {
        if (clock.monotonicMs() - before > SETTLED_MS) this.#backoff.reset();
        this.#options.onDown();
      }
      if (wasUp || said !== reason) {
        said = reason;
        log.warn('MQTT_URL: no connection to the broker; it is tried again', { broker: address.url, reason });
      }
      await clock.sleep(this.#backoff.next(), this.#pause.signal).catch(() => undefined);
    }
  }

  /** One connection from its beginning to its end; answers why it ended. */
  async #connection(): Promise<string> {
    const { address, clientId, clock, farewell, filters, onMessage, onUp } = this.#options;
    const { url, username, password } = address;
    const client = mqtt.connect(url, {
      protocolVersion: 4,
      clientId,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      clean: true,
      keepalive: KEEPALIVE_S,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: 0,
      resubscribe: false,
      will: { topic: farewell.topic, payload: Buffer.from(JSON.stringify(farewell.body())), qos: 1, retain: true },
    });
    this.#client = client;
    const end = Promise.withResolvers<string>();
    let reason = 'it closed the connection';
    client.on('error', (error) => {
      reason = wordsOf(error);
    });
    client.on('message', (topic, payload, { retain }) => onMessage(topic, payload, retain));
    const greet = async () => {
      await client.subscribeAsync([...filters], { qos: 1 });
      if (!this.#running || this.#client !== client) return;
      this.#isUp = true;
      this.#options.log.info('MQTT connected to the outside broker', { broker: url });
      await onUp();
    };
    client.on('connect', () => {
      greet().catch((error: unknown) => {
        reason = `it does not let this server do its work: ${wordsOf(error)}`;
        client.end(true);
      });
    });
    // The client's own timeout ends with the TCP connection; somebody may take that and say nothing.
    const cancel = clock.after(2 * CONNECT_TIMEOUT_MS, () => {
      if (this.#isUp) return;
      reason = 'it takes the connection and does not answer';
      client.end(true);
    });
    try {
      client.once('close', () => end.resolve(reason));
      client.once('end', () => end.resolve(reason));
      return await end.promise;
    } finally {
      cancel();
      this.#client = undefined;
      client.end(true);
      for (const refuse of this.#waiting) refuse(new Error(reason));
    }
  }
}

/** Codes of CONNACK (MQTT 3.1.1 §3.2.2.3) that are about the credential. */
const REFUSED = new Set([4, 5]);

/** What went wrong, without a line of what was shown to the broker. */
function wordsOf(error: unknown): string {
  const { code, message = '' } = (error ?? {}) as { code?: number | string; message?: string };
  if (typeof code === 'number' && REFUSED.has(code)) return 'it refuses the user name or password of MQTT_URL';
  return message || String(code ?? 'no reason is known');
}
