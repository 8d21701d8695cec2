import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';

/** How this machine is, as far as it tells. */
export interface MachineState {
  /** over 1, 5 and 15 minutes */
  cpuLoad: number[];
  cpus: number;
  memoryTotalBytes: number;
  memoryAvailableBytes: number;
  /** null where nothing measures it */
  temperatureC: number | null;
}

/** Looks at this machine. `sysfs` is where Linux shows its sensors. */
export async function machineState(sysfs = '/sys/class/thermal'): Promise<MachineState> {
  return {
    cpuLoad: loadavg().map((load) => Math.round(load * 100) / 100),
    cpus: availableParallelism(),
    memoryTotalBytes: totalmem(),
    memoryAvailableBytes: freemem(),
    temperatureC: await hottestZone(sysfs),
  };
}

/** The hottest sensor in °C (the kernel's thermal zones, in thousandths); null where there is none that makes sense. */
export async function hottestZone(sysfs: string): Promise<number | null> {
  const zones = await readdir(sysfs).catch(() => []);
  const texts = zones
    .filter((name) => name.startsWith('thermal_zone'))
    .map((name) => readFile(join(sysfs, name, 'temp'), 'utf8').catch(() => ''));
  const read = (await Promise.all(texts)).filter((text) => /^-?\d+\s*$/.test(text)).map((text) => Number(text) / 1000);
  // Sensors that are switched off say 0 or absurd values.
  const sensible = read.filter((degrees) => degrees > 0 && degrees < 150);
  return sensible.length === 0 ? null : Math.round(Math.max(...sensible) * 10) / 10;
}

/** Room on the disk of a folder, for programs without special rights. */
export async function diskSpace(folder: string): Promise<{ freeBytes: number; totalBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** Why nothing can be written into a folder, found out by trying; undefined when it can. */
export async function writeTrouble(folder: string): Promise<string | undefined> {
  const file = join(folder, `.probe.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeFile(file, 'x', { flag: 'wx', mode: 0o600 });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    await rm(file, { force: true }).catch(() => undefined);
  }
}
