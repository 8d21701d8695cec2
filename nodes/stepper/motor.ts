import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock } from '../../runtime/contracts/host.ts';
import type { Lines } from './lines.ts';

/** Pulses are handed out in pieces of this length, so that an abort is felt within it. */
const PIECE_MS = 40;

export interface MotorOptions {
  lines: Lines;
  clock: Clock;
  stepsPerRev: number;
  /** soft limits, in steps */
  least: number;
  most: number;
  /** A move is over: done, aborted, or failed for a reason in words. */
  onRest(how: 'done' | 'aborted' | 'failed'): void;
}

export interface MotorStatus {
  enabled: boolean;
  moving: boolean;
  position_steps: number;
  worker_alive: boolean;
  last_error: string | null;
}

/** A stepper motor: one move at a time, within its limits, and only while it is switched on. */
export class Motor {
  readonly #options: MotorOptions;
  #enabled = false;
  #position = 0;
  #left = 0;
  #periodMs = 0;
  #lastError: string | null = null;
  #stopWaiting = () => {};

  constructor(options: MotorOptions) {
    this.#options = options;
  }

  status(): MotorStatus {
    const trouble = this.#options.lines.trouble();
    return {
      enabled: this.#enabled,
      moving: this.#left !== 0,
      position_steps: this.#position,
      worker_alive: trouble === undefined,
      last_error: trouble ?? this.#lastError,
    };
  }

  async enable(): Promise<void> {
    await this.#options.lines.enable(true);
    this.#enabled = true;
    this.#lastError = null;
  }

  /** Throws `stepper.moving` while it moves: who wants it still at once aborts. */
  async disable(): Promise<void> {
    if (this.#left !== 0) throw new AppError('stepper.moving', 'the motor is moving: abort it first');
    this.#enabled = false;
    await this.#options.lines.enable(false);
  }

  /** Stops a move within 40 ms; where it stands then is known. */
  abort(): void {
    if (this.#left !== 0) this.#rest('aborted');
  }

  /** Begins a move. Throws `stepper.disabled`, `stepper.moving`, or `stepper.limit` when it would end outside of the limits. */
  move(steps: number, rpm: number): void {
    const { least, most, stepsPerRev } = this.#options;
    if (!this.#enabled) throw new AppError('stepper.disabled', 'the motor is not enabled');
    if (this.#left !== 0) throw new AppError('stepper.moving', 'the motor is already moving');
    const end = this.#position + steps;
    if (end < least || end > most) {
      throw new AppError('stepper.limit', `position ${end} is outside of the limits ${least} to ${most}`);
    }
    if (steps === 0) {
      this.#options.onRest('done');
      return;
    }
    this.#left = steps;
    this.#periodMs = 60_000 / (rpm * stepsPerRev);
    this.#piece();
  }

  async close(): Promise<void> {
    this.#stopWaiting();
    this.#left = 0;
    this.#enabled = false;
    await this.#options.lines.close();
  }

  #piece(): void {
    const { lines, clock } = this.#options;
    const steps = Math.min(Math.abs(this.#left), Math.max(1, Math.round(PIECE_MS / this.#periodMs)));
    const forward = this.#left > 0;
    try {
      lines.pulse(steps, forward, this.#periodMs);
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error);
      this.#enabled = false;
      this.#rest('failed');
      return;
    }
    this.#stopWaiting = clock.after(steps * this.#periodMs, () => {
      this.#position += forward ? steps : -steps;
      this.#left -= forward ? steps : -steps;
      if (this.#left === 0) this.#rest('done');
      else this.#piece();
    });
  }

  #rest(how: 'done' | 'aborted' | 'failed'): void {
    this.#stopWaiting();
    this.#left = 0;
    this.#options.onRest(how);
  }
}
