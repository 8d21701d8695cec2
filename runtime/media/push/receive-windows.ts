import { execFile } from 'node:child_process';
import { readdir, readlink } from 'node:fs/promises';
import type { Clock, Log, Release } from '../../contracts/host.ts';

/** All watched connections are looked at together so often; one look costs 4 ms of CPU (measured). */
const LOOK_MS = 1000;
/** A program that has read nothing for so long, while data came, has stopped. */
const STUCK_MS = 1800;
/** Of what arrived: a window opens by a little more while it fills (Linux; 7 % measured), and a reader of less is of no use. */
const STUCK_SHARE = 0.15;
/** A slow reader whose buffer is full reads as much as arrives. */
const READ_SHARE = 0.5;
/** Less says nothing: windows are told in steps. */
const LEAST_BYTES = 8192;
const ANSWER_MS = 5000;

/** One look at a connection: bytes that the other side has acknowledged, and up to which it lets us send. */
export interface WindowSample {
  acked: number;
  edge: number;
}

/** What is told of a connection. */
export interface WindowEvents {
  /** the program at the other end reads */
  onRead(): void;
  /** it has stopped reading, although its machine still takes what is sent */
  onStuck(): void;
}

export interface ReceiveWindowsParts {
  clock: Clock;
  log: Log;
  /** the TCP sockets that go to these ports, by inode; default: what `ss` says */
  look?: (ports: readonly number[]) => Promise<Map<string, WindowSample>>;
  /** inodes of a process' sockets */
  socketsOf?: (pid: number) => Promise<string[]>;
}

interface Watched {
  pid: number;
  port: number;
  events: WindowEvents;
  inodes: string[] | undefined;
  samples: (WindowSample & { ms: number })[];
}

/**
 * Tells a frozen destination from a slow one, mostly long before its buffers are full. What a machine acknowledges, its program
 * need not have read; but the right edge of the receive window (RFC 9293 §3.8.6: acknowledged + window) moves on only as the program
 * reads, once less is free than is granted: 2.2 to 2.6 s after a freeze at 2 Mbit/s, whatever the buffer, later for slower
 * streams. Linux tells both (`tcpi_snd_wnd`, since 5.4), by `ss` of iproute2. Where that is missing nothing is told.
 */
export class ReceiveWindows {
  readonly #parts: Required<ReceiveWindowsParts>;
  readonly #watched = new Set<Watched>();
  #cancel: Release | undefined;
  #isMissing = false;

  constructor(parts: ReceiveWindowsParts) {
    this.#parts = { look: askSs, socketsOf: socketsOfProcess, ...parts };
  }

  /** Watches the connections of a process to that port. */
  watch(pid: number, port: number, events: WindowEvents): Release {
    const watched: Watched = { pid, port, events, inodes: undefined, samples: [] };
    if (!this.#isMissing) {
      this.#watched.add(watched);
      this.#later();
    }
    return () => {
      this.#watched.delete(watched);
      if (this.#watched.size > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    };
  }

  #later(): void {
    this.#cancel ??= this.#parts.clock.after(LOOK_MS, () => {
      void this.#look().finally(() => {
        this.#cancel = undefined;
        if (this.#watched.size > 0) this.#later();
      });
    });
  }

  async #look(): Promise<void> {
    const { clock, log, look, socketsOf } = this.#parts;
    const all = [...this.#watched];
    try {
      for (const watched of all) watched.inodes ??= await socketsOf(watched.pid);
      const found = await look([...new Set(all.map(({ port }) => port))]);
      const ms = clock.monotonicMs();
      for (const watched of all) {
        const sample = watched.inodes?.map((inode) => found.get(inode)).find((one) => one !== undefined);
        if (sample && this.#watched.has(watched)) judge(watched, { ...sample, ms });
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        log.debug('receive windows were not read', { error });
        return;
      }
      log.warn('there is no "ss" (apt install iproute2): a frozen destination is found once its buffers are full');
      this.#isMissing = true;
      this.#watched.clear();
    }
  }
}

function judge({ samples, events }: Watched, now: WindowSample & { ms: number }): void {
  const last = samples.at(-1);
  samples.push(now);
  while (samples.length > 2 && now.ms - (samples[1]?.ms ?? 0) >= STUCK_MS) samples.shift();
  if (last && now.edge - last.edge >= Math.max(1024, (now.acked - last.acked) * READ_SHARE)) {
    events.onRead();
    return;
  }
  const [first = now] = samples;
  const came = now.acked - first.acked;
  if (now.ms - first.ms >= STUCK_MS && came >= LEAST_BYTES && now.edge - first.edge < came * STUCK_SHARE)
    events.onStuck();
}

/** The sockets of `ss -tineH`, by inode. */
export function readSs(text: string): Map<string, WindowSample> {
  const found = new Map<string, WindowSample>();
  let inode: string | undefined;
  for (const line of text.split('\n')) {
    inode = /\bino:(\d+)/.exec(line)?.[1] ?? inode;
    const [, acked] = /\bbytes_acked:(\d+)/.exec(line) ?? [];
    if (inode === undefined || acked === undefined) continue;
    // A window that is shut is not told.
    const [, window = '0'] = /\bsnd_wnd:(\d+)/.exec(line) ?? [];
    found.set(inode, { acked: Number(acked), edge: Number(acked) + Number(window) });
    inode = undefined;
  }
  return found;
}

function askSs(ports: readonly number[]): Promise<Map<string, WindowSample>> {
  const filter = ports.map((port) => `dport = :${port}`).join(' or ');
  return new Promise((resolve, reject) => {
    execFile('ss', ['-tineH', `( ${filter} )`], { timeout: ANSWER_MS, maxBuffer: 1024 * 1024 }, (error, stdout) => {
      if (error) reject(error);
      else resolve(readSs(stdout));
    });
  });
}

async function socketsOfProcess(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}
