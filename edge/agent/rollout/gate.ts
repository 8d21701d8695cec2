import type { FlowGates } from '../../../runtime/contracts/deployments.ts';
import type { Clock, UploadStatus } from '../../../runtime/contracts/host.ts';

/** Numbers of a probation, ms. */
export interface GateLimits {
  probationMs: number;
  /** from the start of the process to flows that run */
  startMs: number;
  /** a process that answers nothing for so long is blocked */
  silenceMs: number;
  maxRssMb: number;
}

/** What the flow process says of itself. */
export interface FlowView {
  flows: string;
  reason?: string | undefined;
  rssMb: number;
  /** nodes that failed while the flows started */
  startErrors?: readonly string[] | undefined;
}

export interface GateOptions {
  clock: Clock;
  limits: GateLimits;
  gates: FlowGates;
  /** frames came before the switch */
  framesExpected: boolean;
  /** pace that the configuration asks for, ms */
  captureIntervalMs: () => number;
  /** frames handed over so far, since whenever */
  frames: () => number;
  upload: () => UploadStatus;
  /** flows run: the time counts from now on */
  onRunning?: () => void;
  /** asks the process for a sign of life */
  ping: (n: number) => void;
  /** Once: undefined when it stood, else why not. */
  onVerdict: (failure: string | undefined) => void;
}

const SHARE_OF_PROMISE = 0.8;

/**
 * One probation: begins with the start of a flow process, and ends with a verdict. The process has to come to flows that run, without
 * missing types and failing nodes, live on, answer, stay small, and bring frames that the server takes.
 */
export class Gate {
  readonly #options: GateOptions;
  readonly #began: { frames: number; upload: UploadStatus };
  #cancels: (() => void)[] = [];
  #runningSince: number | undefined;
  #framesAtStart = 0;
  #pings = 0;
  #isWarm = false;
  #isLooking = false;
  #answeredAt = 0;
  #isOver = false;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#began = { frames: options.frames(), upload: options.upload() };
    const { clock, limits } = options;
    const late = `the flows did not run within ${limits.startMs / 1000} s`;
    this.#cancels.push(clock.after(limits.startMs, () => this.#runningSince ?? this.#end(late)));
  }

  /** The process ended. */
  ended(how: string): void {
    this.#end(`the flow process ended ${how}`);
  }

  /** What the process says of itself. */
  hear({ flows, reason, rssMb, startErrors = [] }: FlowView): void {
    const { maxRssMb } = this.#options.limits;
    if (flows === 'failed') this.#end(reason ?? 'the flows do not run');
    else if (startErrors.length > 0) this.#end(`a node failed at its start: ${startErrors[0]}`);
    else if (rssMb > maxRssMb) this.#end(`the flow process takes ${rssMb} MB, more than ${maxRssMb}`);
    else if (flows === 'running' && this.#runningSince === undefined) this.#begin();
  }

  /**
   * The flows are started in a process that runs: it answers from now on. Frames that the flows before had on their way still come, so
   * those of the first moments do not count.
   */
  warm(): void {
    this.#isWarm = true;
    this.#answeredAt = this.#options.clock.monotonicMs();
    if (!this.#isOver) this.#look();
  }

  /** It answered. */
  pong(): void {
    this.#answeredAt = this.#options.clock.monotonicMs();
  }

  /** Another verdict is not wanted. */
  cancel(): void {
    this.#isOver = true;
    for (const cancel of this.#cancels.splice(0)) cancel();
  }

  #begin(): void {
    const { clock, frames } = this.#options;
    this.#runningSince = clock.monotonicMs();
    this.#answeredAt = this.#runningSince;
    this.#framesAtStart = frames();
    if (this.#isWarm) this.#cancels.push(clock.after(2 * this.#everyMs, () => (this.#framesAtStart = frames())));
    this.#options.onRunning?.();
    if (!this.#isLooking) this.#look();
  }

  /** A few times a second of a short probation, every 2 s of a long one. */
  get #everyMs(): number {
    return Math.min(2000, Math.max(100, this.#options.limits.probationMs / 10));
  }

  #look(): void {
    this.#isLooking = true;
    const { clock, limits, ping } = this.#options;
    const everyMs = this.#everyMs;
    const silence = clock.monotonicMs() - this.#answeredAt;
    if (silence > limits.silenceMs) this.#end(`the flow process did not answer for ${Math.round(silence / 1000)} s`);
    else if (this.#runningSince !== undefined && this.#age() >= limits.probationMs && silence <= 2 * everyMs) {
      // Due, and it still answers.
      const failure = this.#judge();
      if (failure !== 'wait') this.#end(failure);
    }
    if (this.#isOver) return;
    this.#pings += 1;
    ping(this.#pings);
    this.#cancels.push(clock.after(everyMs, () => this.#look()));
  }

  #age(): number {
    return this.#options.clock.monotonicMs() - (this.#runningSince ?? 0);
  }

  #judge(): string | undefined | 'wait' {
    const { captureIntervalMs, frames, framesExpected, gates, limits, upload } = this.#options;
    const count = frames() - this.#framesAtStart;
    const seconds = this.#age() / 1000;
    if (gates.min_fps !== undefined && count + 1 < gates.min_fps * seconds * SHARE_OF_PROMISE)
      return `${count} frames came in ${Math.round(seconds)} s in place of ${gates.min_fps} a second`;
    if (framesExpected && gates.expect_frames !== false && count === 0) {
      // A slow pace gets the time that it needs.
      const patience = Math.max(limits.probationMs, 2.5 * captureIntervalMs());
      return this.#age() < patience ? 'wait' : `no frame came in ${Math.round(seconds)} s, as before`;
    }
    return this.#judgeUpload(upload(), count);
  }

  #judgeUpload(now: UploadStatus, frames: number): string | undefined {
    const { rejected, sent } = this.#began.upload;
    if (frames > 0 && now.rejected - rejected > frames / 2) return 'the server rejects the frames of these flows';
    // Away or refusing: nothing that flows could help.
    const isServerThere = now.state === 'idle' || now.state === 'sending';
    if (frames > 1 && isServerThere && now.sent === sent && now.frames > 0) return 'frames are not sent any more';
    return undefined;
  }

  #end(failure: string | undefined): void {
    if (this.#isOver) return;
    this.cancel();
    this.#options.onVerdict(failure);
  }
}
