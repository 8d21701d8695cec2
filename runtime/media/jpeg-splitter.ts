const SOI = Buffer.from([0xff, 0xd8, 0xff]);
const EOI = 0xd9;
const SOS = 0xda;
const FIRST_ROOM = 256 * 1024;

type Place = 'between' | 'segments' | 'scan';

/**
 * Cuts a byte stream of JPEGs into pictures. Segments are walked by their length, so that a thumbnail inside one (with an end
 * marker of its own) splits nothing. Memory is bounded: a picture over `maxBytes` is dropped and counted, noise between pictures
 * is skipped.
 */
export class JpegSplitter {
  readonly #onPicture: (jpeg: Buffer) => void;
  readonly #maxBytes: number;
  #room = Buffer.alloc(0);
  #filled = 0;
  #at = 0;
  #place: Place = 'between';
  #dropped = 0;

  constructor(onPicture: (jpeg: Buffer) => void, maxBytes = 16 * 1024 * 1024) {
    this.#onPicture = onPicture;
    this.#maxBytes = maxBytes;
  }

  /** Pictures that were too large or broken. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes the next bytes of the stream; every picture that they complete is handed on at once. */
  push(chunk: Buffer): void {
    this.#append(chunk);
    for (;;) {
      const before = this.#at;
      const place = this.#place;
      if (this.#place === 'between') this.#findStart();
      else if (this.#place === 'segments') this.#walkSegment();
      else this.#findMarker();
      if (this.#at === before && this.#place === place) break;
    }
    if (this.#filled > this.#maxBytes) this.#drop();
  }

  #append(chunk: Buffer): void {
    const needed = this.#filled + chunk.length;
    if (needed > this.#room.length) {
      const larger = Buffer.allocUnsafe(Math.max(FIRST_ROOM, 2 ** Math.ceil(Math.log2(needed))));
      this.#room.copy(larger, 0, 0, this.#filled);
      this.#room = larger;
    }
    chunk.copy(this.#room, this.#filled);
    this.#filled = needed;
  }

  #findStart(): void {
    const start = this.#room.subarray(0, this.#filled).indexOf(SOI);
    // Two bytes may be the beginning of a start marker.
    this.#forget(start >= 0 ? start : Math.max(0, this.#filled - 2));
    if (start < 0) return;
    this.#at = 2;
    this.#place = 'segments';
  }

  #walkSegment(): void {
    const known = this.#filled - this.#at;
    const marker = known < 2 ? undefined : this.#room[this.#at + 1];
    if (marker === undefined) return;
    if (this.#room[this.#at] !== 0xff) {
      this.#drop();
    } else if (marker === 0xff) {
      this.#at += 1;
    } else if (marker === EOI) {
      // After tables between two scans the picture may end here.
      this.#emit(this.#at + 2);
    } else if (known >= 4) {
      const end = this.#at + 2 + this.#room.readUInt16BE(this.#at + 2);
      if (end > this.#filled) return;
      this.#at = end;
      if (marker === SOS) this.#place = 'scan';
    }
  }

  /** Inside picture data 0xff is followed by 0 or a restart marker; anything else ends it. */
  #findMarker(): void {
    const data = this.#room.subarray(0, this.#filled);
    for (;;) {
      const at = data.indexOf(0xff, this.#at);
      if (at < 0 || at + 1 >= this.#filled) {
        this.#at = at < 0 ? this.#filled : at;
        return;
      }
      const next = data[at + 1] ?? 0;
      const isData = next === 0 || next === 0xff || (next >= 0xd0 && next <= 0xd7);
      if (!isData) {
        this.#at = at;
        if (next === EOI) this.#emit(at + 2);
        else this.#place = 'segments';
        return;
      }
      this.#at = at + 1;
    }
  }

  #emit(end: number): void {
    const jpeg = Buffer.from(this.#room.subarray(0, end));
    this.#forget(end);
    this.#place = 'between';
    this.#onPicture(jpeg);
  }

  #drop(): void {
    this.#dropped += 1;
    // Past this picture's start, so that the search finds another one.
    this.#forget(this.#filled > this.#maxBytes ? this.#filled : 2);
    this.#place = 'between';
  }

  #forget(bytes: number): void {
    this.#room.copyWithin(0, bytes, this.#filled);
    this.#filled -= bytes;
    this.#at = 0;
  }
}
