import { Duplex } from 'node:stream';
import type { Clock } from '../contracts/host.ts';
import type { Departures } from './departures.ts';
import type { BrokerLimits } from './limits.ts';
import { PacketScanner } from './packet-scanner.ts';

/**
 * Stands between a connection and the broker, and lets only so much through: a packet over the limit cuts the connection before
 * its bytes are kept anywhere; a client over its rate is not read for a while, and is cut when it runs too far ahead.
 */
export class GuardedStream extends Duplex {
  /** where the client is */
  readonly address: string;
  readonly #source: Duplex;
  readonly #clock: Clock;
  readonly #limits: BrokerLimits;
  readonly #scanner: PacketScanner;
  /** monotonic ms up to which the packets so far use up the rate */
  #paidUntil: number;
  #cancelPause: (() => void) | undefined;
  #ended = false;

  constructor(
    source: Duplex,
    options: { address: string; limits: BrokerLimits; clock: Clock; departures: Departures },
  ) {
    super({ allowHalfOpen: false });
    this.address = options.address;
    this.#source = source;
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#scanner = new PacketScanner(options.limits);
    this.#paidUntil = options.clock.monotonicMs();
    source.on('data', (chunk: Buffer) => this.#take(chunk));
    const { departures } = options;
    source.on('end', () => {
      this.#ended = true;
      departures.add(() => this.push(null));
    });
    source.on('error', (error) => departures.add(() => this.destroy(error)));
    source.on('close', () => {
      if (!this.#ended) departures.add(() => this.destroy());
    });
  }

  #take(chunk: Buffer): void {
    if (this.destroyed) return;
    const packets = this.#scanner.scan(chunk);
    if (typeof packets === 'string') {
      this.destroy(new Error(packets));
      return;
    }
    const ahead = this.#charge(packets);
    if (ahead > this.#limits.maxAheadS * 1000) {
      this.destroy(new Error(`more than ${this.#limits.packetsPerSecond} packets per second`));
      return;
    }
    const wantsMore = this.push(chunk);
    if (ahead > 1000) this.#pauseFor(ahead - 1000);
    else if (!wantsMore) this.#source.pause();
  }

  /** Answers how far the client is ahead of its rate, in ms; a second is what a burst may take. */
  #charge(packets: number): number {
    const now = this.#clock.monotonicMs();
    this.#paidUntil = Math.max(this.#paidUntil, now) + (packets * 1000) / this.#limits.packetsPerSecond;
    return this.#paidUntil - now;
  }

  #pauseFor(ms: number): void {
    this.#source.pause();
    this.#cancelPause?.();
    this.#cancelPause = this.#clock.after(ms, () => {
      this.#cancelPause = undefined;
      this.#source.resume();
    });
  }

  override _read(): void {
    if (this.#cancelPause === undefined) this.#source.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#source.write(chunk, encoding, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#source.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#source.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#cancelPause?.();
    this.#source.destroy();
    done(error);
  }
}
