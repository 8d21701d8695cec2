import type { Log } from '../contracts/host.ts';
import type { DeviceInfoMessage, DeviceStateMessage, HeartbeatMessage } from '../contracts/mqtt-messages.ts';
import type { PublicationKind } from './rights.ts';

type Answer = void | Promise<void>;

/** Who is told what devices say. Calls of one device come one after the other; a failure is logged and forgotten. */
export interface BrokerHandlers {
  onConnected(device: string): Answer;
  /** its last connection is gone, whether it said goodbye or not */
  onDisconnected(device: string): Answer;
  /** it listens to `cfg/desired` now, and an earlier message may have been lost: say it again */
  onConfigWanted(device: string): Answer;
  /** it listens to its commands now: say those that it may have missed */
  onCommandsWanted?(device: string): Answer;
  /** it listens to `flow/desired` now: say what it is to run */
  onFlowWanted?(device: string): Answer;
  onState(device: string, message: DeviceStateMessage): Answer;
  onInfo(device: string, message: DeviceInfoMessage): Answer;
  onHeartbeat(device: string, message: HeartbeatMessage): Answer;
  /** every other message of a device, with its topic */
  onMessage?(device: string, message: { kind: PublicationKind; topic: string; body: unknown }): Answer;
}

/** So many calls of one device may wait for the earlier ones; the next is dropped. */
const MAX_WAITING = 200;
/**
 * So many calls run at a time. What a thousand devices say at once is put together into few statements by who is called; each waits a moment for
 * others of its kind, so many wait together.
 */
const AT_ONCE = 128;

/** Hands messages to the handlers, per device in the order they came, a few devices at a time. */
export class Inbox {
  readonly #log: Log;
  readonly #lanes = new Map<string, { tail: Promise<void>; waiting: number }>();
  readonly #turns: (() => void)[] = [];
  #running = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Calls when the device's earlier calls are done. */
  add(device: string, what: string, call: () => Answer): void {
    const lane = this.#lanes.get(device) ?? { tail: Promise.resolve(), waiting: 0 };
    if (lane.waiting >= MAX_WAITING) {
      this.#log.warn('message of a device dropped: too many wait', { device, what });
      return;
    }
    lane.waiting += 1;
    lane.tail = lane.tail
      .then(() => this.#inTurn(call))
      .catch((error) => this.#log.warn('message of a device was not dealt with', { device, what, error }))
      .then(() => {
        lane.waiting -= 1;
        if (lane.waiting === 0) this.#lanes.delete(device);
      });
    this.#lanes.set(device, lane);
  }

  async #inTurn(call: () => Answer): Promise<void> {
    // In the order in which they came: whoever ends hands its place on.
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#turns.push(resolve));
    else this.#running += 1;
    try {
      await call();
    } finally {
      const next = this.#turns.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  /** Resolves when everything taken so far is dealt with. */
  async drained(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.tail));
  }
}
