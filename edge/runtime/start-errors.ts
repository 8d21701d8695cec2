import type { Clock, Log } from '../../runtime/contracts/host.ts';
import { NODE_TYPES } from '../../runtime/contracts/node-types.ts';

const KEPT = 5;
/**
 * A script that a node runs at its start fails some turns after "flows started"; what injects at start sends comes 100 ms after it. A timer tells
 * them apart, not the time: on a machine that is busy elsewhere a turn takes longer than this, and a timer still comes after it.
 */
const AFTER_MS = 50;

/**
 * Nodes that fail while the flows start: Node-RED logs them and runs the rest, so nothing else tells of a script that throws. Nodes of
 * ours are left out: a camera that is not there yet is no fault of the flow, and has a check of its own.
 */
export class StartErrors {
  readonly seen: string[] = [];
  readonly #clock: Clock;
  readonly #onSeen: () => void;
  #isCounting = false;
  #isOver = false;
  #turn = 0;

  constructor(clock: Clock, onSeen: () => void) {
    this.#clock = clock;
    this.#onSeen = onSeen;
  }

  /** "Flows started" was said. */
  flowsRun(): void {
    if (this.#isCounting) return;
    this.#isCounting = true;
    const turn = this.#turn;
    this.#clock.after(AFTER_MS, () => {
      if (turn === this.#turn) this.#isOver = true;
    });
  }

  /** Other flows are about to start. */
  beginAnew(): void {
    this.#turn += 1;
    this.#isCounting = false;
    this.#isOver = false;
    this.seen.length = 0;
  }

  /** The log for the engine: says everything on, and takes note. */
  listen(log: Log): Log {
    return {
      debug: (message, fields) => log.debug(message, fields),
      info: (message, fields) => log.info(message, fields),
      warn: (message, fields) => log.warn(message, fields),
      error: (message, fields) => {
        log.error(message, fields);
        this.#note(message, fields ?? {});
      },
      child: (scope) => log.child(scope),
    };
  }

  #note(message: string, { node, type, name }: Record<string, unknown>): void {
    if (typeof node !== 'string' || typeof type !== 'string' || Object.hasOwn(NODE_TYPES, type)) return;
    if (this.#isOver || this.seen.length >= KEPT) return;
    const who = typeof name === 'string' && name !== '' ? `${type} "${name}"` : `${type} ${node}`;
    this.seen.push(`${who}: ${message}`.slice(0, 300));
    this.#onSeen();
  }
}
