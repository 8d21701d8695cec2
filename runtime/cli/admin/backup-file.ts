import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { AppError } from '../../contracts/errors.ts';
import { syncFolder } from '../../lib/files.ts';

/**
 * Writes a file of secrets durably: readable by its owner only, there whole or not at all, and never over one that is there. `fill` gets
 * the stream and must see it to its end. Answers the file's size in bytes.
 */
export async function writeNewFile(path: string, fill: (out: Writable) => Promise<void>): Promise<number> {
  if (await stat(path).catch(() => undefined)) {
    throw new AppError('request.invalid', `${path} is there already: choose another name`);
  }
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const out = createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true });
    const closed = once(out, 'close');
    await Promise.race([once(out, 'open'), closed]).catch((cause: NodeJS.ErrnoException) => {
      throw new AppError('request.invalid', `${path} cannot be written: ${cause.code ?? cause.message}`, {}, { cause });
    });
    try {
      await fill(out);
    } catch (error) {
      out.destroy();
      throw error;
    } finally {
      // Its bytes are on the disk when it closes.
      await closed.catch(() => undefined);
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
  return (await stat(path)).size;
}
