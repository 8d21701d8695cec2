import { toAppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { StreamHost, StreamSubscription } from '../../runtime/contracts/streams.ts';
import { MAX_RECORD_BYTES } from '../../runtime/contracts/uplink.ts';
import { encodeAlive, encodeAudio, encodeFormat, encodeGap, encodeUnit } from '../../runtime/lib/uplink-records.ts';
import { type ToAgent, type ToChild, UPLINK_WINDOW_BYTES } from '../ipc.ts';

/** The server ends a connection that says nothing for 12 s. */
const ALIVE_EVERY_MS = 4000;

type FromAgent = Extract<ToChild, { type: 'uplink-open' | 'uplink-taken' | 'uplink-close' }>;

interface Sending {
  subscription?: StreamSubscription;
  /** bytes handed over that have not left the device yet */
  waiting: number;
  saidMs: number;
  cancelAlive: () => void;
}

export interface StreamSenderOptions {
  /** Loads the streams when the first one is wanted. */
  streams: () => Promise<Pick<StreamHost, 'subscribe'>>;
  send: (message: ToAgent) => void;
  clock: Clock;
  log: Log;
}

/** Reads streams of this device for the server, as records that the agent sends on. A slow link misses pictures, never piles them up. */
export class StreamSender {
  readonly #options: StreamSenderOptions;
  readonly #sendings = new Map<number, Sending>();

  constructor(options: StreamSenderOptions) {
    this.#options = options;
  }

  /** What the agent says; never throws. */
  hear(message: FromAgent): void {
    const sending = this.#sendings.get(message.id);
    if (message.type === 'uplink-open') void this.#open(message.id, message.camera);
    else if (message.type === 'uplink-close') this.#close(message.id);
    else if (sending) sending.waiting = Math.max(0, sending.waiting - message.bytes);
  }

  stop(): void {
    for (const id of [...this.#sendings.keys()]) this.#close(id);
  }

  async #open(id: number, camera: string): Promise<void> {
    const sending: Sending = { waiting: 0, saidMs: 0, cancelAlive: () => undefined };
    this.#sendings.set(id, sending);
    try {
      this.#stayAlive(id, sending);
      const streams = await this.#options.streams();
      if (this.#sendings.get(id) !== sending) return;
      sending.subscription = streams.subscribe(camera, {
        onFormat: (format) => this.#send(id, sending, encodeFormat(format)),
        onVideo: (unit) => this.#sendUnit(id, sending, encodeUnit(unit)),
        onAudio: (unit) => this.#send(id, sending, encodeAudio(unit)),
        isFull: () => sending.waiting > UPLINK_WINDOW_BYTES,
        onGap: (reason) => this.#send(id, sending, encodeGap(reason)),
        onEnd: () => this.#end(id, 'the camera was removed from the device'),
      });
    } catch (thrown) {
      this.#end(id, toAppError(thrown).message);
    }
  }

  #sendUnit(id: number, sending: Sending, record: Buffer): void {
    if (record.length > MAX_RECORD_BYTES) this.#end(id, 'a single picture is too large to be sent');
    else this.#send(id, sending, record);
  }

  #send(id: number, sending: Sending, record: Buffer): void {
    if (this.#sendings.get(id) !== sending) return;
    sending.waiting += record.length;
    sending.saidMs = this.#options.clock.monotonicMs();
    this.#options.send({ type: 'uplink-record', id, record });
  }

  #stayAlive(id: number, sending: Sending): void {
    const { clock } = this.#options;
    sending.cancelAlive = clock.after(ALIVE_EVERY_MS, () => {
      if (clock.monotonicMs() - sending.saidMs >= ALIVE_EVERY_MS && sending.waiting === 0) {
        this.#send(id, sending, encodeAlive());
      }
      this.#stayAlive(id, sending);
    });
  }

  #end(id: number, reason: string): void {
    if (!this.#sendings.has(id)) return;
    this.#options.log.warn('a stream for the server ends', { reason });
    this.#close(id);
    this.#options.send({ type: 'uplink-end', id, reason });
  }

  #close(id: number): void {
    const sending = this.#sendings.get(id);
    this.#sendings.delete(id);
    sending?.cancelAlive();
    sending?.subscription?.close();
  }
}
