import { BitReader, NAL, nalType } from './nal.ts';

/** More sets than this are not kept: a stream has one or two. */
const MOST = 32;

/** The newest sequence and picture parameter sets of a stream, by their ids. */
export class ParameterSets {
  #sps: Buffer | undefined;
  readonly #pps = new Map<number, Buffer>();

  get sps(): Buffer | undefined {
    return this.#sps;
  }

  /** the first picture parameter set */
  get pps(): Buffer | undefined {
    return this.#pps.values().next().value;
  }

  /** Keeps what is a parameter set among these; answers whether anything changed. */
  keep(nals: readonly Buffer[]): boolean {
    let changed = false;
    for (const nal of nals) {
      const type = nalType(nal);
      if (type === NAL.sps && !this.#sps?.equals(nal)) {
        // Picture parameter sets mean something only beside their sequence's.
        this.#sps = Buffer.from(nal);
        this.#pps.clear();
        changed = true;
      } else if (type === NAL.pps) {
        changed = this.#keepPicture(nal) || changed;
      }
    }
    return changed;
  }

  /** All of them, in the order in which a decoder wants them. */
  all(): Buffer[] {
    return this.#sps ? [this.#sps, ...this.#pps.values()] : [];
  }

  #keepPicture(nal: Buffer): boolean {
    const id = new BitReader(nal.subarray(1, 8)).ue();
    if (this.#pps.get(id)?.equals(nal) || (this.#pps.size >= MOST && !this.#pps.has(id))) return false;
    this.#pps.set(id, Buffer.from(nal));
    return true;
  }
}
