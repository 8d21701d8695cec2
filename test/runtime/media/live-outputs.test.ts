import assert from 'node:assert/strict';
import type { LiveOutputStatus, LiveSession } from '../../../runtime/contracts/live.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { createCameraSet } from '../../../runtime/media/camera-set.ts';
import { RPICAM_VID } from '../../../runtime/media/drivers/parts.ts';
import { Hls } from '../../../runtime/media/hls/hls.ts';
import { createLiveOutputs } from '../../../runtime/media/live-outputs.ts';
import { createStreams } from '../../../runtime/media/stream/streams.ts';
import { until } from '../../support/until.ts';

const GATE = { id: 'gate', url: 'sim:gradient?width=320&height=180' };

function session(id: string, type: LiveSession['type'], camera = 'gate'): LiveSession {
  const who = { user: 'anna', address: '10.0.0.7', path: `/${camera}` };
  return { id, type, camera, ...who, state: 'playing', startedAt: 0, bytes: 0, discarded: 0 };
}

describe('live outputs for flows', () => {
  const parts = { clock: systemClock, log: silentLog, ffmpegPath: 'ffmpeg', rpicamVid: RPICAM_VID };
  let cameras: ReturnType<typeof createCameraSet>;
  let streams: ReturnType<typeof createStreams>;
  let hls: Hls;
  let watching: LiveSession[];
  let outputs: ReturnType<typeof createLiveOutputs>;

  beforeEach(async () => {
    cameras = createCameraSet({ ...parts, cameras: [GATE] });
    streams = createStreams({ ...parts, cameras, hubLimits: { lingerMs: 50 } });
    hls = new Hls({ streams, clock: systemClock });
    watching = [];
    const sessions = [{ sessions: () => watching, kick: () => false }];
    outputs = createLiveOutputs({ streams, hls, sessions, clock: systemClock, log: silentLog });
    await cameras.start();
    await streams.start();
  });

  afterEach(async () => {
    await hls.stop();
    await streams.stop();
    await cameras.stop();
  });

  it('tell who comes and leaves, of their own kind and camera only', async () => {
    const told: LiveOutputStatus[] = [];
    const release = outputs.watch('', 'hls', (status) => told.push(status));
    watching = [session('a', 'hls'), session('b', 'mjpeg'), session('c', 'hls', 'yard')];
    await until('somebody came', () => told.length === 1);
    assert.deepEqual(told[0], {
      camera: 'gate',
      output: 'hls',
      state: 'idle',
      viewers: 1,
      path: '/api/v1/cameras/gate/hls/index.m3u8',
    });
    watching = [];
    await until('and left', () => told.at(-1)?.viewers === 0);
    assert.equal(told.length, 2);
    release();
    assert.equal(outputs.status('gate', 'mjpeg').viewers, 0);
  });

  it('keep the stream running without viewers, and HLS at hand, until they are released', async () => {
    const states: string[] = [];
    const forget = outputs.watch('gate', 'hls', ({ state }) => states.push(state));
    const release = outputs.keepWarm('gate', 'hls');
    await until('it is live', () => states.includes('live'));
    assert.deepEqual(
      hls.status().map(({ camera }) => camera),
      ['gate'],
    );
    // The muxer reads by itself; what is asked here is whether the source would run without it.
    await hls.stop();
    await hls.start();
    assert.equal(streams.isRunning('gate'), true);
    release();
    await hls.stop();
    await until('the source ends', () => !streams.isRunning('gate'));
    forget();
  });

  it('keep a camera that was taken away and came back', async () => {
    const release = outputs.keepWarm('gate', 'webrtc');
    await until('it runs', () => outputs.status('gate', 'webrtc').state === 'live');
    await cameras.remove('gate');
    const away = outputs.status('gate', 'webrtc');
    assert.equal(away.state, 'failed');
    assert.match(away.reason ?? '', /no camera "gate"/);
    cameras.define(GATE);
    await until('it runs again', () => outputs.status('gate', 'webrtc').state === 'live');
    release();
  });

  it('go on with other watchers when one throws', async () => {
    let heard = 0;
    const one = outputs.watch('gate', 'mjpeg', () => {
      throw new Error('broken');
    });
    const other = outputs.watch('gate', 'mjpeg', () => {
      heard += 1;
    });
    watching = [session('a', 'mjpeg')];
    await until('the other heard', () => heard === 1);
    one();
    other();
  });
});
