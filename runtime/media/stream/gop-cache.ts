import type { AccessUnit } from '../../contracts/streams.ts';

export interface GopLimits {
  bytes: number;
  units: number;
}

/**
 * The units since the last key frame, so that whoever joins has a picture at once. A group that grows over its limits is given up
 * as a whole until the next key frame: a part of it could not be decoded.
 */
export class GopCache {
  readonly #limits: GopLimits;
  #units: AccessUnit[] = [];
  #bytes = 0;

  constructor(limits: GopLimits) {
    this.#limits = limits;
  }

  get units(): readonly AccessUnit[] {
    return this.#units;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(unit: AccessUnit): void {
    if (unit.isKey) this.clear();
    else if (this.#units.length === 0) return;
    this.#units.push(unit);
    this.#bytes += unit.annexB.length;
    if (this.#bytes > this.#limits.bytes || this.#units.length > this.#limits.units) this.clear();
  }

  clear(): void {
    this.#units = [];
    this.#bytes = 0;
  }
}
