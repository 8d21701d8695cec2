import { median } from '../cpu.ts';
import type { Usage } from '../peers/answering.ts';
import { atMost, type Row, show } from './rows.ts';
import { pause, type Server, type Setting } from './setting.ts';

const CAMERAS = 8;
const ROUNDS = 3;
const WINDOW_MS = 3000;
const MEGABYTE = 1024 * 1024;

/** What one more camera of 2 Mbps that nobody watches costs the server's own process: reading it, taking it apart, keeping its last group. */
export async function hubCost(setting: Setting, server: Server): Promise<Row[]> {
  const clip = setting.clip('kept', { size: '1280x720', seconds: 10, bits: 2_000_000 });
  const idle = await load(server);
  // Code that runs for the first time is compiled, once for all cameras.
  await server.define('first', `file:${clip}`);
  await server.warm('first');
  const one = await load(server);
  const names = Array.from({ length: CAMERAS }, (_, n) => `kept-${n}`);
  for (const name of names) await server.define(name, `file:${setting.again(clip, name)}`);
  const statuses = await Promise.all(names.map((name) => server.warm(name)));
  const bits = statuses.reduce((sum, { bitsPerSecond }) => sum + bitsPerSecond, 0);
  const all = await load(server);
  const megabytes = (all.rss - one.rss) / CAMERAS / MEGABYTE;
  for (const name of names) await server.remove(name);
  await server.remove('first');
  const more = `; of ${CAMERAS} more at ${show(bits / CAMERAS / 1e6)} Mbps; the first: ${show(one.percent - idle.percent)} %`;
  return [
    atMost(
      'hub: CPU of one more camera, without its ffmpeg',
      (all.percent - one.percent) / CAMERAS,
      1,
      '% of a core',
      more,
    ),
    atMost('hub: memory of one more camera, without its ffmpeg', megabytes, 10, 'MB'),
  ];
}

async function load({ child }: Server): Promise<{ percent: number; rss: number }> {
  await pause(1500);
  const percents: number[] = [];
  let usage = await child.ask<Usage>('usage');
  for (let round = 0; round < ROUNDS; round += 1) {
    await pause(WINDOW_MS);
    const next = await child.ask<Usage>('usage');
    percents.push(((next.cpuMs - usage.cpuMs) * 100) / (next.atMs - usage.atMs));
    usage = next;
  }
  return { percent: median(percents), rss: await child.ask<number>('memory') };
}
