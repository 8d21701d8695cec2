import { readFile, statfs } from 'node:fs/promises';
import { loadavg } from 'node:os';
import type { DeviceHealth } from '../../runtime/contracts/mqtt-messages.ts';

const MB = 1024 * 1024;
const THERMAL = '/sys/class/thermal/thermal_zone0/temp';

/** What this machine says of itself: load, temperature, disk, memory of the agent and its child. What cannot be read is left out. */
export async function measureMachine(options: {
  folder: string;
  uptimeS: number;
  childRssMb: number;
  thermalFile?: string;
}): Promise<DeviceHealth> {
  const [disk, temperature] = await Promise.all([diskFreeMb(options.folder), celsius(options.thermalFile ?? THERMAL)]);
  return {
    uptime_s: Math.round(options.uptimeS),
    rss_mb: Math.round(process.memoryUsage.rss() / MB + options.childRssMb),
    load1: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    ...(temperature === undefined ? {} : { temperature_c: temperature }),
    ...(disk === undefined ? {} : { disk_free_mb: disk }),
  };
}

async function diskFreeMb(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return Math.round((bavail * bsize) / MB);
  } catch {
    return undefined;
  }
}

/** Thousandths of a degree, as Linux has it; absent on machines without a sensor. */
async function celsius(path: string): Promise<number | undefined> {
  try {
    const value = Number(await readFile(path, 'utf8'));
    return Number.isFinite(value) ? Math.round(value / 100) / 10 : undefined;
  } catch {
    return undefined;
  }
}
