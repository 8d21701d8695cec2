import { chmod, cp, readdir, rm, writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent } from '../edge/agent/agent.ts';
import { Machine } from '../edge/agent/machine/machine.ts';
import { systemReadings } from '../edge/agent/machine/readings.ts';
import { readSettings } from '../edge/settings.ts';
import type { DeploymentRecord } from '../runtime/contracts/deployments.ts';
import type { ServedConfig } from '../runtime/contracts/device-config.ts';
import { systemClock } from '../runtime/lib/clock.ts';
import { silentLog } from '../runtime/lib/log.ts';
import { cpuSeconds, median, percentile } from './cpu.ts';
import { bareNode, memoryOf } from './fleet/memory.ts';
import { MqttTap } from './fleet/mqtt-tap.ts';
import { PlainNodeRed } from './fleet/plain-node-red.ts';
import { atMost, printRows, type Row, show } from './media/rows.ts';

/** What a deployment to a device takes beside its probation, what the agent weighs, and how large its heartbeats are. */
const ROUNDS = Number(process.env.ROUNDS ?? 20);
/** The agent is weighed after so long without a deployment. */
const REST_S = Number(process.env.REST_S ?? 60);
const PROBATION_MS = 1000;
/** devices' side of the wire: the same ports under another address of the loopback */
const NEAR = '127.0.0.2';
const PI = join(import.meta.dirname, '../test/edge/agent/machine/fixtures/pi4');
const CHILD = join(import.meta.dirname, '../test/edge/agent/children/deployable.ts');

// The starters of server and edge are the tests' own; what they clean up is kept for the end.
const endings: (() => unknown)[] = [];
Object.assign(globalThis, { after: (ending: () => unknown) => endings.push(ending) });
const { EdgeUnderTest, ServerUnderTest } = await import('../test/support/servers.ts');
const { startPostgres } = await import('../test/support/postgres-server.ts');
const { temporaryFolder } = await import('../test/support/folders.ts');
const { freePorts } = await import('../test/support/ports.ts');
const { Wire } = await import('../test/support/wire.ts');

const postgres = await startPostgres();
const server = await ServerUnderTest.start({
  DATABASE_URL: postgres.url(),
  LOG_LEVEL: 'warn',
  PUBLIC_URL: `http://${NEAR}`,
});
const httpPort = Number(new URL(server.url).port);
const made = await server.device('pi');
await server.api.put('/devices/pi/config', { capture_interval_s: 1 });
const served = (await (
  await fetch(`${server.url}/api/v1/device/config?device_id=pi`, { headers: { 'X-DEVICE-KEY': made.api_key } })
).json()) as ServedConfig;
const wire = await Wire.lay([httpPort]);
const tap = await MqttTap.start({ host: '127.0.0.1', near: NEAR, port: Number(new URL(served.mqtt.url).port) });
const near = { url: `http://${NEAR}:${httpPort}` };
const edge = await EdgeUnderTest.start(near, made, 'sim:gradient', { PROBATION_S: '1', EDGE_WEBRTC_UDP_PORT: '0' });
const [peerPort = 0] = await freePorts(1);
const peer = new PlainNodeRed(await temporaryFolder('bench-node-red'), peerPort);
const rows: Row[] = [];
const loads: string[] = [];
try {
  // The pictures go on beside what changes; the dialects of other systems are not what is measured.
  const tabs = join(server.flowsDir, 'edge');
  for (const name of await readdir(tabs)) if (name !== 'capture.json') await rm(join(tabs, name));
  await edge.program.while('frames arrive', async () => (await server.api.lastSeq('pi')) > 2, 60_000);
  const restarts = [await peer.start()];
  rows.push(...(await deployments(tabs, restarts)));
  rows.push(...(await heartbeats()));
  rows.push(...(await memory()));
} finally {
  await edge.end();
  await peer.stop();
  await wire.close();
  await tap.close();
  await server.end();
  await postgres.close();
  for (const ending of endings.reverse()) await ending();
}
console.log(
  [
    'A server on PostgreSQL and a device (agent and flow process), all built, over loopback; a frame a second comes from the device throughout. Each',
    `deployment changes one function on a tab of five nodes beside the capture flow; its probation of ${PROBATION_MS / 1000} s is taken off. Node-RED beside it gets`,
    `the tab of five nodes by POST /flows (full), in the running process and unsigned. The agent is started as its systemd unit does. Load of the machine: ${loads.join(', ')}\n`,
  ].join('\n'),
);
printRows(rows);
process.exit(rows.some(({ isMet }) => isMet === false) ? 1 : 0);

/** Deployments one after the other, each with a full deploy to the plain Node-RED in between. */
async function deployments(tabs: string, restarts: number[]): Promise<Row[]> {
  const took: number[] = [];
  const starts: number[] = [];
  const cpu: number[] = [];
  const plain: number[] = [];
  for (let n = 0; n < ROUNDS + 1; n += 1) {
    await writeFile(join(tabs, 'bench.json'), JSON.stringify(flow(n), null, 2));
    const cpuBefore = cpuSeconds(edge.program.pid);
    const from = tap.seen.length;
    const began = Date.now();
    const { id } = await server.api.post<DeploymentRecord>('/deployments', { target: 'device/pi' });
    const over = await edge.program.while(
      'the deployment ends',
      async () => {
        const record = await server.api.get<DeploymentRecord>(`/deployments/${id}`);
        await pause(80);
        return record.state !== 'running' && record;
      },
      120_000,
    );
    const [target] = over.devices;
    if (target?.state !== 'active' || target.ended_at === null)
      throw new Error(`it ended ${target?.state}: ${target?.reason}`);
    const answered = await peer.deploy(flow(n));
    // The first one is the way in, for both.
    if (n === 0) continue;
    took.push(Date.parse(target.ended_at) - began - PROBATION_MS);
    cpu.push(cpuSeconds(edge.program.pid) - cpuBefore);
    plain.push(answered);
    starts.push(phase('probation', from) - phase('switching', from));
    if (n % 5 === 0) {
      await peer.stop();
      restarts.push(await peer.start());
      loads.push(show(loadavg()[0] ?? 0));
    }
  }
  const seconds = (all: number[], share: number) => percentile(all, share) / 1000;
  const p50 = median(took) / 1000;
  const restart = median(restarts) / 1000;
  return [
    atMost(
      `deploy → active, probation excluded, p95 of ${ROUNDS}`,
      seconds(took, 0.95),
      3,
      's',
      `, p50 ${show(p50)} s`,
    ),
    { what: '  of it: the old flow process ends, a new one runs, p50', measured: `${show(median(starts) / 1000)} s` },
    { what: '  CPU of the device for one, probation included, p50', measured: `${show(median(cpu))} s` },
    {
      what: 'plain Node-RED: POST /flows (full), p50 / p95',
      measured: `${show(median(plain))} / ${show(percentile(plain, 0.95))} ms (${show((p50 * 1000) / median(plain))}×)`,
    },
    {
      what: 'plain Node-RED: its process from start to flows that run, p50',
      measured: `${show(restart)} s (a whole deployment is ${show(p50 / restart)}× of it)`,
    },
  ];
}

/** When the device said, since that message, that it is in the phase. */
function phase(name: string, from: number): number {
  for (const { topic, payload } of tap.seen.slice(from)) {
    if (!topic.endsWith('/flow/reported')) continue;
    const said = JSON.parse(payload.toString('utf8')) as { phase: string; ts: number };
    if (said.phase === name) return said.ts;
  }
  return Number.NaN;
}

/** A tab that differs from round to round in one function. */
function flow(n: number): object[] {
  const wires = (to: string) => [[to]];
  return [
    { id: 'benchtab', type: 'tab', label: 'Bench', info: '' },
    {
      id: 'b1',
      type: 'inject',
      z: 'benchtab',
      x: 100,
      y: 100,
      props: [{ p: 'payload' }],
      repeat: '1',
      payload: 'x',
      payloadType: 'str',
      wires: wires('b2'),
    },
    {
      id: 'b2',
      type: 'change',
      z: 'benchtab',
      x: 100,
      y: 100,
      rules: [{ t: 'set', p: 'round', pt: 'msg', to: `${n}`, tot: 'num' }],
      wires: wires('b3'),
    },
    {
      id: 'b3',
      type: 'function',
      z: 'benchtab',
      x: 100,
      y: 100,
      func: `msg.twice = msg.round * ${n % 2 === 0 ? 2 : 3};\nreturn msg;`,
      outputs: 1,
      wires: wires('b4'),
    },
    {
      id: 'b4',
      type: 'switch',
      z: 'benchtab',
      x: 100,
      y: 100,
      property: 'twice',
      rules: [{ t: 'gte', v: '0', vt: 'num' }],
      outputs: 1,
      wires: wires('b5'),
    },
    { id: 'b5', type: 'debug', z: 'benchtab', x: 100, y: 100, active: false, complete: 'payload', wires: [] },
  ];
}

/** The largest heartbeats on the wire: of the device here, and of an agent on which every sensor of a Raspberry Pi answers. */
async function heartbeats(): Promise<Row[]> {
  const root = await temporaryFolder('bench-pi');
  await cp(PI, root, { recursive: true });
  const vcgencmd = join(root, 'vcgencmd');
  await writeFile(vcgencmd, "#!/bin/sh\necho 'throttled=0xf000f'\n");
  await chmod(vcgencmd, 0o755);
  const full = await server.device('pi-with-all-sensors');
  const env = { DEVICE_ID: full.id, SERVER_URL: near.url, EDGE_DATA_DIR: join(root, 'edge') };
  const agent = new Agent({
    settings: readSettings(env),
    key: full.api_key,
    version: '1.2.3',
    clock: systemClock,
    log: silentLog,
    child: { entry: CHILD, env: process.env },
    machine: new Machine(systemReadings(root, vcgencmd)),
  });
  await agent.start();
  const own = () => tap.of(`/d/${full.id}/hb`);
  try {
    await edge.program.while('it has sent two heartbeats', () => own().length > 1, 90_000);
  } finally {
    await agent.stop();
  }
  // What its child had handed over last may still be on its way to the disk.
  await rm(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  const largest = (all: { bytes: number }[]) => Math.max(...all.map(({ bytes }) => bytes));
  const fields = (all: { payload: Buffer }[]) =>
    Object.keys((JSON.parse(all.at(-1)?.payload.toString() ?? '{}') as { health: object }).health).length;
  const all = own();
  const here = tap.of('/d/pi/hb');
  return [
    atMost(
      'largest heartbeat, whole MQTT packet, all sensors of a Pi',
      largest(all),
      1000,
      'B',
      ` (${fields(all)} fields of health)`,
    ),
    atMost(
      `the same of the device here, ${here.length} heartbeats`,
      largest(here),
      1000,
      'B',
      ` (${fields(here)} fields)`,
    ),
  ];
}

/** The agent at rest, with its flows running and a frame a second going through it, and a Node that does nothing. */
async function memory(): Promise<Row[]> {
  const bare = bareNode();
  try {
    await pause(REST_S * 1000);
    const agent = memoryOf(edge.program.pid);
    const flows = memoryOf(await edge.child());
    const nothing = memoryOf(bare.pid ?? 0);
    const text = ({ rss, pss, own }: typeof agent) => `RSS ${show(rss)}, PSS ${show(pss)}, own pages ${show(own)} MB`;
    return [
      atMost(
        `agent, resident, after ${ROUNDS + 1} deployments`,
        agent.rss,
        60,
        'MB',
        `, PSS ${show(agent.pss)}, own pages ${show(agent.own)} MB`,
      ),
      {
        what: 'a bare node -e beside it',
        measured: `${text(nothing)} (the agent is ${show(agent.rss / nothing.rss)}× in RSS)`,
      },
      { what: 'the flow process (camera, detection, Node-RED)', measured: text(flows) },
    ];
  } finally {
    bare.kill();
  }
}
