import { execFile } from 'node:child_process';
import { readdir, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { hottestZone } from '../../../runtime/lib/machine.ts';

const PROGRAM_TIMEOUT_MS = 2000;
const MB = 1024 * 1024;

/** Where the figures of a machine come from; each is undefined where this machine has none. */
export interface Readings {
  /** a file below the root, whole */
  text(path: string): Promise<string | undefined>;
  /** of the hottest sensor, °C */
  temperature(): Promise<number | undefined>;
  /** the words of `vcgencmd get_throttled` */
  throttled(): Promise<string | undefined>;
  /** what `hwmon` of the name says in that file */
  sensor(name: string, file: string): Promise<string | undefined>;
  disk(folder: string): Promise<{ freeMb: number; totalMb: number } | undefined>;
}

/** Those of this machine. `root` and `vcgencmd` are others in tests. */
export function systemReadings(root = '/', vcgencmd = 'vcgencmd'): Readings {
  let hasProgram = true;
  const text = (path: string) => readFile(join(root, path), 'utf8').catch(() => undefined);
  return {
    text,
    temperature: async () => (await hottestZone(join(root, 'sys/class/thermal'))) ?? undefined,
    async throttled() {
      if (!hasProgram) return undefined;
      return new Promise((resolve) => {
        execFile(vcgencmd, ['get_throttled'], { timeout: PROGRAM_TIMEOUT_MS }, (error, stdout) => {
          // Not on this machine, or not for this user: it will not be there in half a minute either.
          if (error && ['ENOENT', 'EACCES'].includes(String(error.code))) hasProgram = false;
          resolve(error ? undefined : stdout);
        });
      });
    },
    async sensor(name, file) {
      const folder = 'sys/class/hwmon';
      for (const entry of await readdir(join(root, folder)).catch(() => []))
        if ((await text(join(folder, entry, 'name')))?.trim() === name) return text(join(folder, entry, file));
      return undefined;
    },
    async disk(folder) {
      const found = await statfs(folder).catch(() => undefined);
      if (!found) return undefined;
      const { bavail, blocks, bsize } = found;
      return { freeMb: Math.round((bavail * bsize) / MB), totalMb: Math.round((blocks * bsize) / MB) };
    },
  };
}
