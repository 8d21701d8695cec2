import { setTimeout as pause } from 'node:timers/promises';
import { lives } from '../../support/programs.ts';
import { random } from '../../support/scenes.ts';
import { until } from '../../support/until.ts';
import { type Claim, claim, timesOf } from './claims.ts';
import type { EdgeDevice, Flows } from './edge-device.ts';

const PROBATION_S = 1;
const NODES = 6;

/**
 * So many kill -9 at random points of a deployment, of the agent or of its flow process, shared out among the devices. The device has to come
 * back with the old or the new flows, whole, and pictures go on.
 */
export async function killsDuringDeployments(
  devices: readonly EdgeDevice[],
  options: { count: number; seed: number; capture: Flows; say: (line: string) => void; isOver: () => boolean },
): Promise<Claim[]> {
  const { count, seed, capture, say, isOver } = options;
  const neither: string[] = [];
  const wrong: string[] = [];
  const backMs: number[] = [];
  const ran = { old: 0, new: 0 };
  const killed = { agent: 0, child: 0 };
  const phases = new Map<string, number>();
  let next = 0;
  const lane = async (device: EdgeDevice, number: number) => {
    const draw = random(seed * 100 + number);
    draw();
    const files = (n: number) => ({
      'capture.json': JSON.stringify(capture),
      'versions.json': JSON.stringify(version(n)),
    });
    let old = number * 1_000_000;
    const first = await device.ended((await device.deploy(files(old), PROBATION_S)).id);
    if (first.state !== 'active') throw new Error(`the first flows ended ${first.state}: ${first.reason}`);
    // What a whole deployment takes here and now, from its sending to its end; kills come at any moment of it.
    let span = first.tookMs;
    while (next < count && !isOver()) {
      const n = next;
      next += 1;
      const fresh = number * 1_000_000 + n + 1;
      const victim = draw() < 0.5 ? 'agent' : 'child';
      const afterMs = draw() * span * 1.1;
      const { id } = await device.deploy(files(fresh), PROBATION_S);
      await pause(afterMs);
      const phase = await device.phase(id);
      await kill(device, victim);
      killed[victim] += 1;
      phases.set(phase, (phases.get(phase) ?? 0) + 1);
      const struck = performance.now();
      const what = `kill ${n + 1} of the ${victim} after ${Math.round(afterMs)} ms (${phase})`;
      const boot = versionOf(await device.running());
      backMs.push(performance.now() - struck);
      if (boot !== old && boot !== fresh) neither.push(`${what}: ${boot} runs, not ${old} or ${fresh}`);
      const end = await device.ended(id);
      await device.framesGoOn();
      const now = versionOf(await device.running());
      const due = end.state === 'active' ? fresh : old;
      if (now !== due) wrong.push(`${what}: ${end.state}, but ${now} runs in place of ${due}`);
      if (!['active', 'rolled_back'].includes(end.state)) wrong.push(`${what}: ended ${end.state}, ${end.reason}`);
      ran[now === fresh ? 'new' : 'old'] += 1;
      // One that was over before the kill took as long as they do.
      if (phase === 'active') span = (span + end.tookMs) / 2;
      if (now === fresh) old = fresh;
      say(`${what} on ${device.id}: booted ${boot === fresh ? 'new' : 'old'}, ended ${end.state}`);
    }
  };
  // A lane that cannot go on is told; the others do.
  await Promise.all(
    devices.map((device, at) =>
      lane(device, at + 1).catch((error: unknown) => void wrong.push(`${device.id}: ${String(error).split('\n')[0]}`)),
    ),
  );
  const done = killed.agent + killed.child;
  const cut = done < count ? [`only ${done} of ${count} were run`] : [];
  const when = [...phases].map(([name, times]) => `${times} ${name}`).join(', ');
  return [
    claim(
      `${count} kill -9 at random points of a deployment: old or new boots, never neither or both`,
      `${killed.agent} of the agent, ${killed.child} of the flow process, while ${when}; flows answer again: ${timesOf(backMs)}`,
      [...cut, ...neither],
    ),
    claim('and what the server is told in the end is what runs', `${ran.new} new, ${ran.old} old`, [...cut, ...wrong]),
  ];
}

async function kill({ edge }: EdgeDevice, victim: 'agent' | 'child'): Promise<void> {
  const child = await edge.child().catch(() => 0);
  if (victim === 'child') {
    if (child > 0 && (await lives(child))) process.kill(child, 'SIGKILL');
    return;
  }
  await edge.end('SIGKILL');
  if (child > 0) await until('its flow process is gone', async () => !(await lives(child)), 60_000);
  edge.start();
}

/** Nodes that all carry the number of their version. */
function version(n: number): Flows {
  const nodes = Array.from({ length: NODES }, (_, at) => ({
    id: `v${at}`,
    type: 'comment',
    z: 'versions',
    name: `version ${n}`,
    x: 100,
    y: 100 + at,
    wires: [],
  }));
  return [{ id: 'versions', type: 'tab', label: `version ${n}` }, ...nodes];
}

/** The one version of which all nodes are; NaN for a mixture, or none. */
function versionOf({ flows }: { flows: readonly object[] }): number {
  const mine = (flows as Flows).filter(({ id, z }) => id === 'versions' || z === 'versions');
  const numbers = new Set(mine.map(({ name, label }) => Number(/^version (\d+)$/.exec(String(name ?? label))?.[1])));
  const captures = (flows as Flows).filter(({ type }) => type === 'camera-capture').length;
  return mine.length === NODES + 1 && numbers.size === 1 && captures === 1
    ? ([...numbers][0] ?? Number.NaN)
    : Number.NaN;
}
