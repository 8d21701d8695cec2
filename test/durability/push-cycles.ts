import { readdir } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { PushHost } from '../../runtime/contracts/pushes.ts';
import { childCommands } from '../support/children.ts';
import type { RtmpIngest } from '../support/rtmp-ingest.ts';
import { until } from '../support/until.ts';

/** What a process holds, once it has come to rest. */
export interface Holding {
  children: number;
  descriptors: number;
  keys: number;
  heapMb: number;
  rssMb: number;
}

export interface CycleReport {
  before: Holding;
  after: Holding;
  /** ms from the ingest's return until the push was live, a cycle each */
  backMs: number[];
}

export interface CycleParts {
  pushes: Pick<PushHost, 'status'>;
  /** of a push that is on and goes to the ingest */
  name: string;
  ingest: Pick<RtmpIngest, 'kill' | 'back'>;
  /** folder of the keys, empty while nothing connects */
  keys: string;
  onCycle?: (n: number, backMs: number) => void;
}

/** Kills the ingest and brings it back, `count` times; what is held before and after is looked at while the push is live. `warmUp`: cycles before the first look. */
export async function pushCycles(parts: CycleParts, count: number, warmUp: number): Promise<CycleReport> {
  const { pushes, name, ingest, keys, onCycle } = parts;
  const isLive = () => pushes.status(name).state === 'live';
  const cycle = async () => {
    await ingest.kill();
    await until('it has noticed', () => !isLive(), 30_000);
    await ingest.back();
    const sinceMs = performance.now();
    await until('it is live again', isLive, 60_000);
    return performance.now() - sinceMs;
  };
  await until('it is live', isLive, 60_000);
  for (let n = 0; n < warmUp; n += 1) await cycle();
  const before = await holding(keys);
  const backMs: number[] = [];
  for (let n = 1; n <= count; n += 1) {
    const took = await cycle();
    backMs.push(took);
    onCycle?.(n, took);
  }
  // What ends is given a moment to be gone; what is left stays.
  const isLess = async () => {
    const { children, descriptors, keys: left } = await holding(keys);
    return children <= before.children && descriptors <= before.descriptors && left <= before.keys;
  };
  await until('what ends has ended', isLess, 10_000).catch(() => undefined);
  return { before, after: await holding(keys), backMs };
}

async function holding(keys: string): Promise<Holding> {
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  return {
    children: (await childCommands()).length,
    // The one that looks is not counted.
    descriptors: (await readdir('/proc/self/fd')).length - 1,
    keys: (await readdir(keys)).length,
    heapMb: heapUsed / 1e6,
    rssMb: rss / 1e6,
  };
}

/** Collects all garbage, whether or not the process was started with --expose-gc. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
}
