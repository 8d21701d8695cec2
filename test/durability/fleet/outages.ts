import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { DeviceRecord } from '../../../runtime/contracts/api.ts';
import { lives } from '../../support/programs.ts';
import type { ServerUnderTest } from '../../support/servers.ts';
import type { Tap } from '../../support/tap.ts';
import { until } from '../../support/until.ts';
import type { Wire } from '../../support/wire.ts';
import { type Claim, claim } from './claims.ts';
import type { EdgeDevice, Flows } from './edge-device.ts';

const PIECE_BYTES = 256 * 1024;
const BIG_BYTES = 6 * PIECE_BYTES;
const BUNDLES = '/api/v1/device/bundles/';

export interface OutageParts {
  server: ServerUnderTest;
  device: EdgeDevice;
  /** HTTP between device and server */
  tap: Tap;
  /** MQTT between device and server */
  mqtt: Wire;
  capture: Flows;
  /** how long the broker is away, and then the server, ms of real time: nothing here compresses it */
  awayMs: { broker: number; server: number };
  say: (line: string) => void;
}

/** Broker away, server away, network cut in the middle of a fetch; in the end all states are right and no frame is missing. */
export async function outages(parts: OutageParts): Promise<Claim[]> {
  const { device, server, say } = parts;
  const claims = [await brokerAway(parts)];
  say('the broker was away');
  claims.push(await serverAway(parts));
  say('the server was away');
  claims.push(await fetchCut(parts));
  say('fetches were cut');
  const broken: string[] = [];
  const { state, flow } = await record(parts);
  if (state !== 'online') broken.push(`the device is ${state}`);
  if (flow.phase !== 'active' || flow.drift || flow.revision !== flow.desired_revision)
    broken.push(`its flows are ${flow.phase}, ${flow.drift ? 'other than' : 'as'} they should be`);
  await device.edge.spoolDrains();
  const numbers = (await server.api.captures(device.id)).map(({ seq }) => seq);
  const missing = numbers.filter((seq, at) => seq !== at).length;
  if (missing > 0) broken.push(`${missing} frames are missing or twice there`);
  claims.push(
    claim(
      'afterwards all states are right and no frame is lost',
      `${state}, ${flow.phase}, ${numbers.length} frames without a gap`,
      broken,
    ),
  );
  return claims;
}

/** Frames go on by HTTP; a deployment waits and arrives with the broker. */
async function brokerAway(parts: OutageParts): Promise<Claim> {
  const { server, device, mqtt, capture } = parts;
  const awayMs = parts.awayMs.broker;
  const broken: string[] = [];
  await mqtt.cut('refused');
  const from = Date.now();
  const framesBefore = await server.api.lastSeq(device.id);
  await until(
    'the server knows that it is away',
    async () => (await deviceOf(server, device)).state === 'offline',
    120_000,
  ).catch(() => broken.push('the server did not notice'));
  const { id } = await device.deploy(tabs(capture, 'while the broker is away'), 1);
  await pause(Math.max(0, from + awayMs - Date.now()));
  const frames = (await server.api.lastSeq(device.id)) - framesBefore;
  // One picture a second; a busy machine may take fewer.
  if (frames < awayMs / 1000 / 3) broken.push(`only ${frames} frames came meanwhile`);
  await mqtt.mend();
  const back = performance.now();
  const end = await device.ended(id);
  if (end.state !== 'active') broken.push(`the deployment ended ${end.state}: ${end.reason}`);
  const took = Math.round((performance.now() - back) / 100) / 10;
  return claim(
    'broker away: the device goes on, and gets what it was sent meanwhile',
    `${awayMs / 1000} s of real time: ${frames} frames came; the deployment was active ${took} s after the broker was back`,
    broken,
  );
}

/** Frames wait on the device; the server comes back on the same data. */
async function serverAway({ server, device, awayMs: { server: awayMs } }: OutageParts): Promise<Claim> {
  const broken: string[] = [];
  const pids = [device.edge.program.pid, await device.edge.child()];
  const before = await server.api.lastSeq(device.id);
  await server.end('SIGKILL');
  const from = Date.now();
  await device.edge.hasSpooled(3);
  await pause(Math.max(0, from + awayMs - Date.now()));
  const waiting = await device.edge.spooled();
  await server.start();
  const last = Math.max(...waiting);
  await device.edge.program.while(
    'what waited arrives',
    async () => (await server.api.lastSeq(device.id)) >= last,
    180_000,
  );
  await device.framesGoOn();
  await until('it is online again', async () => (await deviceOf(server, device)).state === 'online', 120_000).catch(
    () => broken.push('the device was not online again within two minutes'),
  );
  const now = [device.edge.program.pid, await device.edge.child()];
  if (now.join() !== pids.join()) broken.push('agent or flow process were started anew');
  return claim(
    'server killed and away: frames wait on the device and arrive, in order',
    `${awayMs / 1000} s; ${waiting.length} frames waited, ${last - before} new ones arrived`,
    broken,
  );
}

/** A bundle of several pieces: answers are lost in the middle, and the agent is killed there; nothing is fetched a second time. */
async function fetchCut({ device, tap, capture }: OutageParts): Promise<Claim> {
  const broken: string[] = [];
  const from = tap.calls.length;
  const pieces = () => tap.calls.slice(from).filter(({ path }) => path.startsWith(BUNDLES));
  tap.delay(BUNDLES, 400);
  const { id } = await device.deploy(tabs(capture, 'x'.repeat(BIG_BYTES)), 1);
  await until('some pieces are there', () => pieces().length >= 2, 120_000);
  tap.disturb(BUNDLES, 'lose the answer');
  await until('an answer was lost', () => pieces().some(({ lost }) => lost), 120_000);
  const whole = () => pieces().filter(({ lost }) => !lost).length;
  const had = whole();
  await until('one more piece came after it', () => whole() > had, 180_000);
  const child = await device.edge.child();
  await device.edge.end('SIGKILL');
  await until('its flow process is gone', async () => !(await lives(child)), 60_000);
  const kept = (
    await readFile(join(device.edge.folder, 'edge', 'rollout', 'fetched.part')).catch(() => Buffer.alloc(0))
  ).length;
  if (kept < 2 * PIECE_BYTES) broken.push(`only ${kept} bytes were kept over the kill`);
  device.edge.start();
  const end = await device.ended(id);
  tap.delay(BUNDLES, 0);
  if (end.state !== 'active') broken.push(`it ended ${end.state}: ${end.reason}`);
  const starts = pieces().map(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1]));
  const first = starts.filter((start) => start === 0).length;
  if (first !== 1) broken.push(`it began ${first} times at the first byte`);
  // The one whose answer was lost, and the one that was under way at the kill, may come again; no other.
  const again = starts.length - new Set(starts).size;
  if (again > 2) broken.push(`${again} pieces were fetched again`);
  const resumed = pieces().findLast(({ headers }) => headers.range !== undefined);
  return claim(
    'network cut in the middle of a fetch, and the agent killed there: it goes on by range',
    `${new Set(starts).size} pieces, ${again} asked for again, ${Math.round(kept / 1024)} kB kept over the kill, last ${resumed?.headers.range ?? '-'}`,
    broken,
  );
}

function tabs(capture: Flows, note: string) {
  const tab = { id: 'outage', type: 'tab', label: 'Outage', info: note };
  return { 'capture.json': JSON.stringify(capture), 'outage.json': JSON.stringify([tab]) };
}

function deviceOf(server: ServerUnderTest, { id }: EdgeDevice): Promise<DeviceRecord> {
  return server.api.get<DeviceRecord>(`/devices/${id}`);
}

async function record({ server, device }: OutageParts): Promise<DeviceRecord> {
  // The last word of a deployment and the state follow each other within moments.
  return until(
    'the device is at rest',
    async () => {
      const found = await deviceOf(server, device);
      return found.state === 'online' && found.flow.phase === 'active' && found;
    },
    60_000,
  ).catch(() => deviceOf(server, device));
}
