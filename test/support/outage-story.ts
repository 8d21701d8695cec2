import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { lives } from './programs.ts';
import type { EdgeUnderTest, ServerUnderTest } from './servers.ts';
import { waitingFrames } from './spool-facts.ts';
import { until } from './until.ts';
import type { Wire } from './wire.ts';

/** Seen from outside: what the server had, what the edge had. */
export interface Outage {
  /** epoch ms */
  from: number;
  to: number;
  /** the server's highest number soon after the cut, and before the mending */
  heldAt: number;
  stillAt: number;
  /** in the spool at the end of it (of the reboot: right after the kill), by number: fingerprint of the picture */
  waiting: Map<number, string>;
}

interface Place {
  server: ServerUnderTest;
  edge: EdgeUnderTest;
  device: string;
  wire: Wire;
}

/** Frames that pile up before something else is done to the edge. */
const SOME = 10;

/** Pulls the cable for so long, in real time, plugs it in again, and waits until the edge has nothing left to send. */
export async function cableCut(place: Place, ms: number): Promise<Outage> {
  const { server, edge, device, wire } = place;
  await wire.cut('silent');
  const from = Date.now();
  await edge.hasSpooled(SOME);
  const heldAt = await server.api.lastSeq(device);
  // The one wait that is the claim itself.
  await pause(from + ms - Date.now());
  const stillAt = await server.api.lastSeq(device);
  const waiting = await waitingFrames(edge);
  await wire.mend();
  const to = Date.now();
  await settled(place, Math.max(...waiting.keys()));
  return { from, to, heldAt, stillAt, waiting };
}

/** Takes the device's power while the network is away, starts it on the same folder without network, and mends the network later. */
export async function rebootWithoutNetwork(place: Place): Promise<Outage> {
  const { server, edge, device, wire } = place;
  await wire.cut('refused');
  const from = Date.now();
  await edge.hasSpooled(SOME);
  const heldAt = await server.api.lastSeq(device);
  const child = await edge.child();
  assert.equal(await edge.end('SIGKILL'), 'SIGKILL');
  await until('the child is gone, too', async () => !(await lives(child)), 20_000);
  const waiting = await waitingFrames(edge);
  edge.start();
  await edge.hasSpooled(waiting.size + SOME);
  const stillAt = await server.api.lastSeq(device);
  await wire.mend();
  const to = Date.now();
  await settled(place, Math.max(...waiting.keys()));
  return { from, to, heldAt, stillAt, waiting };
}

/** The spool is empty, what had waited is there, and new frames go on. */
async function settled({ server, edge, device }: Place, last: number): Promise<void> {
  await edge.program.while('the spool drains', async () => (await edge.spooled()).length <= 1, 60_000);
  await edge.program.while(
    'new frames arrive',
    async () => (await server.api.lastSeq(device)) > last + 2 * SOME,
    30_000,
  );
}
