import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Memory of a process, MB: what is mapped for it, its share of it, and what is its own alone. */
export interface Memory {
  rss: number;
  /** pages that several processes have count by their share (proc_pid_smaps(5)) */
  pss: number;
  own: number;
}

/** Reads `/proc/<pid>/smaps_rollup`, which counts pages exactly; `VmRSS` of `status` may lag behind. */
export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / 1024;
  return { rss: of('Rss'), pss: of('Pss'), own: of('Private_Clean') + of('Private_Dirty') };
}

/** A Node process that does nothing, on the same program: what no agent in JavaScript gets below. */
export function bareNode(): ChildProcess {
  return spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)'], { stdio: 'ignore' });
}
