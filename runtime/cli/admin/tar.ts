import { AppError } from '../../contracts/errors.ts';

const BLOCK = 512;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/** Writes files one after the other in the POSIX tar format (ustar), readable by every tar. Paths use `/`. */
export class TarWriter {
  readonly #write: (chunk: Uint8Array) => Promise<void>;
  readonly #seconds: number;

  /** `at`: epoch ms, the time that every file gets */
  constructor(write: (chunk: Uint8Array) => Promise<void>, at: number) {
    this.#write = write;
    this.#seconds = Math.floor(at / 1000);
  }

  /** Adds a file. Throws for a path that the format cannot hold (over 255 bytes). */
  async add(path: string, content: Uint8Array | Blob): Promise<void> {
    const size = content instanceof Blob ? content.size : content.length;
    await this.#write(headOf(path, size, this.#seconds));
    if (content instanceof Blob) for await (const chunk of content.stream()) await this.#write(chunk);
    else await this.#write(content);
    const rest = size % BLOCK;
    if (rest > 0) await this.#write(new Uint8Array(BLOCK - rest));
  }

  async end(): Promise<void> {
    await this.#write(new Uint8Array(2 * BLOCK));
  }
}

function headOf(path: string, size: number, seconds: number): Buffer {
  const { name, prefix } = split(path);
  const head = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number) =>
    head.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  head.write(name, 0, 'utf8');
  octal(0o600, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(seconds, 136, 11);
  head.fill(' ', 148, 156);
  head.write('0', 156, 'latin1');
  head.write('ustar\x0000', 257, 'latin1');
  head.write(prefix, 345, 'utf8');
  head.write(`${sumOf(head).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return head;
}

/** A long path is cut at a slash into two fields of the head. */
function split(path: string): { name: string; prefix: string } {
  if (Buffer.byteLength(path) <= NAME_BYTES) return { name: path, prefix: '' };
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (Buffer.byteLength(name) <= NAME_BYTES && Buffer.byteLength(prefix) <= PREFIX_BYTES) return { name, prefix };
  }
  throw new AppError('request.invalid', `the path ${path} is too long for a backup: shorten the file's name`);
}

/** The sum of all bytes of a head, with its own place as spaces. */
function sumOf(head: Buffer): number {
  let sum = 0;
  for (const [at, byte] of head.entries()) sum += at >= 148 && at < 156 ? 0x20 : byte;
  return sum;
}

export interface TarFile {
  path: string;
  /** bytes */
  size: number;
  /** to be read to its end before the next file is asked for */
  content: AsyncIterable<Uint8Array>;
}

/** Reads what `TarWriter` wrote. Throws `db.broken` where the archive is cut short or holds anything but plain files. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarFile> {
  const input = new BlockReader(source);
  for (;;) {
    const head = await input.exactly(BLOCK);
    if (head.every((byte) => byte === 0)) {
      // What packed the archive knows only at its very end whether it is whole.
      await input.drain();
      return;
    }
    const text = (from: number, bytes: number) =>
      head
        .subarray(from, from + bytes)
        .toString('utf8')
        .replace(/\0.*$/s, '');
    const number = (from: number, bytes: number) => Number.parseInt(text(from, bytes).trim() || '0', 8);
    const type = text(156, 1);
    if (number(148, 8) !== sumOf(head) || (type !== '0' && type !== '')) {
      throw new AppError('db.broken', 'this is no backup of Redeye, or it is damaged');
    }
    const size = number(124, 12);
    const prefix = text(345, PREFIX_BYTES);
    const path = prefix === '' ? text(0, NAME_BYTES) : `${prefix}/${text(0, NAME_BYTES)}`;
    yield { path, size, content: input.some(size) };
    await input.exactly((BLOCK - (size % BLOCK)) % BLOCK);
  }
}

class BlockReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #left: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async exactly(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.some(bytes)) parts.push(part);
    return Buffer.concat(parts);
  }

  async drain(): Promise<void> {
    while (!(await this.#source.next()).done);
  }

  async *some(bytes: number): AsyncGenerator<Buffer> {
    let missing = bytes;
    while (missing > 0) {
      if (this.#left.length === 0) {
        const { done, value } = await this.#source.next();
        if (done) throw new AppError('db.broken', 'the backup ends in the middle');
        this.#left = Buffer.from(value.buffer, value.byteOffset, value.length);
      }
      const part = this.#left.subarray(0, missing);
      this.#left = this.#left.subarray(part.length);
      missing -= part.length;
      yield part;
    }
  }
}
