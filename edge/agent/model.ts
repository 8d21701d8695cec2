import { readFile } from 'node:fs/promises';
import { arch, hostname } from 'node:os';

/** Where Linux says what board it runs on, ended by a NUL; only boards with a device tree have it. */
const DEVICE_TREE = '/proc/device-tree/model';

/** What the machine is, for people: as `Raspberry Pi 5 Model B Rev 1.0 (porch)`. */
export async function modelOf(file = DEVICE_TREE): Promise<string> {
  const board = await readFile(file, 'utf8').catch(() => `${process.platform} ${arch()}`);
  return `${board.replaceAll('\0', '').trim()} (${hostname()})`.slice(0, 100);
}
