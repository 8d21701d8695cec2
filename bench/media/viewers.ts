import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cpuSeconds, median } from '../cpu.ts';
import type { Usage } from '../peers/answering.ts';
import { Child } from './child.ts';
import { type Row, show } from './rows.ts';
import { pause, type Server, type Setting } from './setting.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 3);
const WINDOW_MS = 3000;
/** % of a core, by the number of viewers */
const GOALS: readonly [number, number][] = [
  [1, 2.5],
  [10, 5],
  [50, 16],
];
const CAMERA = 'watched';

interface Subject {
  child: Child;
  url: string;
  token: string;
  /** % of a core, by the number of viewers */
  loads: Map<number, number[]>;
  /** share of the bits that came, by the number of viewers */
  bits: Map<number, number[]>;
}

/** CPU of a server while 1, 10 and 50 watch a camera of 2 Mbps by WHEP, beside werift's, in interleaved rounds. */
export async function viewerLoad(setting: Setting, server: Server): Promise<Row[]> {
  const clip = setting.clip('two-mbps', { size: '1280x720', seconds: 10, bits: 2_000_000 });
  await server.define(CAMERA, `file:${clip}`);
  const viewers = await Child.start('whep-viewers.ts');
  const ours = subject(server.child, `${server.url}/api/v1/cameras/${CAMERA}/whep`, server.token);
  await server.warm(CAMERA);
  const werift = await Child.start('werift-whep.mjs', [clip]).catch(() => undefined);
  const address = await werift?.ask<{ url: string }>('address');
  const peer = werift && address && subject(werift, address.url, '');
  let children: string[] = [];
  let sockets = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await measure(ours, viewers, () => {
      children = commandsBelow(server.child.pid);
      sockets = udpSockets(server.child.pid);
    });
    if (peer) await measure(peer, viewers, () => {});
  }
  const { bitsPerSecond } = await server.status(CAMERA);
  const source = await sourceLoad(server.child.pid);
  await werift?.end();
  await viewers.end();
  await server.remove(CAMERA);
  const encoders = children.filter((command) => !command.includes('-c:v copy'));
  return [
    ...GOALS.map(([count, most]) => rowOf(ours, peer, count, most)),
    {
      what: 'encoder processes while 50 watch',
      goal: '0',
      measured: `${encoders.length}, and ${children.length - encoders.length} that copies (ffmpeg reads the clip: ${show(source)} %)`,
      isMet: encoders.length === 0,
    },
    { what: 'UDP sockets while 50 watch', goal: '1', measured: String(sockets), isMet: sockets === 1 },
    { what: 'the camera of these rows', measured: `${show(bitsPerSecond / 1e6)} Mbps, 1280 × 720, 30 a second` },
  ];
}

function subject(child: Child, url: string, token: string): Subject {
  return { child, url, token, loads: new Map(), bits: new Map() };
}

function rowOf(ours: Subject, peer: Subject | undefined, count: number, most: number): Row {
  const own = ours.loads.get(count) ?? [];
  const mbps = show(median(ours.bits.get(count) ?? []) / 1e6);
  const theirs = peer?.loads.get(count) ?? [];
  const ratio = median(own.map((value, round) => value / (theirs[round] ?? Number.NaN)));
  const peerBits = median(peer?.bits.get(count) ?? []);
  // What does not arrive was not sent, or in vain: no comparison.
  const isFair = peerBits > 0.9 * median(ours.bits.get(count) ?? []);
  const beside = peer
    ? `werift ${show(median(theirs))} % at ${show(peerBits / 1e6)} Mbps${isFair ? `: ${ratio.toFixed(2)}× of it` : ''}`
    : 'peer not installed (werift)';
  const range = `[${show(Math.min(...own))}–${show(Math.max(...own))}]`;
  return {
    what: `CPU of the server with ${count} by WHEP`,
    goal: `≤ ${most} % of a core`,
    measured: `${show(median(own))} % ${range}, ${mbps} Mbps arrive; ${beside}`,
    isMet: median(own) <= most,
  };
}

/** One round: 1, 10 and 50 viewers, then none. */
async function measure({ child, url, token, loads, bits }: Subject, viewers: Child, atMost: () => void): Promise<void> {
  for (const [count] of GOALS) {
    await viewers.ask('join', { url, token, count });
    // Joining is not watching.
    await pause(2500);
    const before = await Promise.all([child.ask<Usage>('usage'), received(viewers)]);
    await pause(WINDOW_MS);
    const after = await Promise.all([child.ask<Usage>('usage'), received(viewers)]);
    if (after[1].connected < count) throw new Error(`only ${after[1].connected} of ${count} are connected`);
    const ms = after[0].atMs - before[0].atMs;
    push(loads, count, ((after[0].cpuMs - before[0].cpuMs) * 100) / ms);
    push(bits, count, ((after[1].bytes - before[1].bytes) * 8000) / ms);
  }
  atMost();
  await viewers.ask('leave', { token });
}

function received(viewers: Child): Promise<{ bytes: number; connected: number }> {
  return viewers.ask('received');
}

function push(into: Map<number, number[]>, key: number, value: number): void {
  into.set(key, [...(into.get(key) ?? []), value]);
}

/** % of a core of the server's children: the source's program. */
async function sourceLoad(pid: number): Promise<number> {
  const all = () => children(pid).reduce((sum, child) => sum + cpuSeconds(child), 0);
  const before = { cpu: all(), atMs: performance.now() };
  await pause(3000);
  return ((all() - before.cpu) * 100_000) / (performance.now() - before.atMs);
}

/** Command lines of all programs that a process has started. */
function commandsBelow(pid: number): string[] {
  return children(pid).flatMap((child) => [
    readFileSync(`/proc/${child}/cmdline`, 'utf8').replaceAll('\0', ' '),
    ...commandsBelow(child),
  ]);
}

function children(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** How many UDP sockets a process has. */
function udpSockets(pid: number): number {
  const known = ['udp', 'udp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/)[9]),
  );
  const inodes = readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(linkOf(pid, fd))?.[1]);
  return inodes.filter((inode) => inode !== undefined && known.includes(inode)).length;
}

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    // It was closed between the two looks.
    return '';
  }
}
