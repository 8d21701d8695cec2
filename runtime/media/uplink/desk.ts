import { createHash, randomBytes } from 'node:crypto';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import { type StreamCommandArgs, UPLINK_PATH, type UplinkService, type UplinkTaker } from '../../contracts/uplink.ts';

/** So long a device has between the command and its connection. */
const TICKET_MS = 15_000;

/** Hands a device the command `stream`; resolves when it said yes, throws in words when it did not. */
export type AskDevice = (device: string, args: StreamCommandArgs, signal: AbortSignal) => Promise<void>;

interface Ticket {
  device: string;
  camera: string;
  taker: UplinkTaker;
  /** monotonic ms */
  untilMs: number;
}

/** A stream that was asked for and has not come yet. */
export interface Asked {
  /** Resolves when the device said that it will send; throws in words when it will not. */
  answered: Promise<void>;
  /** It is not wanted any more: the nonce leads nowhere from now on. */
  withdraw(): void;
}

/** Where streams are asked for, and where those that come show that they were. */
export class UplinkDesk implements UplinkService {
  readonly #ask: AskDevice;
  readonly #clock: Clock;
  /** by the SHA-256 of the nonce: looking one up takes as long for any guess */
  readonly #tickets = new Map<string, Ticket>();

  constructor(options: { ask: AskDevice; clock: Clock }) {
    this.#ask = options.ask;
    this.#clock = options.clock;
  }

  /** Asks a device for a camera's stream; `taker` gets the connection that shows the nonce. */
  ask(device: string, camera: string, taker: UplinkTaker): Asked {
    this.#sweep();
    const nonce = randomBytes(32).toString('base64url');
    const key = keyOf(nonce);
    this.#tickets.set(key, { device, camera, taker, untilMs: this.#clock.monotonicMs() + TICKET_MS });
    const ending = new AbortController();
    const expires = Math.round(this.#clock.now() + TICKET_MS);
    const answered = this.#ask(device, { camera, nonce, path: UPLINK_PATH + camera, expires }, ending.signal);
    const withdraw = () => {
      this.#tickets.delete(key);
      ending.abort(new AppError('camera.unreachable', 'the stream is not wanted any more'));
    };
    return { answered, withdraw };
  }

  claim(device: string, camera: string, nonce: string): UplinkTaker {
    this.#sweep();
    const key = keyOf(nonce);
    const ticket = this.#tickets.get(key);
    if (ticket?.device !== device || ticket.camera !== camera) {
      // One that belongs to somebody else stays good: a stranger's guess must not take it away.
      throw new AppError(
        'uplink.not_asked',
        'no stream was asked for with this nonce, or not of this device and camera',
      );
    }
    this.#tickets.delete(key);
    return ticket.taker;
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { untilMs }] of this.#tickets) if (untilMs <= nowMs) this.#tickets.delete(key);
  }
}

function keyOf(nonce: string): string {
  return createHash('sha256').update(nonce).digest('base64');
}
