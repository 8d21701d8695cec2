import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { cpuSeconds, median, percentile } from './cpu.ts';
import { FrameLoad, type LoadDevice } from './frame-load.ts';

/**
 * Durable frames per CPU second of app and database, beside what a user would write (Express 5 + multer + writeFile + insert) and its
 * fsync'd version: 100 KB frames, 32 connections, PostgreSQL, medians of 7 interleaved rounds; then p99 at 200 frames/s, medians of 3
 * interleaved rounds. Servers run for years: each gets so many frames first that its code is compiled (rounds went on getting faster up to the sixth thousand).
 */
const ROUNDS = Number(process.env.ROUNDS ?? 7);
const FRAMES = Number(process.env.FRAMES ?? 1000);
const WARM_UP = 6000;
const PACED_ROUNDS = 3;
const CONNECTIONS = 32;
const DEVICES = 64;
const ROOT = join(import.meta.dirname, '..');

interface Subject {
  name: string;
  url: string;
  pid: number;
  devices: LoadDevice[];
  perCpuSecond: number[];
  perSecond: number[];
  /** CPU per frame in µs: the server, and PostgreSQL */
  appUs: number[];
  databaseUs: number[];
}

// The starter of PostgreSQL is the tests' own; outside mocha nothing runs after it.
Object.assign(globalThis, { after: () => undefined });
const { startPostgres } = await import('../test/support/postgres-server.ts');
const folder = mkdtempSync(join(tmpdir(), 'redeye-bench-'));
const postgres = await startPostgres();
const postmaster = await postmasterPid(postgres.url());
const children: ChildProcess[] = [];
try {
  const { jpeg, size } = await frame();
  const subjects = [
    await redeye(),
    await peer('Express + multer, no fsync', false),
    await peer('Express + multer, fsync', true),
  ];
  const loads = subjects.map(
    ({ url, devices }) => new FrameLoad({ url, devices, jpeg, size, connections: CONNECTIONS }),
  );
  for (const load of loads) await load.closed(WARM_UP, CONNECTIONS);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, subject] of subjects.entries()) {
      const before = [cpuSeconds(subject.pid), cpuSeconds(postmaster)] as const;
      const begin = performance.now();
      const stored = (await loads[at]?.closed(FRAMES, CONNECTIONS)) ?? 0;
      const seconds = (performance.now() - begin) / 1000;
      if (stored !== FRAMES) throw new Error(`${subject.name} stored ${stored} of ${FRAMES}`);
      subject.perSecond.push(stored / seconds);
      const app = cpuSeconds(subject.pid) - before[0];
      const database = cpuSeconds(postmaster) - before[1];
      subject.perCpuSecond.push(stored / (app + database));
      subject.appUs.push((app / stored) * 1e6);
      subject.databaseUs.push((database / stored) * 1e6);
    }
  }
  const [ours] = subjects;
  console.log(
    `frames of ${Math.round(jpeg.length / 1024)} KB, ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${FRAMES}, medians [range]\n`,
  );
  console.log(
    '| server | frames per CPU second, app + PostgreSQL | Redeye is | CPU µs a frame: app, PostgreSQL | frames/s |',
  );
  console.log('|---|---|---|---|---|');
  for (const { name, perCpuSecond, perSecond, appUs, databaseUs } of subjects) {
    const ratio = median((ours?.perCpuSecond ?? []).map((value, round) => value / (perCpuSecond[round] ?? Number.NaN)));
    const range = `[${Math.round(Math.min(...perCpuSecond))}–${Math.round(Math.max(...perCpuSecond))}]`;
    console.log(
      `| ${name} | ${Math.round(median(perCpuSecond))} ${range} | ${ratio.toFixed(2)}× | ${Math.round(median(appUs))}, ${Math.round(median(databaseUs))} | ${Math.round(median(perSecond))} |`,
    );
  }
  console.log('\n| server | p50 ms | p99 ms | at 200 frames/s |');
  console.log('|---|---|---|---|');
  const paced = subjects.map(() => ({ p50: [] as number[], p99: [] as number[] }));
  for (let round = 0; round < PACED_ROUNDS; round += 1) {
    for (const [at, load] of loads.entries()) {
      // What the others left in memory unwritten would else be on the bill of who asks the disk next.
      execFileSync('sync');
      const times = await load.open(200, 10);
      paced[at]?.p50.push(percentile(times, 0.5));
      paced[at]?.p99.push(percentile(times, 0.99));
    }
  }
  for (const [at, { name }] of subjects.entries()) {
    const { p50 = [], p99 = [] } = paced[at] ?? {};
    const range = `[${Math.min(...p99).toFixed(1)}–${Math.max(...p99).toFixed(1)}]`;
    console.log(
      `| ${name} | ${median(p50).toFixed(1)} | ${median(p99).toFixed(1)} ${range} | ${PACED_ROUNDS} × 2000 frames |`,
    );
  }
  for (const load of loads) load.close();
} finally {
  for (const child of children) child.kill('SIGTERM');
  await postgres.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

/** A JPEG of about 100 KB: noise of the right strength. */
async function frame(): Promise<{ jpeg: Buffer; size: { width: number; height: number } }> {
  const size = { width: 640, height: 480 };
  const noise = { type: 'gaussian', mean: 128, sigma: 22 } as const;
  const jpeg = await sharp({ create: { ...size, channels: 3, background: '#888', noise } })
    .jpeg({ quality: 80 })
    .toBuffer();
  return { jpeg, size };
}

async function redeye(): Promise<Subject> {
  const dataDir = join(folder, 'redeye');
  const flowsDir = join(folder, 'flows');
  // Only the flow that takes frames: jobs are put into the queue as always, and nobody works on them.
  mkdirSync(join(flowsDir, 'server'), { recursive: true });
  cpSync(join(ROOT, 'flows/server/frames-in.json'), join(flowsDir, 'server/frames-in.json'));
  const port = await freePort();
  const child = fork(join(ROOT, 'dist/runtime/cli/server.js'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      DATA_DIR: dataDir,
      FLOWS_DIR: flowsDir,
      DATABASE_URL: await database('redeye'),
      PORT: String(port),
      MQTT_PORT: '0',
      ADMIN_PASSWORD: 'a password for the bench',
      LOG_LEVEL: 'warn',
    },
  });
  children.push(child);
  await new Promise((resolve) => child.once('message', resolve));
  const url = `http://127.0.0.1:${port}`;
  const post = async (path: string, body: object, token = '') => {
    const answer = await fetch(`${url}/api/v1${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as Record<string, string>;
  };
  const { access_token = '' } = await post('/auth/login', { email: 'admin', password: 'a password for the bench' });
  const devices: LoadDevice[] = [];
  for (let n = 0; n < DEVICES; n += 1) {
    const { id = '', api_key = '' } = await post('/devices', { id: `d${n}`, name: `d${n}` }, access_token);
    devices.push({ id, key: api_key, seq: 0 });
  }
  return {
    name: 'Redeye, in the Node-RED process, durable',
    url,
    pid: child.pid ?? 0,
    devices,
    perCpuSecond: [],
    perSecond: [],
    appUs: [],
    databaseUs: [],
  };
}

async function peer(name: string, fsync: boolean): Promise<Subject> {
  const frames = join(folder, fsync ? 'peer-fsync' : 'peer');
  mkdirSync(frames);
  const devices = Array.from({ length: DEVICES }, (_, n) => ({ id: `d${n}`, key: `key-${n}`, seq: 0 }));
  const child = fork(join(import.meta.dirname, 'peers/express-multer.mjs'), {
    env: {
      ...process.env,
      DATABASE_URL: await database(fsync ? 'peer_fsync' : 'peer'),
      FOLDER: frames,
      FSYNC: fsync ? '1' : '',
      DEVICE_KEYS: devices.map(({ key }) => key).join(','),
      NODE_ENV: 'production',
    },
  });
  children.push(child);
  const { port } = await new Promise<{ port: number }>((resolve) =>
    child.once('message', (message) => resolve(message as { port: number })),
  );
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    devices,
    perCpuSecond: [],
    perSecond: [],
    appUs: [],
    databaseUs: [],
  };
}

async function database(name: string): Promise<string> {
  await query(postgres.url(), `create database ${name}`);
  return postgres.url(name);
}

/** The postmaster, found by one of its backends: CPU of the database is that of all its children. */
async function postmasterPid(url: string): Promise<number> {
  const { readFileSync } = await import('node:fs');
  const [row] = await query<{ pid: number }>(url, 'select pg_backend_pid() as pid', (pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  });
  return row?.pid ?? 0;
}

async function query<Row extends { pid?: number }>(
  url: string,
  text: string,
  parentOf?: (pid: number) => number,
): Promise<Row[]> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(text);
  const found = parentOf ? rows.map((row) => ({ ...row, pid: parentOf(row.pid) })) : rows;
  await client.end();
  return found as Row[];
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
