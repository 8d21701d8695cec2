import { SAFE_PACKET_BYTES } from './packet-size.ts';
import type { ReceiverReport } from './rtcp.ts';

/** Loss of a report that a home network does not have, as long as its packets fit. */
const CLEAN_SHARE = 0.02;
const BROKEN_SHARE = 0.1;
/** Pictures between two reports after which something must have arrived. */
const MUST_ARRIVE = 5;
/** A player that cannot decode on so soon after packets grew has lost them. */
const SOON_MS = 5000;

/**
 * How large packets to one viewer are: small until a report says that all arrive, then as large as its network should carry, and small
 * for good when it turns out that it does not: a gateway may well look like a neighbour.
 */
export class PacketTrial {
  readonly #largest: () => number;
  #bytes = SAFE_PACKET_BYTES;
  #state: 'small' | 'large' | 'given up' = 'small';
  #highest: number | undefined;
  #sent = 0;
  #grownMs = 0;

  /** `largest` is asked when it is time to grow. */
  constructor(largest: () => number) {
    this.#largest = largest;
  }

  /** the most bytes of H.264 in one packet, now */
  get bytes(): number {
    return this.#bytes;
  }

  /** A picture went out. */
  sent(): void {
    this.#sent += 1;
  }

  /** What the player says; true when packets were too large, so that it lost pictures. */
  heard({ report, wantsKey }: { report: ReceiverReport | undefined; wantsKey: boolean }, nowMs: number): boolean {
    if (this.#state === 'given up') return false;
    if (this.#state === 'large' && wantsKey && nowMs - this.#grownMs < SOON_MS) return this.giveUp();
    if (!report) return false;
    const before = this.#highest;
    const isStuck = report.highest === before && this.#sent >= MUST_ARRIVE;
    if (report.highest !== before) {
      this.#highest = report.highest;
      this.#sent = 0;
    }
    if (this.#state === 'large') return isStuck || report.lossShare >= BROKEN_SHARE ? this.giveUp() : false;
    // The first report is of hardly anything.
    if (before === undefined || before === this.#highest || report.lossShare > CLEAN_SHARE) return false;
    this.#bytes = this.#largest();
    this.#state = this.#bytes > SAFE_PACKET_BYTES ? 'large' : 'given up';
    this.#grownMs = nowMs;
    return false;
  }

  /** Small for good; true when packets were larger. */
  giveUp(): boolean {
    const wasLarge = this.#state === 'large';
    this.#state = 'given up';
    this.#bytes = SAFE_PACKET_BYTES;
    return wasLarge;
  }
}
