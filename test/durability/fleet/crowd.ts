import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { FrameLoad } from '../../../bench/frame-load.ts';
import type { ServerUnderTest } from '../../support/servers.ts';
import { realPictures } from '../pictures.ts';
import { type Claim, claim, quantile } from './claims.ts';
import type { Gathering, Return } from './crowd-clients.ts';

const SENDERS = 16;
const PER_SECOND = 40;
const SECONDS = 10;
/** Devices registered at a time. */
const AT_ONCE = 8;
const ALL_BACK_MS = 30_000;
const CONNECT_MS = 2000;

/**
 * So many devices lose their connections at the same moment and come back, a few times; meanwhile frames of others are sent at a fixed rate, and
 * beforehand too, with everybody connected.
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
  const answer = async () => ((await once(child, 'message')) as [Return[]])[0];
  const returns: Return[] = [];
  const p99 = { before: [] as number[], during: [] as number[] };
  try {
    child.send({ port, site, seed, devices } satisfies Gathering);
    await answer();
    say('all are connected');
    // The first frames of a server are slow for reasons of their own.
    await load.closed(500, SENDERS);
    for (let round = 0; round < rounds; round += 1) {
      p99.before.push(quantile(await load.open(PER_SECOND, SECONDS), 0.99));
      const back = answer();
      const during = load.open(PER_SECOND, SECONDS);
      await pause(500);
      child.send('drop');
      returns.push(...(await back));
      p99.during.push(quantile(await during, 0.99));
      const worst = Math.max(...returns.slice(-count).map(({ backMs }) => backMs));
      say(
        `return ${round + 1}: all back after ${Math.round(worst)} ms; ingest p99 ${ms(p99.before.at(-1))} → ${ms(p99.during.at(-1))}`,
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
  const against = (isBroken: boolean, why: string) => (isBroken ? [why] : []);
  return [
    claim(
      `${count} MQTT clients come back at once: all within 30 s`,
      `${returns.length} returns in ${rounds} rounds, the last one ${ms(last)} after the drop, ${refused} attempts refused`,
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

async function register(server: ServerUnderTest, name: string, count: number): Promise<{ id: string; key: string }[]> {
  const made: { id: string; key: string }[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const id = `${name}-${next}`;
      next += 1;
      made.push({ id, key: (await server.device(id)).api_key });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return made;
}

function ms(value = Number.NaN): string {
  return `${Math.round(value)} ms`;
}
