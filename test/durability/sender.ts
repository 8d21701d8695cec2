import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { DeviceWithKey } from '../../runtime/contracts/api.ts';
import { type Answer, type Ledger, sha256 } from './ledger.ts';
import { marked, type Picture } from './pictures.ts';
import { type PostedFrame, postFrame } from './post-frame.ts';

/** Numbers that are sent in any order. */
const SHUFFLED = 8;
const HOUR_MS = 3_600_000;

export interface SenderOptions {
  url: string;
  device: DeviceWithKey;
  ledger: Ledger;
  pictures: readonly Picture[];
  random: () => number;
  /** connections at once */
  connections: number;
  /** longest rest between two frames of a connection, ms */
  restMs: number;
}

/** What is sent as one frame. */
interface Parcel extends PostedFrame {
  sha: string;
}

/**
 * One device as bad days make it: its frames go out over several connections in any order, some twice with the same bytes, some again
 * with other bytes, some cut short, with a clock that jumps. What got no answer is mostly sent again, until it has one, and sometimes given up.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #agent: Agent;
  #batch: number[] = [];
  #nextSeq = 0;
  #state: 'sending' | 'ending' | 'abandoned' = 'sending';
  #running: Promise<unknown> = Promise.resolve();
  #answers = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connections * 2 });
  }

  /** Id of the device. */
  get device(): string {
    return this.#options.device.id;
  }

  /** Frames that were answered as stored so far. */
  get answers(): number {
    return this.#answers;
  }

  start(): void {
    this.#running = Promise.all(Array.from({ length: this.#options.connections }, () => this.#run()));
  }

  /** Finishes the frames that it has begun; the server has to be up for that. */
  async stop(): Promise<void> {
    this.#state = 'ending';
    await this.#running;
    this.#agent.destroy();
  }

  /** Ends at once; what is under way stays without an answer. */
  abandon(): void {
    this.#state = 'abandoned';
    this.#agent.destroy();
  }

  async #run(): Promise<void> {
    const { random, restMs } = this.#options;
    while (this.#state === 'sending') {
      const parcel = this.#parcel(this.#seq(), 'first');
      const luck = random();
      if (luck < 0.03) await this.#deliver({ ...parcel, ...cutShort(parcel.jpeg) });
      else if (luck < 0.1) await Promise.all([this.#deliver(parcel), this.#deliver(parcel)]);
      else if (luck < 0.15)
        await Promise.all([this.#deliver(parcel), this.#deliver(this.#parcel(parcel.seq, 'other'))]);
      else await this.#deliver(parcel);
      if (luck > 0.9) await this.#deliver(parcel);
      else if (luck > 0.85) await this.#deliver(this.#parcel(parcel.seq, 'other'));
      await pause(random() * restMs);
    }
  }

  #seq(): number {
    if (this.#batch.length === 0) {
      this.#batch = Array.from({ length: SHUFFLED }, () => this.#nextSeq++);
    }
    const [seq = 0] = this.#batch.splice(Math.floor(this.#options.random() * this.#batch.length), 1);
    return seq;
  }

  #parcel(seq: number, version: string): Parcel {
    const { pictures, random, device } = this.#options;
    // Small pictures are more frequent than large ones.
    const picture = pictures[Math.floor(random() ** 2 * pictures.length)];
    if (!picture) throw new Error('there are no pictures to send');
    const jpeg = marked(picture, `${device.id} ${seq} ${version}`);
    const { width, height } = picture;
    return { seq, jpeg, sha: sha256(jpeg), captureTs: jumpingClock(random), width, height };
  }

  /** Sends until there is an answer; some give up: one in four where the connection broke under way, fewer after a 5xx. */
  async #deliver(parcel: Parcel): Promise<void> {
    const { url, ledger, device, random } = this.#options;
    for (let round = 0; ; round += 1) {
      const attempt = ledger.send(device.id, parcel.seq, parcel.sha);
      const { status, met } = await postFrame(url, device, parcel, this.#agent);
      const answer: Answer = attempt.answered(status);
      if (answer === 'ok') this.#answers += 1;
      if (answer !== 'unknown' || (met && random() < (status === undefined ? 0.25 : 0.03))) return;
      if (this.#state === 'abandoned' || (this.#state === 'ending' && round > 100)) return;
      await pause(100 + random() * 200);
    }
  }
}

/** Now, mostly; else an hour off, 1970, or years ahead, as text, seconds or milliseconds. */
function jumpingClock(random: () => number): string | number {
  const luck = random();
  const now = Date.now();
  if (luck < 0.7) return new Date(now).toISOString();
  if (luck < 0.8) return now + (random() < 0.5 ? HOUR_MS : -HOUR_MS);
  if (luck < 0.9) return Math.floor(random() * 1000);
  return new Date(now + random() * 20 * 365 * 24 * HOUR_MS).toISOString();
}

/** The beginning of the picture only, not even its header: refused for good. */
function cutShort(jpeg: Buffer): { jpeg: Buffer; sha: string } {
  const piece = jpeg.subarray(0, 20);
  return { jpeg: piece, sha: sha256(piece) };
}
