import assert from 'node:assert/strict';
import { parseCameraUrl } from '../../../runtime/media/camera-url.ts';
import { RelabDriver } from '../../../runtime/media/drivers/relab.ts';
import { CameraPushes } from '../../../runtime/publish/camera-pushes.ts';
import type { DevicePushes } from '../../../runtime/publish/device-pushes.ts';
import { PlacedPushes } from '../../../runtime/publish/placed-pushes.ts';
import type { KeptPushes } from '../../../runtime/publish/rtmp.ts';
import { driverParts } from '../../support/driver-parts.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { ListLog } from '../../support/list-log.ts';
import { RelabCamera } from '../../support/relab-camera.ts';
import { until } from '../../support/until.ts';

const LOOK_MS = 15_000;
const SPEC = { name: 'youtube.x', camera: 'pi', url: 'rtmps://a/live2', key: 'key-1', sound: 'auto' } as const;

describe('pushes are run where their camera is', () => {
  for (const dialect of ['A', 'B'] as const) {
    it(`a camera behind RELab's API, dialect ${dialect}, sends its broadcast itself: over a restart of ours, and again after one of its own`, async () => {
      const pi = await RelabCamera.open(dialect);
      const clock = new FakeClock();
      const log = new ListLog();
      const parsed = parseCameraUrl(pi.url) as { url: string };
      const { remote } = new RelabDriver(parsed.url, driverParts());
      const { pushes: own, cameras } = new FakeHost();
      cameras.ids = ['pi', 'gate'];
      /** Lets the next looks at the Pi happen until it is so. */
      const look = (what: string, isSo: () => boolean) =>
        until(what, async () => {
          await clock.advance(LOOK_MS);
          return isSo();
        });
      const devices = { has: () => false, list: () => [], watch: () => () => undefined } as unknown as DevicePushes;
      const start = () => {
        const pushes = new CameraPushes({ remote: async () => remote, clock, log });
        const sends = { pushes, sendsItself: (camera: string) => camera === 'pi' };
        return { pushes, placed: new PlacedPushes(own as unknown as KeptPushes, devices, () => undefined, sends) };
      };
      const starts = () => pi.calls().filter((call) => /^POST \/stream(\/start\?mode=youtube|s\/youtube)$/.test(call));
      const state = () => placed.status('youtube.x').state;
      let { pushes, placed } = start();
      try {
        placed.declare({ ...SPEC, broadcast: 'b-1' });
        assert.deepEqual([state(), own.specs.size], ['idle', 0], 'nothing of it is pushed from here');
        placed.switchOn('youtube.x');
        await until('it is live', () => state() === 'live');
        assert.deepEqual(pi.streams.youtube?.keys, { stream_key: 'key-1', broadcast_key: 'b-1' });

        await pushes.stop();
        assert.ok(pi.streams.youtube, 'it goes on without us');
        ({ pushes, placed } = start());
        placed.declare({ ...SPEC, broadcast: 'b-1' });
        placed.switchOn('youtube.x');
        await until('it is found live', () => state() === 'live');
        assert.equal(starts().length, 1, 'and is not told again');

        pi.streams.youtube = undefined;
        await look('it is begun again', () => pi.streams.youtube !== undefined);
        assert.deepEqual([starts().length, placed.status('youtube.x').restarts], [2, 1]);

        // Somebody else has the Pi send something of theirs.
        pi.streams.youtube = { startedAt: '', keys: { stream_key: 'theirs', broadcast_key: 'other' } };
        await look('it waits', () => state() === 'waiting');
        assert.match(placed.status('youtube.x').reason ?? '', /something else/);
        assert.equal(pi.streams.youtube.keys?.stream_key, 'theirs', 'it is left alone');
        pi.streams.youtube = undefined;
        await look('it is live again', () => state() === 'live');

        placed.forget('youtube.x');
        await until('the camera stops', () => pi.streams.youtube === undefined);
        assert.deepEqual(placed.list(), []);
        assert.ok(!JSON.stringify(log.lines).includes('key-1'));
        placed.declare({ ...SPEC, name: 'rtmp.y' });
        placed.declare({ ...SPEC, name: 'youtube.z', camera: 'gate', broadcast: 'b-2' });
        assert.deepEqual([...own.specs.keys()], ['rtmp.y', 'youtube.z'], 'every other push is run here');
      } finally {
        await pushes.stop();
        await pi.stop();
      }
    });
  }
});
