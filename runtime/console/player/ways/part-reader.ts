/** A picture of a multipart stream. */
export interface JpegPart {
  jpeg: Uint8Array<ArrayBuffer>;
  /** epoch ms on the server's clock, where it is told */
  takenAt: number | undefined;
}

const HEAD_LIMIT = 4096;
const LINE_FEED = 10;
const PICTURE_LIMIT = 32 * 1024 * 1024;

/** Cuts `multipart/x-mixed-replace` into its pictures by their Content-Length. Throws for what is no such stream. */
export class PartReader {
  readonly #onPart: (part: JpegPart) => void;
  #head = '';
  #takenAt: number | undefined;
  #body: Uint8Array<ArrayBuffer> | undefined;
  #filled = 0;

  constructor(onPart: (part: JpegPart) => void) {
    this.#onPart = onPart;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length)
      at += this.#body ? this.#fill(this.#body, bytes.subarray(at)) : this.#readHead(bytes.subarray(at));
  }

  #readHead(bytes: Uint8Array): number {
    let used = 0;
    for (const byte of bytes) {
      used += 1;
      this.#head += String.fromCharCode(byte);
      if (this.#head.length > HEAD_LIMIT) throw new Error('this is no stream of pictures');
      if (byte !== LINE_FEED || !this.#head.endsWith('\r\n\r\n')) continue;
      const value = (name: string) => new RegExp(`^${name}:\\s*(\\d{1,15})`, 'im').exec(this.#head)?.[1];
      const length = Number(value('Content-Length') ?? Number.NaN);
      if (!(length > 0 && length <= PICTURE_LIMIT)) throw new Error('a picture without a length');
      const takenAt = value('X-Captured-At');
      this.#takenAt = takenAt === undefined ? undefined : Number(takenAt);
      this.#body = new Uint8Array(length);
      this.#filled = 0;
      this.#head = '';
      break;
    }
    return used;
  }

  #fill(body: Uint8Array<ArrayBuffer>, bytes: Uint8Array): number {
    const piece = bytes.subarray(0, body.length - this.#filled);
    body.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled === body.length) {
      this.#body = undefined;
      this.#onPart({ jpeg: body, takenAt: this.#takenAt });
    }
    return piece.length;
  }
}
