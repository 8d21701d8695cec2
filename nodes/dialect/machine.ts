import { readFile } from 'node:fs/promises';
import { arch, cpus, networkInterfaces, release, uptime } from 'node:os';

/** Share of the processors in use since the last look, in %; since the start of the machine at the first. */
export class CpuUse {
  #idle = 0;
  #total = 0;

  percent(): number {
    const times = cpus().map((cpu) => cpu.times);
    const idle = times.reduce((sum, time) => sum + time.idle, 0);
    const total = times.reduce((sum, time) => sum + time.user + time.nice + time.sys + time.idle + time.irq, 0);
    const [restedMs, passedMs] = [idle - this.#idle, total - this.#total];
    this.#idle = idle;
    this.#total = total;
    return passedMs <= 0 ? 0 : Math.round((1 - restedMs / passedMs) * 1000) / 10;
  }
}

/** This machine's addresses on networks (IPv4). */
export function ipv4Addresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
}

/** Name of the system, kernel and processor, as `Debian GNU/Linux 12 (bookworm)`. */
export async function operatingSystem(): Promise<{ pretty_name: string; kernel: string; arch: string }> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const [, name = process.platform] = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text) ?? [];
  return { pretty_name: name, kernel: release(), arch: arch() };
}

/** Seconds since the machine started. */
export function uptimeSeconds(): number {
  return Math.round(uptime());
}

/** `4d 12h 34m` */
export function uptimeWords(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${Math.floor(minutes / 1440)}d ${Math.floor((minutes % 1440) / 60)}h ${minutes % 60}m`;
}
