/** Time of all processors since boot, in ticks. */
export interface CpuTicks {
  busy: number;
  total: number;
}

/** The first line of `/proc/stat` (proc_stat(5)): waiting for disks is not work. Undefined when it is another text. */
export function parseCpu(text: string): CpuTicks | undefined {
  const line = /^cpu\s+([\d ]+)$/m.exec(text)?.[1];
  const [user = 0, nice = 0, system = 0, idle, wait = 0, irq = 0, soft = 0, steal = 0] =
    line?.trim().split(/\s+/).map(Number) ?? [];
  if (idle === undefined) return undefined;
  const busy = user + nice + system + irq + soft + steal;
  return { busy, total: busy + idle + wait };
}

/** Share of the processors that worked between two looks, percent with one decimal; undefined without time between them. */
export function cpuPercent(before: CpuTicks, now: CpuTicks): number | undefined {
  const total = now.total - before.total;
  if (total <= 0) return undefined;
  const share = Math.min(1, Math.max(0, (now.busy - before.busy) / total));
  return Math.round(share * 1000) / 10;
}

/** `MemAvailable` and `MemTotal` of `/proc/meminfo`, MB. */
export function parseMemory(text: string): { availableMb: number; totalMb: number } | undefined {
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]);
  const [available, total] = [of('MemAvailable'), of('MemTotal')];
  if (!Number.isFinite(available) || !Number.isFinite(total)) return undefined;
  return { availableMb: Math.round(available / 1024), totalMb: Math.round(total / 1024) };
}

/** Level of the first wireless interface that has a network, dBm, of `/proc/net/wireless`. Drivers that count otherwise say nothing. */
export function parseWifi(text: string): number | undefined {
  for (const line of text.split('\n')) {
    const [, quality, level] = /^\s*\w[\w.-]*:\s+[0-9a-f]+\s+(-?\d+)\.?\s+(-?\d+)\.?\s/i.exec(line) ?? [];
    // dBm are below zero; -256 is the kernel's word for "not known".
    if (level !== undefined && Number(quality) > 0 && Number(level) < 0 && Number(level) > -200) return Number(level);
  }
  return undefined;
}

/** What the firmware of a Raspberry Pi says of power and heat. */
export interface Throttling {
  /** as it is: bits 0–3 now, 16–19 since boot */
  flags: number;
  /** less than 4.63 V at this moment */
  underVoltage: boolean;
  /** slowed down at this moment, for heat or power */
  throttled: boolean;
}

const UNDER_VOLTAGE = 1 << 0;
/** frequency capped, throttled, soft temperature limit */
const SLOWED = (1 << 1) | (1 << 2) | (1 << 3);

/** The answer of `vcgencmd get_throttled`, as `throttled=0x50005` (bits: documentation of Raspberry Pi OS). */
export function parseThrottled(text: string): Throttling | undefined {
  const flags = Number.parseInt(/throttled=0x([0-9a-f]{1,8})\b/i.exec(text)?.[1] ?? '', 16);
  if (!Number.isSafeInteger(flags)) return undefined;
  return { flags, underVoltage: (flags & UNDER_VOLTAGE) !== 0, throttled: (flags & SLOWED) !== 0 };
}
