import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of /proc per second; Linux has 100 everywhere Redeye runs. */
const TICKS = 100;

/** CPU seconds (user and system) that a process and its children, living and ended, have used so far. */
export function cpuSeconds(pid: number): number {
  let sum = 0;
  const stats = new Map<number, { parent: number; own: number; ended: number }>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = statOf(Number(entry));
    if (stat) stats.set(Number(entry), stat);
  }
  const add = (id: number) => {
    const stat = stats.get(id);
    if (!stat) return;
    sum += stat.own + stat.ended;
    for (const [child, { parent }] of stats) if (parent === id) add(child);
  };
  add(pid);
  return sum / TICKS;
}

function statOf(pid: number): { parent: number; own: number; ended: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [parent = 0, utime = 0, stime = 0, cutime = 0, cstime = 0] = [1, 11, 12, 13, 14].map((at) => fields[at]);
    return { parent, own: utime + stime, ended: cutime + cstime };
  } catch {
    // It ended between the two looks.
    return undefined;
  }
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The value below which that share of all values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
