import assert from 'node:assert/strict';
import type { DeviceWithKey } from '../../runtime/contracts/api.ts';
import { lives } from '../support/programs.ts';
import { assertNoGap } from '../support/server-api.ts';
import { EdgeUnderTest, jobsSettle, ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

const DEVICE = 'porch';
/** Frames that wait when the server comes back: at five a second, an outage of two seconds. */
const OUTAGE_FRAMES = 10;

describe('what breaks comes back, and no frame is lost or doubled', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  let edge: EdgeUnderTest;
  let device: DeviceWithKey;

  before(async () => {
    server = await ServerUnderTest.start();
    device = await server.device(DEVICE);
    await server.api.put(`/devices/${DEVICE}/config`, { capture_interval_s: 0.2, width: 320, height: 180 });
    edge = await EdgeUnderTest.start(server, device, 'sim:gradient');
    await framesGoOn(10);
  });

  after(async () => {
    await edge?.end();
    await server?.end();
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`the server ends by ${signal} and starts again: the edge keeps its frames, then sends them`, async () => {
      const pids = [edge.program.pid, await edge.child()];
      assert.equal(await server.end(signal), signal === 'SIGTERM' ? 0 : 'SIGKILL');
      await edge.hasSpooled(OUTAGE_FRAMES);
      const waiting = await edge.spooled();
      await server.start();
      await edge.spoolDrains();
      await framesGoOn(5);
      assertNoGap(await server.api.captures(DEVICE));
      assert.ok((await server.api.lastSeq(DEVICE)) > Math.max(...waiting), 'what had waited was taken');
      assert.deepEqual([edge.program.pid, await edge.child()], pids, 'the edge was not touched by it');
    });
  }

  it('the child that runs the flows is killed: the agent starts another one, and frames go on', async () => {
    const killed = await edge.child();
    process.kill(killed, 'SIGKILL');
    const next = await edge.child(killed);
    assert.notEqual(next, killed);
    await framesGoOn(5);
    assertNoGap(await server.api.captures(DEVICE));
  });

  it('the agent is killed: its child goes with it, and the next one goes on with the numbers', async () => {
    const child = await edge.child();
    const before = await server.api.lastSeq(DEVICE);
    assert.equal(await edge.end('SIGKILL'), 'SIGKILL');
    await until('the child is gone', async () => !(await lives(child)));
    edge.start();
    await framesGoOn(5);
    assert.ok((await server.api.lastSeq(DEVICE)) >= before + 5);
    assertNoGap(await server.api.captures(DEVICE));
  });

  it('all frames of all that are analysed, none twice', async () => {
    assert.equal(await edge.end(), 0);
    const counts = await jobsSettle(server.api);
    const captures = await server.api.captures(DEVICE);
    assertNoGap(captures);
    assert.equal(new Set(captures.map(({ id }) => id)).size, captures.length);
    assert.deepEqual(counts, { queued: 0, running: 0, done: captures.length, failed: 0, dead: 0 });
    assert.equal(await server.end(), 0);
  });

  /** Waits until the server has so many more frames than now. */
  async function framesGoOn(count: number): Promise<void> {
    const from = await server.api.lastSeq(DEVICE);
    await server.program.while(
      `${count} more frames arrive`,
      async () => (await server.api.lastSeq(DEVICE)) >= from + count,
      60_000,
    );
  }
});
