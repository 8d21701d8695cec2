import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '../runtime/lib/clock.ts';
import { silentLog } from '../runtime/lib/log.ts';
import { createCameraSet } from '../runtime/media/camera-set.ts';
import { RPICAM_VID } from '../runtime/media/drivers/parts.ts';
import { createPushFile } from '../runtime/media/push/memory.ts';
import { Pushes } from '../runtime/media/push/pushes.ts';
import { createStreams } from '../runtime/media/stream/streams.ts';
import { cpuSeconds, median } from './cpu.ts';
import { atMost, printRows, type Row, show } from './media/rows.ts';
import { Setting } from './media/setting.ts';

/** What pushes must reach: their cost, and how soon they are back after faults, beside a plain ffmpeg in a restart loop. */
const PARTS = { cost, faults, cycles };
const SECONDS = Number(process.env.SECONDS ?? 20);
const FAULTS = Number(process.env.FAULTS ?? 5);
const CYCLES = Number(process.env.CYCLES ?? 20);
const BITS = 2_000_000;
/** So long a frozen ingest is left frozen for somebody to notice. */
const FROZEN_MS = 25_000;

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const only = values.only?.split(',') ?? Object.keys(PARTS);

// The ingest's starter is the tests' own; outside mocha nothing runs after it.
Object.assign(globalThis, { after: () => undefined });
const { RtmpIngest } = await import('../test/support/rtmp-ingest.ts');

/** When the ingest said that somebody publishes under a key; the same clock for both who are compared. */
const published = new Map<string, number>();
const door = createServer((request, response) => {
  const key = new URL(request.url ?? '/', 'http://x').searchParams.get('name') ?? '';
  published.set(key, performance.now());
  response.end();
});
await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
const ingest = await RtmpIngest.start({ hook: `http://127.0.0.1:${(door.address() as AddressInfo).port}/` });
const setting = new Setting();
const clip = setting.clip('push', { size: '1280x720', seconds: 60, bits: BITS });
const folder = mkdtempSync(join(tmpdir(), 'redeye-push-'));
const parts = { clock: systemClock, log: silentLog, ffmpegPath: 'ffmpeg' };
const cameras = createCameraSet({ ...parts, cameras: [{ id: 'gate', url: `file:${clip}` }] });
const streams = createStreams({ ...parts, cameras, rpicamVid: RPICAM_VID });
const pushes = new Pushes({
  ...parts,
  streams: async () => streams,
  folder: join(folder, 'keys'),
  resolve: (camera) => camera,
  memory: createPushFile(join(folder, 'pushes.json')),
});
const rows: Row[] = [];
const loads = [load()];
try {
  await cameras.start();
  await streams.start();
  await pushes.start();
  const release = streams.keepWarm('gate');
  await until('the camera runs', () => streams.status('gate').state === 'live' && streams.status('gate').fps > 20);
  for (const [name, run] of Object.entries(PARTS)) {
    if (!only.includes(name)) continue;
    rows.push(...(await run()));
    loads.push(load());
  }
  release();
} finally {
  await pushes.stop();
  await streams.stop();
  await cameras.stop();
  await ingest.kill();
  door.close();
  setting.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log(
  [
    `One camera (1280 × 720, 30 a second, ${BITS / 1e6} Mbit/s) over the hub to nginx with its rtmp module, over loopback. CPU: user and system,`,
    `of ffmpeg and of this process apart. Faults: moments as the ingest tells them (on_publish). Load of the machine: ${loads.join(', ')}\n`,
  ].join('\n'),
);
printRows(rows);
process.exit(rows.some(({ isMet }) => isMet === false) ? 1 : 0);

/** CPU and memory of pushes: none, one and ten of one camera. */
async function cost(): Promise<Row[]> {
  const found: Row[] = [];
  const own = async () => {
    const before = process.cpuUsage();
    const beganMs = performance.now();
    await pause(SECONDS * 1000);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 10 / (performance.now() - beganMs);
  };
  const idle = await own();
  for (const count of [1, 10]) {
    const names = Array.from({ length: count }, (_, at) => `p${at}`);
    for (const name of names) pushes.declare({ name, camera: 'gate', url: ingest.url, key: name }, { started: true });
    await until('all are live', () => names.every((name) => pushes.status(name).state === 'live'), 30_000);
    const pids = names.map((name) => pushes.status(name).pid ?? 0);
    const before = pids.map(cpuSeconds);
    const beganMs = performance.now();
    const here = ((await own()) - idle) / count;
    const seconds = (performance.now() - beganMs) / 1000;
    const children = pids.map((pid, at) => ((cpuSeconds(pid) - (before[at] ?? 0)) / seconds) * 100);
    const all = median(children) + here;
    const more = ` of a core (ffmpeg ${show(median(children))}, here ${show(here)})`;
    found.push(atMost(`CPU of a push, ${count} of one camera`, all, 2, '%', more));
    if (count === 10) {
      found.push(atMost('memory of a push (its ffmpeg, resident)', Math.max(...pids.map(rssMb)), 60, 'MB'));
      const commands = childCommands();
      const captures = commands.filter((line) => line.includes(clip) && !line.includes('-progress'));
      const encoders = commands.filter((line) => line.includes('-progress') && !/-c copy/.test(line));
      found.push(atMost('captures while ten push', captures.length, 1, ''));
      found.push(atMost('encoders while ten push', encoders.length, 0, ''));
    }
    for (const name of names) pushes.forget(name);
    await until('all are gone', () => childCommands().every((line) => !line.includes('-progress')));
  }
  return found;
}

/** The same faults for both at the same time. */
async function faults(): Promise<Row[]> {
  pushes.declare({ name: 'ours', camera: 'gate', url: ingest.url, key: 'ours' }, { started: true });
  const script = `while :; do ffmpeg -v error -nostdin -re -stream_loop -1 -i '${clip}' -c copy -f flv '${ingest.url}/peer'; sleep 1; done`;
  const peer = spawn('sh', ['-c', script], { stdio: 'ignore', detached: true });
  const back: Record<'ours' | 'peer', number[]> = { ours: [], peer: [] };
  const noticed: Record<'ours' | 'peer', number[]> = { ours: [], peer: [] };
  const bothOn = async (since: number) => {
    for (const name of ['ours', 'peer'] as const)
      await until(`${name} is on`, () => (published.get(name) ?? 0) > since, 60_000);
    await until('ours is live', () => pushes.status('ours').state === 'live', 60_000);
  };
  try {
    await bothOn(0);
    for (let i = 0; i < FAULTS; i++) {
      await pause(3000);
      await ingest.kill();
      // Gone for various times, so that no rhythm of either is hit always at the same point.
      await pause(500 + i * 1700);
      await ingest.back();
      const backMs = performance.now();
      await bothOn(backMs);
      for (const name of ['ours', 'peer'] as const) back[name].push((published.get(name) ?? 0) - backMs);
    }
    for (let i = 0; i < FAULTS; i++) {
      await pause(3000);
      const { pid } = pushes.status('ours');
      const [other = 0] = childrenOf(peer.pid ?? 0);
      ingest.freeze();
      const frozenMs = performance.now();
      const gone = async (name: 'ours' | 'peer', id: number) => {
        const isGone = until(`${name} has noticed`, () => !isAlive(id), FROZEN_MS);
        noticed[name].push(await isGone.then(() => performance.now() - frozenMs).catch(() => Infinity));
      };
      await Promise.all([gone('ours', pid ?? 0), gone('peer', other)]);
      ingest.thaw();
      // What has not noticed goes on as if nothing had been.
      await until('ours is live', () => pushes.status('ours').state === 'live', 60_000);
    }
  } finally {
    process.kill(-(peer.pid ?? 0), 'SIGKILL');
    pushes.forget('ours');
  }
  const said = (ms: number) => (ms === Infinity ? `not within ${FROZEN_MS / 1000} s` : `${show(ms / 1000)} s`);
  const beside = (all: number[]) => ` at worst of ${FAULTS}; the plain loop ${said(Math.max(...all))}`;
  const worst = (all: number[]) => Math.max(...all) / 1000;
  return [
    atMost('ingest killed: publishing again after it is back', worst(back.ours), 3, 's', beside(back.peer)),
    atMost('ingest frozen: noticed, and ffmpeg killed', worst(noticed.ours), 5, 's', beside(noticed.peer)),
  ];
}

/** Kills and restores; what is left behind is counted. */
async function cycles(): Promise<Row[]> {
  const { pushCycles } = await import('../test/durability/push-cycles.ts');
  pushes.declare({ name: 'again', camera: 'gate', url: ingest.url, key: 'again' }, { started: true });
  const keys = join(folder, 'keys');
  const { before, after, backMs: took } = await pushCycles({ pushes, name: 'again', ingest, keys }, CYCLES, 5);
  pushes.forget('again');
  return [
    atMost(
      `${CYCLES} kills: live again, median`,
      median(took) / 1000,
      3,
      's',
      `, at worst ${show(Math.max(...took) / 1000)} s`,
    ),
    atMost(`${CYCLES} kills: processes left`, after.children - before.children, 0, ''),
    atMost(`${CYCLES} kills: descriptors left`, after.descriptors - before.descriptors, 0, ''),
    atMost(`${CYCLES} kills: key files left`, after.keys - before.keys, 0, ''),
    {
      what: `${CYCLES} kills: heap, resident`,
      measured: `${show(before.heapMb)} → ${show(after.heapMb)} MB, ${show(before.rssMb)} → ${show(after.rssMb)} MB`,
    },
  ];
}

function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

function rssMb(pid: number): number {
  const [, kb = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1024;
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

function childCommands(): string[] {
  return childrenOf(process.pid).map((pid) => textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' '));
}

function parentOf(pid: number): number {
  return Number(/^\d+ \(.*\) \S (\d+)/s.exec(textOf(`/proc/${pid}/stat`))?.[1] ?? 0);
}

function isAlive(pid: number): boolean {
  return /\) [^ZX]/.test(textOf(`/proc/${pid}/stat`));
}

/** Empty for a process that is gone meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

async function until(what: string, ask: () => boolean, timeoutMs = 15_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!ask()) {
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await pause(20);
  }
}
