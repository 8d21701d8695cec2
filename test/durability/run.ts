import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { temporaryFolder } from '../support/folders.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { random } from '../support/scenes.ts';
import { ServerApi } from '../support/server-api.ts';
import { ADMIN_PASSWORD, ServerUnderTest } from '../support/servers.ts';
import { check, type Verdict } from './checker.ts';
import { Ledger, type LedgerSummary } from './ledger.ts';
import { Nemesis, type Stroke } from './nemesis.ts';
import { realPictures } from './pictures.ts';
import { Sender } from './sender.ts';

export interface RunOptions {
  seed: number;
  /** one after the other, each at a random moment under load */
  strokes: readonly Stroke[];
  database: 'PostgreSQL' | 'PGlite';
  /** the server's fdatasync does nothing: the control, which has to be found out */
  syncTakenOut?: boolean;
  devices?: number;
  connections?: number;
  /** longest rest of a connection between two frames, ms */
  restMs?: number;
  /** each stroke comes at a random moment within so many ms of load */
  loadMs?: number;
  onStroke?: (done: number, stroke: Stroke, ledger: LedgerSummary) => void;
}

export interface RunReport {
  ledger: LedgerSummary;
  verdict: Verdict;
  /** rows of jobs by state, at the end */
  jobs: Record<string, number>;
  /** ms from each restart to ready */
  restartsMs: number[];
}

/** Loads the built server, breaks it, starts it cleanly in the end, and checks what is left against the ledger. */
export async function durabilityRun(options: RunOptions): Promise<RunReport> {
  const { seed, strokes, database, loadMs = 1500 } = options;
  const next = random(seed);
  const folder = await temporaryFolder('redeye-durability');
  const ledger = new Ledger(join(folder, 'ledger.jsonl'));
  const journal = join(folder, 'syncs.txt');
  const postgres = database === 'PostgreSQL' ? await startPostgres() : undefined;
  const preload = pathToFileURL(join(import.meta.dirname, 'power-cut.ts')).href;
  const server = await ServerUnderTest.start({
    LOG_LEVEL: 'warn',
    // The disk of whoever runs this is not the matter here.
    RETENTION_MIN_FREE_GB: '0',
    ...(postgres && { DATABASE_URL: postgres.url() }),
    ...(strokes.includes('power') && {
      NODE_OPTIONS: `--import ${preload}`,
      SYNC_JOURNAL: journal,
      SYNC_TAKEN_OUT: options.syncTakenOut ? '1' : '0',
    }),
  });
  const nemesis = new Nemesis(server, postgres, { journal });
  const senders = await openSenders(server, ledger, options);
  const restartsMs: number[] = [];
  try {
    for (const sender of senders) sender.start();
    for (const [done, stroke] of strokes.entries()) {
      await underLoad(senders);
      await pause(next() * loadMs);
      const at = performance.now();
      await nemesis.strike(stroke);
      restartsMs.push(Math.round(performance.now() - at));
      options.onStroke?.(done + 1, stroke, ledger.summary());
    }
    await Promise.all(senders.map((sender) => sender.stop()));
    // What the last process left open is put in order by the start of the next one.
    await server.end('SIGTERM');
    await nemesis.restart();
    const api = new ServerApi(server.url, 'admin', ADMIN_PASSWORD);
    const devices = senders.map(({ device }) => device);
    const verdict = await check({ ledger, api, devices, dataDir: join(server.folder, 'data') });
    const jobs = await api.get<Record<string, number>>('/jobs/counts');
    return { ledger: ledger.summary(), verdict, jobs, restartsMs };
  } finally {
    for (const sender of senders) sender.abandon();
    await server.end('SIGKILL');
    await postgres?.close();
    ledger.close();
  }
}

async function openSenders(server: ServerUnderTest, ledger: Ledger, options: RunOptions): Promise<Sender[]> {
  const { seed, devices = 4, connections = 3, restMs = 120 } = options;
  const pictures = await realPictures();
  const senders: Sender[] = [];
  for (let n = 0; n < devices; n += 1) {
    const device = await server.device(`shelf-${n}`);
    const own = random(seed * 1000 + n + 1);
    senders.push(new Sender({ url: server.url, device, ledger, pictures, random: own, connections, restMs }));
  }
  return senders;
}

/** Waits until every device has got an answer since now. */
async function underLoad(senders: readonly Sender[]): Promise<void> {
  const before = senders.map(({ answers }) => answers);
  const end = performance.now() + 60_000;
  while (senders.some(({ answers }, n) => answers <= (before[n] ?? 0))) {
    if (performance.now() > end) throw new Error('no frame was taken for a minute');
    await pause(10);
  }
}
