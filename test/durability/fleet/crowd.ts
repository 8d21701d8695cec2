import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cpuSeconds } from '../../../bench/cpu.ts';
import { FrameLoad } from '../../../bench/frame-load.ts';
import type { DeviceRecord, Page } from '../../../runtime/contracts/api.ts';
import type { ServerUnderTest } from '../../support/servers.ts';
import { until } from '../../support/until.ts';
import { realPictures } from '../pictures.ts';
import { type Claim, claim, quantile } from './claims.ts';
import type { CrowdDevice, Gathering, Return, Returned } from './crowd-clients.ts';

const SENDERS = 16;
const PER_SECOND = 40;
const SECONDS = 10;
/** Devices registered at a time. */
const AT_ONCE = 8;
const ALL_BACK_MS = 30_000;
const CONNECT_MS = 2000;

/** CPU that something used up, ms, by who. */
interface Used {
  server: number;
  postgres: number;
  /** the crowd, and who sends the frames */
  load: number;
}

/**
 * So many devices lose their connections at the same moment and come back, a few times; meanwhile frames of others are sent at a fixed rate, and
 * beforehand too, with everybody connected. What a return costs is the difference of the two, with the same frames in both.
 */
export async function crowd(
  server: ServerUnderTest,
  options: { count: number; rounds: number; seed: number; mqttPort: number; site: string; say: (line: string) => void },
): Promise<Claim[]> {
  const { count, rounds, seed, mqttPort: port, site, say } = options;
  const devices = await register(server, 'crowd', count);
  const senders = (await register(server, 'sender', SENDERS)).map((device) => ({ ...device, seq: 0 }));
  say(`${count} devices are registered`);
  const { jpeg, width, height } = (await realPictures())[3] ?? { jpeg: Buffer.alloc(0), width: 0, height: 0 };
  const load = new FrameLoad({
    url: server.url,
    devices: senders,
    jpeg,
    size: { width, height },
    connections: SENDERS,
  });
  const child = fork(join(import.meta.dirname, 'crowd-clients.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const answer = async () => ((await once(child, 'message')) as [Returned])[0];
  const used = (): Used => usedBy(server.program.pid, child.pid ?? 0);
  const returns: Return[] = [];
  const p99 = { before: [] as number[], during: [] as number[] };
  const costs: Used[] = [];
  const onlineMs: number[] = [];
  try {
    child.send({ port, site, seed, devices } satisfies Gathering);
    await answer();
    say('all are connected');
    // The first frames of a server are slow for reasons of their own.
    await load.closed(10 * SENDERS, SENDERS);
    for (let round = 0; round < rounds; round += 1) {
      await settled(server);
      const quiet = used();
      p99.before.push(quantile(await load.open(PER_SECOND, SECONDS), 0.99));
      await settled(server);
      const begin = used();
      const back = answer();
      const during = load.open(PER_SECOND, SECONDS);
      await pause(500);
      const dropped = performance.now();
      child.send('drop');
      returns.push(...(await back).returns);
      p99.during.push(quantile(await during, 0.99));
      await settled(server);
      const cost = less(less(used(), begin), less(begin, quiet));
      costs.push(cost);
      await until(
        'all are online for the server',
        async () => (await online(server)) >= count || (await pause(500, false)),
        120_000,
      );
      onlineMs.push(performance.now() - dropped);
      const worst = Math.max(...returns.slice(-count).map(({ backMs }) => backMs));
      say(
        `return ${round + 1}: all back after ${Math.round(worst)} ms; ingest p99 ${ms(p99.before.at(-1))} → ${ms(p99.during.at(-1))}; CPU each ${shares(cost, count)}`,
      );
    }
  } finally {
    load.close();
    child.kill();
  }
  const connects = returns.map(({ connectMs }) => connectMs);
  const last = Math.max(...returns.map(({ backMs }) => backMs));
  const refused = returns.reduce((sum, one) => sum + one.refused, 0);
  const ratio = quantile(
    p99.during.map((during, at) => during / (p99.before[at] ?? Number.NaN)),
    0.5,
  );
  const middle = costs.toSorted((one, other) => one.server - other.server)[Math.floor(costs.length / 2)];
  const against = (isBroken: boolean, why: string) => (isBroken ? [why] : []);
  return [
    claim(
      `${count} MQTT clients come back at once: all within 30 s`,
      `${returns.length} returns in ${rounds} rounds, the last one ${ms(last)} after the drop, ${refused} attempts refused; all online in the register within ${ms(Math.max(...onlineMs))}; CPU of a return: ${middle ? shares(middle, count) : '-'}`,
      against(!(last <= ALL_BACK_MS) || returns.length < count * rounds, 'not all were back in time'),
    ),
    claim(
      'CONNECT p99 below 2 s',
      `p50 ${ms(quantile(connects, 0.5))}, p99 ${ms(quantile(connects, 0.99))}, worst ${ms(Math.max(...connects))}`,
      against(!(quantile(connects, 0.99) < CONNECT_MS), 'it took longer'),
    ),
    claim(
      'ingest p99 is not doubled by it',
      `${PER_SECOND} frames/s: before ${p99.before.map(ms).join(', ')}; during ${p99.during.map(ms).join(', ')}; median ratio ${ratio.toFixed(2)}`,
      against(!(ratio <= 2), `it is ${ratio.toFixed(2)} times as long`),
    ),
  ];
}

/** PostgreSQL is a child of this process, as the server and the crowd are: what is left of the whole is its. */
function usedBy(server: number, crowdClients: number): Used {
  const own = process.cpuUsage();
  const self = (own.user + own.system) / 1000;
  const [all, byServer, byCrowd] = [process.pid, server, crowdClients].map((pid) => cpuSeconds(pid) * 1000);
  const [whole = 0, theServer = 0, clients = 0] = [all, byServer, byCrowd];
  return { server: theServer, load: self + clients, postgres: whole - theServer - clients - self };
}

function less(one: Used, other: Used): Used {
  return {
    server: one.server - other.server,
    postgres: one.postgres - other.postgres,
    load: one.load - other.load,
  };
}

function shares(used: Used, count: number): string {
  const each = (value: number) => `${Math.round((value * 1000) / count)} µs`;
  return `server ${each(used.server)}, PostgreSQL ${each(used.postgres)}, who makes the load ${each(used.load)}`;
}

/** Waits until every frame has been analysed: what that costs belongs to the frames. */
async function settled(server: ServerUnderTest): Promise<void> {
  await until(
    'all frames are analysed',
    async () => {
      const { queued, running } = await server.api.get<Record<string, number>>('/jobs/counts');
      return (queued === 0 && running === 0) || (await pause(250, false));
    },
    120_000,
  );
}

/** How many of the crowd the register has online. */
async function online(server: ServerUnderTest): Promise<number> {
  let found = 0;
  for (let cursor = ''; ; ) {
    const page = await server.api.get<Page<DeviceRecord>>(`/devices?limit=200${cursor}`);
    found += page.items.filter(({ id, state }) => id.startsWith('crowd-') && state === 'online').length;
    if (page.next === null) return found;
    cursor = `&cursor=${encodeURIComponent(page.next)}`;
  }
}

async function register(server: ServerUnderTest, name: string, count: number): Promise<CrowdDevice[]> {
  const made: CrowdDevice[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const id = `${name}-${next}`;
      next += 1;
      const { api_key: key, cameras } = await server.device(id);
      made.push({ id, key, camera: cameras[0] ?? id });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return made;
}

function ms(value = Number.NaN): string {
  return `${Math.round(value)} ms`;
}
