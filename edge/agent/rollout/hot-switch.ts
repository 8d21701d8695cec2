import type { Clock, Log } from '../../../runtime/contracts/host.ts';
import type { FlowLoad, SwitchFromChild } from '../../ipc.ts';

/** A process whose flows have not ended by then is not waited for. */
const ANSWER_MS = 5000;

/** Asks the flow process that runs to take other flows over, one time at a time. */
export class HotSwitch {
  readonly #options: { clock: Clock; log: Log; handOver: (n: number, load: FlowLoad) => boolean };
  #last = 0;
  #asked: { n: number; settle: (refusal: string | undefined) => void } | undefined;

  constructor(options: { clock: Clock; log: Log; handOver: (n: number, load: FlowLoad) => boolean }) {
    this.#options = options;
  }

  /** True: the old flows have ended there, the new ones start. False: a new process has to run them. */
  async try(load: FlowLoad): Promise<boolean> {
    const { clock, handOver, log } = this.#options;
    this.#last += 1;
    const n = this.#last;
    if (!handOver(n, load)) return false;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const cancel = clock.after(ANSWER_MS, () => this.#end(`its old flows did not end within ${ANSWER_MS / 1000} s`));
    this.#asked = { n, settle: resolve };
    const refusal = await promise;
    cancel();
    if (refusal !== undefined) log.info('the new flows need a new process', { reason: refusal });
    return refusal === undefined;
  }

  /** The process answered: true when it was asked, and has taken the flows. */
  hear(message: SwitchFromChild): boolean {
    if (this.#asked?.n !== message.n) return false;
    const isTaken = message.type === 'switch-answer';
    this.#end(isTaken ? undefined : message.reason);
    return isTaken;
  }

  /** The process is gone: true when its answer was waited for. */
  gone(): boolean {
    return this.#end('it ended');
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#end('the agent stops');
  }

  #end(refusal: string | undefined): boolean {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.settle(refusal);
    return asked !== undefined;
  }
}
