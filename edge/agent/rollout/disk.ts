import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ensureFolder, ifThere, syncFolder } from '../../../runtime/lib/files.ts';

/** What the slots need of a disk, one operation each: a test cuts the power after any of them. */
export interface Disk {
  makeFolder(folder: string): Promise<void>;
  read(path: string): Promise<Buffer | undefined>;
  /** Writes a whole file, replacing what was there; durable only after `sync`. */
  write(path: string, data: string | Uint8Array): Promise<void>;
  /** Adds to the end of a file, which is made where it is missing. */
  append(path: string, data: Uint8Array): Promise<void>;
  sync(path: string): Promise<void>;
  /** Durable only after `syncFolder`. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  syncFolder(folder: string): Promise<void>;
}

/** The disk of the machine; files are readable by their owner only. */
export const systemDisk: Disk = {
  makeFolder: (folder) => ensureFolder(folder, 0o700),
  read: (path) => ifThere(() => readFile(path)),
  write: (path, data) => put(path, 'w', data),
  append: (path, data) => put(path, 'a', data),
  async sync(path) {
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  },
  rename,
  remove: (path) => rm(path, { force: true }),
  syncFolder,
};

async function put(path: string, flag: 'w' | 'a', data: string | Uint8Array): Promise<void> {
  const file = await open(path, flag, 0o600);
  try {
    await file.writeFile(data);
  } finally {
    await file.close();
  }
}

/** Puts a file in place so that after a power cut either the old or the new one is there, whole. One writer a path. */
export async function replaceFile(disk: Disk, path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  await disk.write(temporary, data);
  await disk.sync(temporary);
  await disk.rename(temporary, path);
  await disk.syncFolder(dirname(path));
}
