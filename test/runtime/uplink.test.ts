import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { AccessUnit, AudioUnit, StreamFormat, StreamReader } from '../../runtime/contracts/streams.ts';
import { UPLINK_NONCE_HEADER, UPLINK_PROTOCOL } from '../../runtime/contracts/uplink.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { encodeFormat, encodeUnit } from '../../runtime/lib/uplink-records.ts';
import { opusSamples } from '../../runtime/media/sound/opus-packet.ts';
import { OpusSound } from '../../runtime/media/sound/opus-sound.ts';
import { type Clip, decode, recordClip } from '../support/stream-fixture.ts';
import { until } from '../support/until.ts';
import { openUplinkPair, PI_KEY } from '../support/uplink-pair.ts';

type Pair = Awaited<ReturnType<typeof openUplinkPair>>;

class Viewer implements StreamReader {
  readonly formats: StreamFormat[] = [];
  readonly units: AccessUnit[] = [];
  readonly gaps: string[] = [];
  readonly sounds: AudioUnit[] = [];
  isOver = false;
  onFormat(format: StreamFormat) {
    this.formats.push(format);
  }
  onVideo(unit: AccessUnit) {
    this.units.push(unit);
  }
  onAudio(unit: AudioUnit) {
    this.sounds.push(unit);
  }
  onGap(reason: string) {
    this.gaps.push(reason);
  }
  onEnd() {
    this.isOver = true;
  }
}

describe('the stream of a device', () => {
  let clip: Clip;
  let pair: Pair;

  before(async () => {
    clip = await recordClip({ seconds: 2, audio: true });
  });
  beforeEach(async () => {
    pair = await openUplinkPair({ limits: { lingerMs: 50 }, random: () => 0 });
    pair.piStreams.play('pi-cam', clip);
  });
  afterEach(() => pair.close());

  const watch = (camera = 'pi-cam') => {
    const viewer = new Viewer();
    const { close } = pair.streams.subscribe(camera, viewer);
    return Object.assign(viewer, { close });
  };
  const plays = (viewer: Viewer, more = 5) => {
    const from = viewer.units.length;
    return until('pictures come', () => viewer.units.length >= from + more);
  };
  /** Knocks as a device would; answers the status, 101 when it was let in. */
  const knock = async (camera: string, headers: Record<string, string>, protocol = UPLINK_PROTOCOL) => {
    const socket = new WebSocket(`${pair.wsUrl}/api/v1/uplink/${camera}`, protocol, { headers });
    return new Promise<{ status: number; socket: WebSocket; body: string }>((resolve, reject) => {
      socket.once('open', () => resolve({ status: 101, socket, body: '' }));
      socket.once('unexpected-response', async (_req, res) => {
        let body = '';
        for await (const part of res) body += part;
        resolve({ status: res.statusCode ?? 0, socket, body });
      });
      socket.once('error', reject);
    });
  };
  const refusals = async (code: string) =>
    Number(
      new RegExp(`redeye_uplink_refused_total\\{code="${code}"\\} (\\d+)`).exec(await pair.metrics.text())?.[1] ?? 0,
    );

  it('ends within 5 s when its device is shut out while it runs, and does not come again', async () => {
    const viewer = watch();
    await plays(viewer);
    pair.revoke();
    await until('the viewer hears of it', () => viewer.gaps.length > 0, 5000);
    const { status } = await knock('pi-cam', { 'X-DEVICE-KEY': PI_KEY, [UPLINK_NONCE_HEADER]: 'x'.repeat(43) });
    assert.equal(status, 401);
  });

  it('comes when somebody watches, decodes without an error, and brings its sound', async () => {
    assert.equal(pair.streams.status('pi-cam').state, 'idle');
    assert.equal(pair.facts.asked.length, 0);
    const viewer = watch();
    await plays(viewer, 20);
    assert.deepEqual(viewer.gaps, []);
    const [format] = viewer.formats;
    assert.deepEqual([format?.video.width, format?.video.height, format?.audio?.codec], [320, 180, 'aac']);
    assert.ok(viewer.sounds.length > 0);
    assert.ok(viewer.units[0]?.isKey);
    const { complaints, pictures } = await decode(Buffer.concat(viewer.units.map(({ annexB }) => annexB)));
    assert.equal(complaints, '');
    assert.ok(pictures >= 20);
    assert.equal(pair.streams.status('pi-cam').state, 'live');
  });

  it('brings its AAC as the camera made it, and that is Opus here, in time with the pictures, while somebody listens', async () => {
    const sound = new OpusSound({ streams: pair.streams, clock: systemClock, log: silentLog, ffmpegPath: 'ffmpeg' });
    const viewer = watch();
    await plays(viewer);
    const heard: AudioUnit[] = [];
    /** how far the sound's time was from the newest picture's when it came */
    const aside: number[] = [];
    const leave = sound.listen('pi-cam', (unit) => {
      heard.push(unit);
      aside.push(unit.pts - (viewer.units.at(-1)?.pts ?? 0));
    });
    try {
      await until('it is heard for more than a lap of the clip', () => heard.length > 120, 10_000);
      assert.deepEqual(viewer.formats.at(-1)?.audio, clip.audioFormat);
      const made = new Set(clip.audio.map(({ data }) => data.toString('base64')));
      assert.ok(viewer.sounds.every(({ data }) => made.has(data.toString('base64'))));
      assert.ok(heard.every(({ data }) => opusSamples(data) === 960));
      const steps = heard.slice(1).map(({ pts }, at) => pts - (heard[at]?.pts ?? 0));
      assert.ok(
        steps.every((step) => step > -1 && step < 100),
        steps.join(),
      );
      const sorted = aside.toSorted((a, b) => a - b);
      assert.ok(Math.abs(sorted[60] ?? Number.NaN) < 400, sorted.join());
      assert.equal(pair.facts.asked.length, 1, 'sound and pictures are one connection');
    } finally {
      leave();
      await sound.stop();
    }
  });

  it('is one connection for any number of viewers', async () => {
    const viewers = [watch(), watch(), watch()];
    for (const viewer of viewers) await plays(viewer);
    assert.equal(pair.facts.asked.length, 1);
    assert.match(await pair.metrics.text(), /redeye_uplink_connections 1/);
  });

  it('is sent no more once the last viewer has left, and again for the next', async () => {
    const viewer = watch();
    await plays(viewer);
    viewer.close();
    await until('the device sends nothing', () => pair.agent.count === 0);
    await until('its camera rests', () => pair.piStreams.status('pi-cam').readers === 0);
    assert.equal(pair.streams.status('pi-cam').state, 'idle');
    await plays(watch());
    assert.equal(pair.facts.asked.length, 2);
  });

  it('says in words that the camera is away, and goes on over the same connection when it is back', async () => {
    const viewer = watch();
    await plays(viewer);
    pair.piStreams.lose('pi-cam', 'the camera was unplugged');
    await until('the viewer is told', () => viewer.gaps.length > 0);
    assert.deepEqual(viewer.gaps, ['the camera was unplugged']);
    assert.deepEqual(
      [pair.streams.status('pi-cam').state, pair.streams.status('pi-cam').reason],
      ['waiting', 'the camera was unplugged'],
    );
    pair.piStreams.back('pi-cam');
    await plays(viewer);
    assert.equal(pair.facts.asked.length, 1);
    const times = viewer.units.map(({ dts }) => dts);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => a - b),
      'time goes on',
    );
  });

  it('is a gap with the reason when the link is cut, and comes back to the same viewers', async () => {
    const viewer = watch();
    await plays(viewer);
    await pair.wire.cut('refused');
    await until('the viewer is told', () => viewer.gaps.length > 0);
    assert.match(viewer.gaps[0] ?? '', /link to the device/);
    await pair.wire.mend();
    await plays(viewer);
    assert.ok(pair.facts.asked.length >= 2);
    assert.equal(new Set(pair.facts.asked.map(({ nonce }) => nonce)).size, pair.facts.asked.length, 'nonces are new');
    assert.equal(viewer.isOver, false);
  });

  it('says that the device is offline without asking it, and begins as soon as it is back', async () => {
    pair.presence(false);
    await until('it is known', () => pair.streams.status('pi-cam').reason !== undefined);
    assert.equal(pair.streams.status('pi-cam').reason, 'the device pi is offline');
    const viewer = watch();
    await until('the viewer is told', () => viewer.gaps.length > 0);
    assert.deepEqual(viewer.gaps, ['the device pi is offline']);
    assert.equal(pair.facts.asked.length, 0);
    pair.presence(true);
    await plays(viewer);
    assert.equal(pair.facts.asked.length, 1);
  });

  it('passes on why the device will not send', async () => {
    pair.refuse('the device knows no camera "pi-cam"');
    const viewer = watch();
    await until('the viewer is told', () => viewer.gaps.length > 0);
    assert.deepEqual(viewer.gaps, ['the device knows no camera "pi-cam"']);
    pair.facts.answer = undefined;
    await pair.piStreams.remove('pi-cam');
    const late = watch();
    await until('the child’s words arrive', () => late.gaps.some((gap) => gap.includes('there is no camera')));
  });

  it('ends for its viewers when the camera leaves the register', async () => {
    const viewer = watch();
    await plays(viewer);
    pair.facts.cameras = [];
    pair.camerasChanged();
    await until('it is over', () => viewer.isOver);
    await until('the device sends nothing', () => pair.agent.count === 0);
    assert.throws(() => pair.streams.status('pi-cam'), { code: 'camera.not_found' });
  });

  it('is let in once: a nonce that is wrong, used, for another camera or of another device is refused and counted', async () => {
    pair.facts.answer = async () => undefined;
    watch();
    const { nonce } = await until('it was asked for', () => pair.facts.asked[0]);
    const of = (key: string, shown: string) => ({ 'x-device-key': key, [UPLINK_NONCE_HEADER]: shown });
    const status = async (...args: Parameters<typeof knock>) => (await knock(...args)).status;
    assert.equal(await status('pi-cam', of(PI_KEY, `${nonce.slice(1)}A`)), 403);
    assert.equal(await status('pi-cam', of(PI_KEY, '')), 403);
    assert.equal(await status('pi-cam', of(pair.otherKey, nonce)), 403);
    assert.equal(await status('other-cam', of(PI_KEY, nonce)), 403);
    assert.equal(await status('pi-cam', of('no key of ours', nonce)), 401);
    assert.equal(await status('pi-cam', { [UPLINK_NONCE_HEADER]: nonce }), 401);
    assert.equal(await status('pi-cam', of('key-of-the-disabled', nonce)), 403);
    assert.equal(await status('PI%2Fcam', of(PI_KEY, nonce)), 404);
    assert.equal(await status('pi-cam', of(PI_KEY, nonce), 'mqtt'), 400);
    // After all of that the right one is still good, once.
    const first = await knock('pi-cam', of(PI_KEY, nonce));
    assert.equal(first.status, 101);
    const again = await knock('pi-cam', of(PI_KEY, nonce));
    assert.deepEqual([again.status, JSON.parse(again.body).code], [403, 'uplink.not_asked']);
    first.socket.terminate();
    assert.equal(await refusals('uplink.not_asked'), 5);
    assert.equal(await refusals('auth.invalid'), 1);
    assert.equal(await refusals('auth.missing'), 1);
    assert.equal(await refusals('device.disabled'), 1);
  });

  describe('that is no stream', () => {
    const enter = async (viewer = watch()) => {
      pair.facts.answer = async () => undefined;
      const { nonce } = await until('it was asked for', () => pair.facts.asked[0]);
      const { socket } = await knock('pi-cam', { 'x-device-key': PI_KEY, [UPLINK_NONCE_HEADER]: nonce });
      return { socket, viewer, closed: once(socket, 'close') };
    };
    const [sps = Buffer.alloc(0), pps = Buffer.alloc(0)] = [
      Buffer.from([0x67, 0x42, 0xe0, 0x1f]),
      Buffer.from([0x68, 1]),
    ];
    const format = encodeFormat({
      video: { sps, pps, codec: '', width: 0, height: 0, hasBFrames: false },
    });
    const unit = (length: number) => {
      const annexB = Buffer.alloc(length, 0x55);
      annexB.set([0, 0, 0, 1, 0x41]);
      return encodeUnit({ annexB, isKey: false, dts: 1, pts: 1 });
    };

    it('ends with the reason when records lie', async () => {
      pair.facts.answer = async () => undefined;
      const { socket, viewer, closed } = await enter();
      socket.send(unit(100));
      const [code, reason] = await closed;
      assert.equal(code, 1000);
      assert.match(String(reason), /a picture before its format/);
      await until('the viewer is told', () => /before its format/.test(viewer.gaps.at(-1) ?? ''));
    });

    it('ends when a record is larger than any may be', async () => {
      pair.facts.answer = async () => undefined;
      const { socket, viewer, closed } = await enter();
      socket.send(format);
      socket.send(unit(8 * 1024 * 1024));
      const [code] = await closed;
      assert.equal(code, 1009);
      await until('the viewer is told', () => viewer.gaps.length > 0);
    });

    it('ends when more comes than a camera has', async () => {
      pair.facts.answer = async () => undefined;
      const { socket, viewer, closed } = await enter();
      socket.send(format);
      let sent = 0;
      while (socket.readyState === socket.OPEN && sent < 12) {
        await new Promise((resolve) => socket.send(unit(4 * 1024 * 1024), resolve));
        sent += 1;
      }
      const [code, reason] = await closed;
      assert.equal(code, 1000);
      assert.match(String(reason), /more than a camera can/);
      await until('the viewer is told', () => /more than a camera can/.test(viewer.gaps.at(-1) ?? ''));
    });

    it('is not read as text', async () => {
      pair.facts.answer = async () => undefined;
      const { socket, closed } = await enter();
      socket.send('hello');
      assert.equal((await closed)[0], 1003);
    });
  });
});
