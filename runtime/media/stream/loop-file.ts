import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Log } from '../../contracts/host.ts';
import { ensureFolder, ifThere, TEMPORARY, writeFileDurably } from '../../lib/files.ts';

/** What of a loop is kept: parameter sets, and the NAL units of each picture by its number. */
export interface KeptLoop {
  sets: Buffer[];
  pictures: Map<number, Buffer[]>;
}

const MARK = Buffer.from('redeye loop 1\n');
const HEAD_BYTES = MARK.length + 8;
/** Number of the record that holds the parameter sets. */
const SETS = 0xffffffff;
const ENDING = '.loop';
/** Each change of size, rate or light makes another one of up to 45 MB. */
const KEPT_FILES = 4;
/** What draws and encodes: another program draws other pictures. */
const PROGRAM = [join(import.meta.dirname, '../sim'), join(import.meta.dirname, 'sim-loop')];

/**
 * An encoded loop in a file, so that it outlives the process. The file is named by all that its pictures depend on: `parameters`, and the
 * program that draws them. It is written whole or not at all; one that is broken is deleted, and nothing of it is believed.
 */
export class LoopFile {
  readonly #folder: string;
  readonly #parameters: unknown;
  readonly #log: Log;
  #path: Promise<string> | undefined;

  constructor(folder: string, parameters: unknown, log: Log) {
    this.#folder = folder;
    this.#parameters = parameters;
    this.#log = log;
  }

  /** Undefined without a file, or with one that cannot be used. Never throws: without it the loop is made anew. */
  async read(): Promise<KeptLoop | undefined> {
    try {
      const path = await this.#where();
      const bytes = await ifThere(() => readFile(path));
      if (!bytes) return undefined;
      const kept = decode(bytes);
      if (kept) return kept;
      this.#log.warn('a kept loop is broken and is made anew', { path });
      await rm(path, { force: true });
    } catch (error) {
      this.#log.warn('a kept loop cannot be read', { error });
    }
    return undefined;
  }

  /** Never throws: a full disk costs the next start a moment, nothing more. */
  async write(kept: KeptLoop): Promise<void> {
    try {
      const path = await this.#where();
      await ensureFolder(this.#folder);
      await writeFileDurably(path, encode(kept));
      await this.#sweep();
    } catch (error) {
      this.#log.warn('a loop cannot be kept', { error });
    }
  }

  #where(): Promise<string> {
    this.#path ??= programPrint().then((program) => {
      const print = createHash('sha256').update(JSON.stringify([program, this.#parameters]));
      return join(this.#folder, `${print.digest('hex').slice(0, 24)}${ENDING}`);
    });
    return this.#path;
  }

  /** The newest stay. */
  async #sweep(): Promise<void> {
    const names = await readdir(this.#folder);
    const loops = await Promise.all(
      names
        .filter((name) => name.endsWith(ENDING))
        .map(async (name) => ({ name, atMs: (await ifThere(() => stat(join(this.#folder, name))))?.mtimeMs ?? 0 })),
    );
    const old = loops.sort((a, b) => b.atMs - a.atMs).slice(KEPT_FILES);
    const gone = [...old.map(({ name }) => name), ...names.filter((name) => TEMPORARY.test(name))];
    for (const name of gone) await rm(join(this.#folder, name), { force: true });
  }
}

let print: Promise<string> | undefined;

/** The program's own text, hashed: nobody has to remember to raise a number when a scene is drawn differently. */
function programPrint(): Promise<string> {
  print ??= (async () => {
    const [scenes = '', loop = ''] = PROGRAM;
    const names = (await readdir(scenes)).filter((name) => /\.[jt]s$/.test(name) && !name.endsWith('.d.ts')).sort();
    const hash = createHash('sha256');
    for (const name of names) hash.update(await readFile(join(scenes, name)));
    const ending = names[0]?.endsWith('.ts') ? '.ts' : '.js';
    return hash.update(await readFile(`${loop}${ending}`)).digest('hex');
  })();
  return print;
}

/** Mark, crc32 and size of what follows; then records of number, count, and each NAL unit behind its length. */
function encode({ sets, pictures }: KeptLoop): Buffer {
  const pieces: Buffer[] = [];
  for (const [number, nals] of [[SETS, sets] as const, ...pictures]) {
    pieces.push(words(number, nals.length));
    for (const nal of nals) pieces.push(words(nal.length), nal);
  }
  const body = Buffer.concat(pieces);
  return Buffer.concat([MARK, words(crc32(body), body.length), body]);
}

function decode(bytes: Buffer): KeptLoop | undefined {
  const body = bytes.subarray(HEAD_BYTES);
  if (bytes.length < HEAD_BYTES || !bytes.subarray(0, MARK.length).equals(MARK)) return undefined;
  if (bytes.readUInt32BE(MARK.length) !== crc32(body) || bytes.readUInt32BE(MARK.length + 4) !== body.length) {
    return undefined;
  }
  const kept: KeptLoop = { sets: [], pictures: new Map() };
  for (let at = 0; at < body.length; ) {
    const number = body.readUInt32BE(at);
    const nals: Buffer[] = [];
    const count = body.readUInt32BE(at + 4);
    at += 8;
    for (let left = count; left > 0; left -= 1) {
      const end = at + 4 + body.readUInt32BE(at);
      nals.push(body.subarray(at + 4, end));
      at = end;
    }
    if (number === SETS) kept.sets = nals;
    else kept.pictures.set(number, nals);
  }
  return kept;
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4);
  return bytes;
}
