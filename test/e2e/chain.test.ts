import assert from 'node:assert/strict';
import sharp from 'sharp';
import type { CaptureRecord, DeviceRecord, DeviceWithKey } from '../../runtime/contracts/api.ts';
import type { EventRecord } from '../../runtime/contracts/events.ts';
import { shelfRois, shelfTime, shelfTimetable } from '../../runtime/media/sim/shelf-timetable.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { assertNoGap } from '../support/server-api.ts';
import { EdgeUnderTest, jobsSettle, ServerUnderTest } from '../support/servers.ts';

const DEVICE = 'shelf-pi';
const CAMERA = `${DEVICE}-cam`;
/** The scene's hand comes every 12 s and stays for 5. */
const NEXT_EVENT_MS = 45_000;

// MQTT carries the same events from the same outbox, but nobody may read them there yet: a device hears only what is meant for it, and
// people have no app password so far. What the broker sends is looked at in its own tests.
for (const database of ['PGlite', 'PostgreSQL'] as const) {
  describe(`a simulated Pi's frames become events (${database})`, function () {
    this.timeout(120_000);
    let server: ServerUnderTest;
    let edge: EdgeUnderTest;
    let device: DeviceWithKey;
    let roiVersion: number;
    let stream: Awaited<ReturnType<ServerUnderTest['api']['stream']>>;
    let modes: string[];
    let event: EventRecord;

    before(async () => {
      server = await ServerUnderTest.start(
        database === 'PostgreSQL' ? { DATABASE_URL: (await startPostgres()).url() } : undefined,
      );
      device = await server.device(DEVICE);
      await server.api.put(`/devices/${DEVICE}/config`, {
        capture_interval_s: 0.5,
        burst_fps: 5,
        // As long as the window in which its frames are looked at below.
        burst_duration_s: 4,
        burst_cooldown_s: 0,
        interaction_threshold: 0.09,
        interaction_end_timeout_s: 1,
      });
      roiVersion = (await server.api.put<{ version: number }>(`/cameras/${CAMERA}/rois`, { rois: shelfRois })).version;
      stream = await server.api.stream();
      edge = await EdgeUnderTest.start(server, device, 'sim:shelf');
    });

    after(async () => {
      stream?.close();
      await edge?.end();
      await server?.end();
    });

    it('an interaction is detected where and when the hand comes', async () => {
      const { captured_at } = await server.program.while(
        'the first frame arrives',
        async () => (await server.api.captures(DEVICE))[0],
      );
      modes = [];
      event = await server.program.while(
        'an interaction has begun and ended',
        async () => {
          const { mode } = await server.api.get<DeviceRecord>(`/devices/${DEVICE}`);
          if (mode !== modes.at(-1)) modes.push(mode);
          const closed = (await server.api.events('interaction_detected')).filter(({ state }) => state === 'closed');
          return closed.find((one) => wasWatched(one, Date.parse(captured_at)));
        },
        NEXT_EVENT_MS,
      );
      const visit = visitOf(event);
      assert.ok(visit, `no visit of the hand fits ${JSON.stringify(event)}`);
      assert.equal(event.stock_changed, visit.stockChanged);
      assert.equal(event.device, DEVICE);
      assert.equal(event.camera, CAMERA);
      assert.ok(Date.parse(event.ended_at ?? '') > Date.parse(event.started_at));
    });

    it('its pictures are JPEGs of the right size, copied from the frames that it names', async () => {
      const captures = new Map((await server.api.captures(DEVICE)).map((capture) => [capture.id, capture]));
      const named = event.details.captures as Record<string, string>;
      const shown: CaptureRecord[] = [];
      for (const role of ['pre', 'during', 'post'] as const) {
        const picture = await server.api.picture(event.images[role] ?? `no picture "${role}"`);
        const { format, width, height } = await sharp(picture).metadata();
        const capture = captures.get(named[role] ?? '');
        assert.ok(capture, `the ${role} frame is one of the captures`);
        assert.deepEqual({ format, width, height }, { format: 'jpeg', width: capture.width, height: capture.height });
        assert.ok(
          picture.equals(await server.api.picture(capture.image)),
          `${role} is the capture as the device sent it`,
        );
        shown.push(capture);
      }
      const [pre, during, post] = shown.map(({ captured_at }) => Date.parse(captured_at));
      assert.ok(pre !== undefined && during !== undefined && post !== undefined && pre < during && during < post);
      const thumb = await sharp(await server.api.picture(event.images.thumb ?? 'no thumb')).metadata();
      assert.equal(thumb.format, 'jpeg');
      assert.ok(thumb.width < (shown[0]?.width ?? 0) && thumb.width >= 100, `the thumbnail is ${thumb.width} wide`);
    });

    it('its details say why it fired', () => {
      const { details, score } = event;
      assert.equal(details.roi_version, roiVersion);
      const { interaction, end_timeout_ms } = details.thresholds as Record<string, { value: number; source: string }>;
      assert.deepEqual(interaction, { value: 0.09, source: 'device' });
      assert.deepEqual(end_timeout_ms, { value: 1000, source: 'device' });
      const { peak = 0 } = details.scores as Record<string, number>;
      assert.ok(peak > 0.09 && score === peak && peak <= 1, `peak ${peak}, score ${score}`);
      assert.equal(details.flow, 'rdsdetect000001');
      const { started = '', ended = '' } = details.decision as Record<string, string>;
      assert.match(started, /score above/);
      assert.ok(ended.length > 10, 'says why it ended');
    });

    it('the event stream told its start and its end, once each, in order', async () => {
      const told = await server.program.while('the end was told', () => {
        const mine = stream.messages.filter((message) => message.event.id === event.id);
        return mine.some(({ phase }) => phase === 'end') && mine;
      });
      assert.deepEqual(
        told.map(({ phase }) => phase),
        ['start', 'end'],
      );
      assert.equal(told[0]?.event.state, 'open');
      assert.equal(told[0]?.event.ended_at, null);
      assert.equal(told[1]?.event.ended_at, event.ended_at);
      const numbers = stream.messages.map(({ n }) => n);
      assert.deepEqual(
        numbers,
        [...new Set(numbers)].sort((a, b) => a - b),
      );
    });

    it('the device is asked for a burst, and falls back by itself', async () => {
      assert.ok(modes.includes('burst'), `modes were ${modes}`);
      let restFrom: number | undefined;
      await server.program.while('the mode is baseline again, and some frames are taken in it', async () => {
        const { mode, last_seq } = await server.api.get<DeviceRecord>(`/devices/${DEVICE}`);
        if (mode === 'burst') restFrom = undefined;
        else restFrom ??= last_seq;
        return restFrom !== undefined && last_seq >= restFrom + 6;
      });
      const times = (await server.api.captures(DEVICE)).map(({ captured_at }) => Date.parse(captured_at));
      const began = Date.parse(event.started_at);
      const burst = times.filter((time) => time >= began && time < began + 4000);
      assert.ok(medianGap(burst) < 350, `the burst's frames are ${medianGap(burst)} ms apart`);
      const rest = times.slice(-5);
      assert.ok(medianGap(rest) > 350, `at rest they are ${medianGap(rest)} ms apart`);
    });

    it('every frame is there once, in order, and analysed', async () => {
      await edge.end();
      const counts = await jobsSettle(server.api);
      const captures = await server.api.captures(DEVICE);
      assertNoGap(captures);
      assert.deepEqual(counts, { queued: 0, running: 0, done: captures.length, failed: 0, dead: 0 });
      const times = captures.map(({ captured_at }) => captured_at);
      assert.deepEqual(times, [...times].sort(), 'later numbers are later pictures');
    });

    it('both end in order when they are asked to', async () => {
      assert.equal(await edge.end(), 0);
      assert.equal(await server.end(), 0);
    });
  });
}

/** The visit of the scene's hand that the event saw. */
function visitOf({ rois, started_at }: EventRecord) {
  const at = shelfTime(Date.parse(started_at));
  return shelfTimetable.find(({ roi, startMs }) => rois.includes(roi) && Math.abs(at - startMs) < 1500);
}

/**
 * Whether the camera knew the place at rest before the hand came: where it was switched on in the middle of a visit, it took the hand
 * for the place's usual look, and what follows there is half a truth.
 */
function wasWatched({ rois, started_at }: EventRecord, firstFrame: number): boolean {
  const at = shelfTime(firstFrame);
  const disturbed = shelfTimetable.find(({ startMs, endMs }) => at > startMs - 3000 && at < endMs + 1000)?.roi ?? '';
  return Date.parse(started_at) - firstFrame > 3000 && !rois.includes(disturbed);
}

function medianGap(times: number[]): number {
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? Number.NaN;
}
