import assert from 'node:assert/strict';
import { HeartbeatLoop } from '../../../edge/agent/heartbeat.ts';
import { Gate } from '../../../edge/agent/rollout/gate.ts';
import { GoodWatch } from '../../../edge/agent/rollout/good-watch.ts';
import { PinnedKey } from '../../../edge/agent/rollout/pinned-key.ts';
import { Rollout } from '../../../edge/agent/rollout/rollout.ts';
import { Slots } from '../../../edge/agent/rollout/slots.ts';
import { NoAnswer } from '../../../edge/agent/server-http.ts';
import { ServerTime } from '../../../edge/agent/server-time.ts';
import { SessionNumber } from '../../../edge/agent/session-number.ts';
import { Reservation } from '../../../edge/spool/reservation.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { frame, labelOf, spoolIn } from '../spool/support.ts';
import { makeBundle, tab, testSigner } from './rollout/bundles.ts';
import { MemoryDisk } from './rollout/memory-disk.ts';

const YEARS = 56 * 365 * 86_400_000;
const HOUR = 3_600_000;

describe('a device whose clock starts in 1970 and jumps', () => {
  it('numbers and keeps its frames in the order in which it took them, also across a restart', async () => {
    const clock = new FakeClock(5000);
    const folder = await temporaryFolder('clocks');
    const taken: (number | undefined)[] = [];
    let spool = spoolIn(folder, { clock });
    await spool.start();
    await spool.settle(-1);
    for (const jump of [0, YEARS, -HOUR, 2 * HOUR]) {
      clock.jump(jump);
      taken.push((await spool.add(frame(`at ${clock.now()}`))).seq);
    }
    await spool.stop();
    clock.jump(-YEARS);
    spool = spoolIn(folder, { clock });
    await spool.start();
    taken.push((await spool.add(frame('back in 1970'))).seq);
    assert.deepEqual(taken, [0, 1, 2, 3, 4]);
    const labels: string[] = [];
    for (let next = await spool.take(); next; next = await spool.take()) {
      labels.push(labelOf(next.frame));
      await spool.acknowledge(next.seq);
    }
    const [first, second, third, fourth] = [5000, 5000 + YEARS, 5000 + YEARS - HOUR, 5000 + YEARS + HOUR];
    assert.deepEqual(labels, [`at ${first}`, `at ${second}`, `at ${third}`, `at ${fourth}`, 'back in 1970']);
    await spool.stop();
  });

  it('says how it is every 30 s, neither sooner nor later', async () => {
    const clock = new FakeClock(0);
    const beats: number[] = [];
    const loop = new HeartbeatLoop({
      device: 'pi',
      measure: async () => ({}),
      beat: () => beats.push(clock.monotonicMs()) > 0,
      call: async () => assert.fail('there is MQTT'),
      clock,
      log: silentLog,
    });
    await loop.start();
    await clock.advance(4000);
    clock.jump(YEARS);
    await clock.advance(28_000);
    assert.deepEqual(beats, [3000]);
    clock.jump(-HOUR);
    await clock.advance(2000);
    await clock.advance(30_000);
    assert.deepEqual(beats, [3000, 33_000, 63_000]);
    await loop.stop();
  });

  it('knows the time of the server and by how much its own is wrong', async () => {
    const clock = new FakeClock(0);
    const time = new ServerTime(clock);
    assert.deepEqual([time.skewMs(), time.clockOk()], [undefined, undefined]);
    time.hear(new Date(YEARS).toUTCString());
    assert.deepEqual([time.skewMs(), time.clockOk()], [YEARS + 500, false]);
    clock.jump(YEARS);
    assert.deepEqual([time.skewMs(), time.clockOk(), time.now()], [500, true, YEARS + 500]);
    clock.jump(-HOUR);
    await clock.advance(60_000);
    assert.deepEqual([time.skewMs(), time.clockOk(), time.now()], [HOUR + 500, false, YEARS + 60_500]);
  });

  it('has new flows stand their whole probation, and good ones not fail for a jump', async () => {
    const clock = new FakeClock(0);
    const verdicts: (string | undefined)[] = [];
    let frames = 0;
    const gate = new Gate({
      clock,
      limits: { probationMs: 60_000, startMs: 45_000, silenceMs: 10_000, maxRssMb: 400 },
      gates: {},
      framesExpected: true,
      captureIntervalMs: () => 1000,
      frames: () => frames,
      upload: () => ({ state: 'idle', frames: 0, bytes: 0, sent: 5, rejected: 0, dropped: 0 }),
      ping: () => setImmediate(() => gate.pong()),
      onVerdict: (failure) => verdicts.push(failure),
    });
    gate.hear({ flows: 'running', rssMb: 1 });
    frames = 9;
    await clock.advance(20_000);
    clock.jump(YEARS);
    await clock.advance(35_000);
    clock.jump(-2 * HOUR);
    assert.deepEqual(verdicts, []);
    await clock.advance(7000);
    assert.deepEqual(verdicts, [undefined]);

    const loops: string[] = [];
    const watch = new GoodWatch({ clock, onLoop: (reason) => loops.push(reason), onStood: () => undefined });
    // Three ends, hours apart for who looks at the wall and ten minutes apart in truth.
    for (let n = 0; n < 3; n += 1) {
      watch.started();
      await clock.advance(600_000);
      clock.jump(-600_000);
      watch.ended('by SIGSEGV');
    }
    assert.deepEqual(loops, []);
    watch.forget();
  });

  it('takes a higher number for each connection', async () => {
    const clock = new FakeClock(Date.UTC(2026, 0));
    const folder = await temporaryFolder('sessions');
    const next = () => new SessionNumber(new Reservation(`${folder}/session.json`), clock).next();
    const first = await next();
    clock.jump(-YEARS);
    const second = await next();
    assert.ok(second > first, `${first}, ${second}`);
  });
});

describe('a device that starts without a network', () => {
  it('runs the flows that were last good, whatever the clock says, and goes on waiting for word', async () => {
    const clock = new FakeClock(0);
    const disk = new MemoryDisk();
    const { text, bundle } = makeBundle(testSigner(), {
      generation: 1_795_000_000_000,
      flows: tab({ id: 'good', type: 'comment' }),
    });
    const slots = new Slots({ folder: '/r', disk, log: silentLog, now: () => clock.now() });
    await slots.open();
    await slots.switchTo(await slots.stage({ text, bundle }));
    await slots.confirm();
    const keys = new PinnedKey({ file: '/r/key.json', disk, log: silentLog });
    const rollout = new Rollout({
      device: 'pi',
      folder: '/r',
      disk: disk.restarted(true),
      keys,
      call: async () => {
        throw new NoAnswer('no network');
      },
      clock,
      log: silentLog,
      limits: { probationMs: 60_000, startMs: 45_000, silenceMs: 10_000, maxRssMb: 400 },
      captureIntervalMs: () => 1000,
      upload: () => ({ state: 'waiting', frames: 0, bytes: 0, sent: 0, rejected: 0, dropped: 0 }),
      nodeTypes: () => ['comment'],
      restart: () => assert.fail('nothing is to be switched'),
      handOver: () => assert.fail('nothing is to be switched'),
      ping: () => undefined,
      report: () => undefined,
    });
    await rollout.start();
    const { slot, flows } = rollout.load();
    assert.equal(slot, 'A');
    assert.deepEqual(flows?.map(({ id }) => id).includes('good'), true);
    assert.equal(rollout.current().revision, bundle.manifest.revision);
    assert.equal(rollout.isUpdating, false);
    await clock.advance(600_000);
    assert.equal(rollout.load().slot, 'A');
    await rollout.stop();
  });
});
