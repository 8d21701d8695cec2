import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { cpuSeconds, median } from './cpu.ts';
import { PlainNodeRed } from './fleet/plain-node-red.ts';
import { atMost, printRows, type Row, show } from './media/rows.ts';

/** What a start takes until the program can be used, the first on an empty folder and a later one, in time and in work. */
const ROUNDS = Number(process.env.ROUNDS ?? 5);
/** Start to ready, the first start included (S2), s. */
const MOST_S = 5;
const PASSWORD = 'bench bench bench';

// The starter of programs is the tests' own; what it cleans up is kept for the end.
const endings: (() => unknown)[] = [];
Object.assign(globalThis, { after: (ending: () => unknown) => endings.push(ending) });
const { Program } = await import('../test/support/programs.ts');
const { ServerApi } = await import('../test/support/server-api.ts');
const { temporaryFolder } = await import('../test/support/folders.ts');
const { freePorts } = await import('../test/support/ports.ts');

interface Start {
  seconds: number;
  cpu: number;
}
type Started = Start & { end(): Promise<unknown> };
type Kind = 'server' | 'edge' | 'plain';

const figures: Record<Kind, { first: Start[]; later: Start[] }> = {
  server: { first: [], later: [] },
  edge: { first: [], later: [] },
  plain: { first: [], later: [] },
};
const loads: number[] = [];
const keys = new Map<string, string>();
const home = await temporaryFolder('bench-start');
try {
  for (let round = 0; round < ROUNDS; round += 1) {
    const folder = await mkdtemp(join(home, 'round-'));
    // Two starts of each on one folder: nothing is there before the first, neither data nor compiled code.
    for (const when of ['first', 'later'] as const) {
      const server = await startServer(join(folder, 'server'));
      figures.server[when].push(server);
      // The edge as a new device would start, beside a server that is up.
      const key = keys.get(folder) ?? (await keyOf(server.url));
      keys.set(folder, key);
      const edge = await startEdge(join(folder, 'edge'), server.url, key);
      figures.edge[when].push(edge);
      await edge.end();
      await server.end();
      const plain = await startPlain(join(folder, 'plain'));
      figures.plain[when].push(plain);
      await plain.end();
      loads.push(loadavg()[0] ?? 0);
    }
    await rm(folder, { recursive: true, force: true });
  }
} finally {
  for (const ending of endings.reverse()) await ending();
}

console.log(
  [
    `Medians of ${ROUNDS} rounds, in turn: from the start of the built program to ready. The server: \`/readyz\` answers 200, on an embedded database. The edge:`,
    'its flows run (agent and flow process, a built-in camera), beside a running server. Node-RED, the same version with an empty user folder: its flows run; it has no',
    `database, no cameras, no compiled code kept. First: no data and no compiled code. Load of the machine: ${show(Math.min(...loads))} to ${show(Math.max(...loads))}\n`,
  ].join('\n'),
);
const rows = (['server', 'edge'] as const).flatMap((kind) =>
  (['first', 'later'] as const).map((when): Row => {
    const wall = median(figures[kind][when].map(({ seconds }) => seconds));
    const cpu = median(figures[kind][when].map((start) => start.cpu));
    const peer = figures.plain[when];
    const ratio = cpu / median(peer.map((start) => start.cpu));
    const wallRatio = wall / median(peer.map(({ seconds }) => seconds));
    const more = `, ${show(cpu)} s of CPU (${show(wallRatio)}× and ${show(ratio)}× of plain Node-RED)`;
    return atMost(`${kind}, ${when} start`, wall, MOST_S, 's', more);
  }),
);
rows.push(
  ...(['first', 'later'] as const).map((when): Row => {
    const seconds = median(figures.plain[when].map((start) => start.seconds));
    const cpu = median(figures.plain[when].map((start) => start.cpu));
    return { what: `plain Node-RED, ${when} start`, measured: `${show(seconds)} s, ${show(cpu)} s of CPU` };
  }),
);
printRows(rows);
process.exit(rows.some(({ isMet }) => isMet === false) ? 1 : 0);

async function startServer(folder: string): Promise<Started & { url: string }> {
  const [port = 0, mqtt = 0, webrtc = 0] = await freePorts(3);
  await mkdir(folder, { recursive: true });
  const env = {
    DATA_DIR: join(folder, 'data'),
    PORT: `${port}`,
    MQTT_PORT: `${mqtt}`,
    WEBRTC_UDP_PORT: `${webrtc}`,
    ADMIN_PASSWORD: PASSWORD,
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
  };
  const url = `http://127.0.0.1:${port}`;
  const began = performance.now();
  const program = new Program({ name: 'the server', file: 'runtime/cli/server.js', env, folder });
  const isReady = async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok;
  return { ...(await measured(program, began, isReady)), url };
}

async function startEdge(folder: string, url: string, key: string): Promise<Started> {
  const [port = 0] = await freePorts(1);
  await mkdir(folder, { recursive: true });
  const env = {
    EDGE_DATA_DIR: join(folder, 'edge'),
    EDGE_PORT: `${port}`,
    EDGE_WEBRTC_UDP_PORT: '0',
    SERVER_URL: url,
    DEVICE_ID: 'pi',
    DEVICE_KEY: key,
    CAMERA: 'sim:gradient',
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
  };
  const began = performance.now();
  const program = new Program({ name: 'the edge', file: 'edge/main.js', flags: ['--no-maglev'], env, folder });
  return await measured(program, began, () => program.lines.some((line) => line.includes('"flows running"')));
}

/** Registers the device; its key comes once. */
async function keyOf(url: string): Promise<string> {
  const { api_key } = await new ServerApi(url, 'admin', PASSWORD).post<{ api_key: string }>('/devices', {
    id: 'pi',
    name: 'Pi',
  });
  return api_key;
}

async function startPlain(folder: string): Promise<Started> {
  await mkdir(folder, { recursive: true });
  const [port = 0] = await freePorts(1);
  const peer = new PlainNodeRed(folder, port);
  const seconds = (await peer.start()) / 1000;
  return { seconds, cpu: cpuSeconds(peer.pid), end: () => peer.stop() };
}

async function measured(
  program: InstanceType<typeof Program>,
  began: number,
  isReady: () => boolean | undefined | Promise<boolean | undefined>,
): Promise<Started> {
  await program.while('it is ready', isReady, 180_000);
  const seconds = (performance.now() - began) / 1000;
  return { seconds, cpu: cpuSeconds(program.pid), end: () => program.end() };
}
