import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import type { Db } from '../db/db.ts';
import {
  deleteImageRow,
  findImageByUpload,
  type ImageRow,
  insertImage,
  knownImagePaths,
  markedImageFiles,
  markImageDeleted,
  type NewImage,
} from '../db/images.repo.ts';
import { ensureFolder, ifThere, syncFolder, writeNewFileDurably } from '../lib/files.ts';
import type { NewId } from '../lib/ids.ts';

export const IMAGE_FOLDER = 'images';
/** A file without a row may be one whose row is just being written. */
const ORPHAN_AGE_MS = 3_600_000;
const NAMES_TRIED = 5;
const NO_NAME = 'no name was free for the picture';
/** A database that comes back is found so soon. */
const AGAIN_MS = 10_000;
/** More than that is no short outage: files must not fill the disk for rows that never come. */
const MOST_UNSAVED = 100;

export interface ImageStoreOptions {
  db: Db;
  /** the data folder */
  folder: string;
  clock: Clock;
  log: Log;
  newId: NewId;
  /** default: `writeNewFileDurably` */
  writeFile?: (path: string, data: Uint8Array) => Promise<void>;
}

/** What is known of a picture besides its bytes and its place. */
export type ImageFacts = Omit<NewImage, 'filename' | 'path' | 'sha256' | 'size' | 'at' | 'uploadKey'>;

/** Pictures as plain files below `images/`, each with a row. The file is durable before its row, and gone before its row goes. */
export class ImageStore {
  readonly #options: ImageStoreOptions;
  /** the folder of the last picture, and when it is durably there */
  #day: { folder: string; made: Promise<void> } | undefined;
  /** pictures whose rows the database did not take */
  readonly #unsaved: Omit<NewImage, 'filename'>[] = [];
  #stopTrying: (() => void) | undefined;

  constructor(options: ImageStoreOptions) {
    this.#options = options;
  }

  /** Makes the folder, ends deletions that were cut, and deletes files that never got a row. */
  async open(): Promise<void> {
    const { db, folder, log } = this.#options;
    await ensureFolder(join(folder, IMAGE_FOLDER));
    for (const image of await markedImageFiles(db)) await this.#finish(image);
    const orphans = await this.#orphans();
    for (const path of orphans) await rm(join(folder, path), { force: true });
    if (orphans.length > 0) log.info('pictures that never got a row were deleted', { files: orphans.length });
  }

  /** Tries no more to save what is unsaved; its files go at a later start, as those of any picture without a row. */
  close(): void {
    this.#stopTrying?.();
    this.#stopTrying = undefined;
  }

  /**
   * Keeps a picture; resolves when it is durable. Throws `disk.full`, `product.not_found`, and `image.unsaved` with the facts in `image`
   * when the file is there and only the database is not: its row is then made as soon as it can be.
   */
  async add(jpeg: Buffer, facts: ImageFacts): Promise<ImageRow> {
    const { folder, clock, newId } = this.#options;
    const path = pathOf(facts, newId());
    const sha256 = fingerprint(jpeg);
    await this.#write(path, jpeg);
    const image = { ...facts, path, sha256, size: jpeg.length, at: new Date(clock.now()) };
    try {
      return await this.#insert(image);
    } catch (error) {
      const noProduct = isNoProduct(error);
      if (!noProduct && this.#unsaved.length < MOST_UNSAVED) throw this.#saveLater(image, error);
      await rm(join(folder, path), { force: true });
      throw noProduct ? noSuchProduct(facts) : error;
    }
  }

  /**
   * Keeps what a device brings by itself, once for each key: whoever comes again with it gets the first picture. Resolves when it is durable.
   * Throws `disk.full`, `product.not_found`, `request.invalid` for another picture under the same key, and what the database throws; then
   * the device, which has the picture still, comes again.
   */
  async addOnce(jpeg: Buffer, facts: ImageFacts, uploadKey: string): Promise<{ id: number; duplicate: boolean }> {
    const { db, folder, clock, newId } = this.#options;
    const sha256 = fingerprint(jpeg);
    const known = await findImageByUpload(db, facts.device, uploadKey);
    if (known) return again(known, sha256);
    const path = pathOf(facts, newId());
    await this.#write(path, jpeg);
    const image = { ...facts, uploadKey, path, sha256, size: jpeg.length, at: new Date(clock.now()) };
    let row: ImageRow | undefined;
    try {
      row = await this.#tryInsert(image);
    } catch (error) {
      // Otherwise the row may be there all the same: the file stays, and goes at a later start if it is not.
      if (!isNoProduct(error)) throw error;
      await rm(join(folder, path), { force: true });
      throw noSuchProduct(facts);
    }
    if (row) return { id: row.id, duplicate: false };
    await rm(join(folder, path), { force: true });
    const faster = await findImageByUpload(db, facts.device, uploadKey);
    if (!faster) throw new Error(NO_NAME);
    return again(faster, sha256);
  }

  /** The bytes; throws `image.not_found` when somebody took the file away. */
  async read(row: Pick<ImageRow, 'id' | 'path'>): Promise<Buffer> {
    const bytes = await ifThere(() => readFile(join(this.#options.folder, row.path)));
    if (bytes) return bytes;
    this.#options.log.warn('the file of a picture is gone', { image: row.id, path: row.path });
    throw new AppError('image.not_found', `the file of picture ${row.id} is gone`);
  }

  /** Deletes row and file; false when there is no such picture. */
  async remove(id: number): Promise<boolean> {
    const row = await markImageDeleted(this.#options.db, id, new Date(this.#options.clock.now()));
    if (!row) return false;
    await this.#finish(row);
    return true;
  }

  async #insert(image: Omit<NewImage, 'filename'>): Promise<ImageRow> {
    const row = await this.#tryInsert(image);
    if (!row) throw new Error(NO_NAME);
    return row;
  }

  /** Undefined when no name was free, or the device's key for the picture is taken. */
  async #tryInsert(image: Omit<NewImage, 'filename'>): Promise<ImageRow | undefined> {
    for (let tried = 0; tried < NAMES_TRIED; tried += 1) {
      const row = await insertImage(this.#options.db, { ...image, filename: filenameOf(image.capturedAt, tried) });
      if (row) return row;
    }
    return undefined;
  }

  #saveLater(image: Omit<NewImage, 'filename'>, cause: unknown): AppError {
    this.#unsaved.push(image);
    this.#stopTrying ??= this.#options.clock.after(AGAIN_MS, () => void this.#saveUnsaved());
    const { path: _path, sha256: _sha256, at: _at, capturedAt, productId, userId, ...facts } = image;
    const shown = { ...facts, filename: filenameOf(capturedAt, 0), captured_at: capturedAt.toISOString() };
    const words = 'the picture is taken, but the database does not answer: it will be listed once that is back';
    const told = { ...shown, product_id: productId, user_id: userId };
    return new AppError('image.unsaved', words, { image: told }, { cause });
  }

  async #saveUnsaved(): Promise<void> {
    const { log, clock } = this.#options;
    let image = this.#unsaved[0];
    while (image && this.#stopTrying) {
      try {
        const { id } = await this.#insert(image);
        log.info('a picture that the database had not taken is saved', { image: id });
      } catch (error) {
        if (!isNoProduct(error)) {
          log.warn('a picture is still not saved', { path: image.path, error });
          break;
        }
        // Its product went meanwhile: the picture stays, as those do that hung on it.
        image = { ...image, productId: null };
        continue;
      }
      this.#unsaved.shift();
      image = this.#unsaved[0];
    }
    if (this.#stopTrying) this.#stopTrying = image && clock.after(AGAIN_MS, () => void this.#saveUnsaved());
  }

  async #finish({ id, path }: { id: number; path: string }): Promise<void> {
    const { db, folder } = this.#options;
    await rm(join(folder, path), { force: true });
    await ifThere(() => syncFolder(dirname(join(folder, path))));
    await deleteImageRow(db, id);
  }

  async #write(path: string, jpeg: Buffer): Promise<void> {
    const { folder, writeFile = writeNewFileDurably } = this.#options;
    const file = join(folder, path);
    const day = dirname(file);
    try {
      await this.#ready(day);
      await writeFile(file, jpeg).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
        // Somebody took the folder of the day away.
        this.#day = undefined;
        await this.#ready(day);
        await writeFile(file, jpeg);
      });
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EDQUOT')
        throw new AppError('disk.full', 'the disk for pictures is full', { retryAfterS: 30 }, { cause });
      throw new AppError('disk.failed', `the picture could not be written: ${message}`, {}, { cause });
    }
  }

  /** Makes the folder of a day, durably, unless it was the last one's; whoever comes meanwhile waits with it. */
  #ready(folder: string): Promise<void> {
    if (this.#day?.folder === folder) return this.#day.made;
    const made = mkdir(folder, { recursive: true }).then((first) =>
      first === undefined ? undefined : syncFolder(dirname(folder)),
    );
    const day = { folder, made };
    this.#day = day;
    made.catch(() => {
      if (this.#day === day) this.#day = undefined;
    });
    return made;
  }

  /** Files that no row knows and that are older than an hour, below the data folder. */
  async #orphans(): Promise<string[]> {
    const { db, folder, clock } = this.#options;
    const orphans: string[] = [];
    for (const day of await readdir(join(folder, IMAGE_FOLDER), { withFileTypes: true })) {
      if (!day.isDirectory()) continue;
      const paths = (await readdir(join(folder, IMAGE_FOLDER, day.name))).map(
        (name) => `${IMAGE_FOLDER}/${day.name}/${name}`,
      );
      const known = await knownImagePaths(db, paths);
      for (const path of paths.filter((one) => !known.has(one))) {
        const found = await ifThere(() => stat(join(folder, path)));
        if (found?.isFile() && clock.now() - found.mtimeMs > ORPHAN_AGE_MS) orphans.push(path);
      }
    }
    return orphans;
  }
}

function pathOf({ capturedAt }: Pick<ImageFacts, 'capturedAt'>, id: string): string {
  return `${IMAGE_FOLDER}/${capturedAt.toISOString().slice(0, 10)}/${id}.jpg`;
}

function fingerprint(jpeg: Buffer): Buffer {
  return createHash('sha256').update(jpeg).digest();
}

/** The answer to who comes a second time under a key, if it is with the same picture. */
function again(known: { id: number; sha256: Buffer }, sha256: Buffer): { id: number; duplicate: boolean } {
  if (known.sha256.equals(sha256)) return { id: known.id, duplicate: true };
  throw new AppError('request.invalid', 'this Idempotency-Key was used with another picture', {
    field: 'Idempotency-Key',
  });
}

function noSuchProduct({ productId }: Pick<ImageFacts, 'productId'>): AppError {
  return new AppError('product.not_found', `there is no product ${productId}`, { field: 'product_id' });
}

/** No row of `products` has that id (foreign key, PostgreSQL's 23503). */
function isNoProduct(error: unknown): boolean {
  return (error as { code?: unknown }).code === '23503';
}

/** As seed 002 names its pictures (S2.5): `capture_YYYYMMDD_HHMMSS_mmm.jpg`, in UTC; a second one of that millisecond gets a tail. */
function filenameOf(at: Date, tried: number): string {
  const digits = at.toISOString().replace(/\D/g, '');
  const tail = tried === 0 ? '' : `_${randomBytes(2).toString('hex')}`;
  return `capture_${digits.slice(0, 8)}_${digits.slice(8, 14)}_${digits.slice(14, 17)}${tail}.jpg`;
}
