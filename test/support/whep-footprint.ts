import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { datachannelEngine } from '../../runtime/media/whep/datachannel-engine.ts';
import { createWhep } from '../../runtime/media/whep/whep.ts';
import { childCommands } from './children.ts';
import { Players } from './players.ts';
import { freeUdpPort } from './ports.ts';
import { FakeStreams, recordClip } from './stream-fixture.ts';
import { until } from './until.ts';

/**
 * A process that serves WHEP and nothing else: opens and closes sessions of players in another process, and prints as JSON what it holds
 * after the first 600, when allocators have grown to what they need (seen: after 200 they have not), and after 200 more, three times.
 */
const AT_ONCE = 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const streams = new FakeStreams();
streams.play('gate', await recordClip({ width: 160, height: 90, fps: 10, seconds: 2 }));
const common = { clock: systemClock, log: silentLog };
const udpPort = await freeUdpPort();
const engine = datachannelEngine({ ...common, udpPort, bindAddress: '127.0.0.1' });
const whep = createWhep({ ...common, streams, engine, udpPort, iceServers: () => [] });
await whep.start();
const players = new Players();

async function sessions(count: number): Promise<void> {
  for (let done = 0; done < count; done += AT_ONCE) {
    for (const secret of await players.watch(whep, AT_ONCE)) whep.close('gate', secret);
    await players.leave();
  }
}

async function held() {
  await until('nobody reads', () => streams.status('gate').readers === 0);
  collect();
  // What the collector let go of ends in turns of its own.
  await new Promise((resolve) => setTimeout(resolve, 200));
  collect();
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    children: (await childCommands()).length,
    memoryKb: Number(kilobytes),
    sessions: whep.sessions().length,
  };
}

await sessions(600);
const before = await held();
const after: (typeof before)[] = [];
for (let round = 0; round < 3; round += 1) {
  await sessions(200);
  after.push(await held());
}
process.stdout.write(`${JSON.stringify({ before, after })}\n`);
await players.kill();
await whep.stop();
await streams.close();
