import assert from 'node:assert/strict';
import sharp from 'sharp';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import type { CameraHost } from '../../../../runtime/contracts/host.ts';
import type { LivePicture } from '../../../../runtime/contracts/live-outputs.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { Pictures } from '../../../../runtime/media/mjpeg/pictures.ts';
import { readNumber } from '../../../../runtime/media/sim/digits.ts';
import { COUNTER_DIGITS, counterPlace, GRADIENT_LAP_MS } from '../../../../runtime/media/sim/gradient.ts';
import { StreamHub } from '../../../../runtime/media/stream/hub.ts';
import { SimSource } from '../../../../runtime/media/stream/sources/sim.ts';
import { childCommands } from '../../../support/children.ts';
import { type Clip, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

const decoders = async () => (await childCommands()).filter((command) => command.includes('-f h264 -i pipe:0'));

describe('live pictures', () => {
  let clip: Clip;
  let streams: FakeStreams;
  let pictures: Pictures;
  let stills = 0;

  before(async () => {
    clip = await recordClip({ seconds: 4, fps: 30 });
  });

  beforeEach(async () => {
    stills = 0;
    streams = new FakeStreams();
    streams.play('cam', clip);
    const jpeg = await sharp({ create: { width: 64, height: 48, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    const capture: CameraHost['capture'] = async (camera) => {
      stills += 1;
      return { jpeg, camera, device: 'server', capturedAt: Date.now(), width: 64, height: 48, jpegQuality: 80 };
    };
    pictures = new Pictures({ streams, cameras: { capture }, clock: systemClock, log: silentLog });
  });

  afterEach(async () => {
    await pictures.stop();
    await streams.close();
    assert.deepEqual(await decoders(), []);
  });

  it('come as whole JPEGs of the size of the stream', async () => {
    const got: LivePicture[] = [];
    const leave = pictures.watch('cam', { fps: 15, onPicture: (picture) => got.push(picture) });
    await until('ten pictures', () => got.length >= 10);
    leave();
    const { width, height, format } = await sharp(got[9]?.jpeg).metadata();
    assert.deepEqual([width, height, format], [320, 180, 'jpeg']);
    await sharp(got[9]?.jpeg, { failOn: 'warning' }).raw().toBuffer();
  });

  it('need one decoder for two viewers, none when the last has left', async () => {
    let one = 0;
    let two = 0;
    const leaveOne = pictures.watch('cam', { fps: 15, onPicture: () => (one += 1) });
    const leaveTwo = pictures.watch('cam', { fps: 5, onPicture: () => (two += 1) });
    await until('both see pictures', () => one > 20 && two > 3);
    assert.equal((await decoders()).length, 1);
    assert.ok(two < one / 2, `${two} of 5 a second, ${one} of 15`);
    leaveOne();
    leaveTwo();
    leaveTwo();
    await until('no decoder', async () => (await decoders()).length === 0);
    await until('nobody reads', () => streams.status('cam').readers === 0);
  });

  it('come faster for a viewer who wants them so', async () => {
    let got = 0;
    pictures.watch('cam', { fps: 5, onPicture: () => (got += 1) });
    await until('a picture', () => got > 0);
    const times: number[] = [];
    pictures.watch('cam', { fps: 30, onPicture: () => times.push(performance.now()) });
    await until('sixty pictures', () => times.length > 60);
    const seconds = ((times.at(-1) ?? 0) - (times[15] ?? 0)) / 1000;
    assert.ok((times.length - 16) / seconds > 15, `${(times.length - 16) / seconds} a second`);
    assert.equal((await decoders()).length, 1);
  });

  it('are not held back until the next one comes, and none is lost: each shows the last that had arrived', async () => {
    const fps = 4;
    const size = { width: 640, height: 360 };
    const url = { kind: 'sim', scene: 'gradient', fps, ...size } as const;
    const source = new SimSource(url, { clock: systemClock, log: silentLog, ffmpegPath: 'ffmpeg' });
    const hub = new StreamHub({ camera: 'slow', source, clock: systemClock, log: silentLog });
    const slow = new Pictures({
      streams: { subscribe: (_camera, reader) => hub.subscribe(reader) },
      cameras: { capture: () => Promise.reject(new Error('no still was expected')) },
      clock: systemClock,
      log: silentLog,
    });
    let arrived = 0;
    const gaps: string[] = [];
    const shown: { jpeg: Buffer; arrived: number }[] = [];
    hub.subscribe({ onFormat() {}, onVideo: () => (arrived += 1) });
    slow.watch('slow', {
      fps: 30,
      onPicture: ({ jpeg }) => shown.push({ jpeg, arrived }),
      onGap: (reason) => gaps.push(reason),
    });
    await until('twelve pictures', () => shown.length >= 12);
    await slow.stop();
    await hub.close();
    assert.deepEqual(gaps, []);
    const numbers = await Promise.all(
      shown.map(async ({ jpeg }) => {
        const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
        return readNumber(data, info.width, info.channels, counterPlace(info.width), COUNTER_DIGITS) ?? Number.NaN;
      }),
    );
    // The counter goes round with the scene's lap. Pictures that came together at the beginning are not looked at.
    const lap = (GRADIENT_LAP_MS * fps) / 1000;
    const [first = 0] = numbers;
    const behind = shown.map(({ arrived: count }, at) => (count - 1 - ((numbers[at] ?? 0) - first) + 2 * lap) % lap);
    const late = behind.slice(4).filter((count) => count !== 0);
    assert.ok(late.length <= 2, `pictures that had arrived and were not shown yet: ${behind}`);
    assert.ok(arrived - shown.length <= 6, `${shown.length} of ${arrived} were shown`);
  });

  it('go on after the camera was away, in its new size, and say why they stop', async () => {
    const sizes = new Set<number | undefined>();
    const reasons: string[] = [];
    pictures.watch('cam', {
      fps: 15,
      onPicture: ({ jpeg }) =>
        void sharp(jpeg)
          .metadata()
          .then(({ width }) => sizes.add(width)),
      onGap: (reason) => reasons.push(reason),
    });
    await until('the first size', () => sizes.has(320));
    streams.lose('cam', 'the cable is loose');
    streams.play('cam', await recordClip({ seconds: 2, width: 160, height: 96 }));
    await until('the second size', () => sizes.has(160));
    assert.ok(reasons.includes('the cable is loose'));
  });

  it('go on after the decoder was killed', async () => {
    let got = 0;
    pictures.watch('cam', { fps: 15, onPicture: () => (got += 1) });
    await until('a picture', () => got > 0);
    const { stdout } = await import('node:child_process').then(({ spawnSync }) =>
      spawnSync('pgrep', ['-P', `${process.pid}`, 'ffmpeg'], { encoding: 'utf8' }),
    );
    process.kill(Number(stdout.trim()), 'SIGKILL');
    const before = got;
    await until('pictures again', () => got > before + 20);
  });

  it('are stills, one after the other, of a camera without a stream', async () => {
    streams.stillsOnly.add('still');
    let got = 0;
    const leave = pictures.watch('still', { fps: 30, onPicture: () => (got += 1) });
    await until('five pictures', () => got >= 5);
    leave();
    assert.deepEqual(await decoders(), []);
    const { jpeg } = await pictures.snapshot('still', {});
    assert.equal((await sharp(jpeg).metadata()).width, 64);
    assert.ok(stills >= 6);
  });

  it('are refused for a camera that is not there', async () => {
    const isNotFound = (error: unknown) => error instanceof AppError && error.code === 'camera.not_found';
    assert.throws(() => pictures.watch('nobody', { fps: 15, onPicture: () => {} }), isNotFound);
    await assert.rejects(pictures.snapshot('nobody', {}), isNotFound);
  });

  it('tell their viewers when the camera was removed', async () => {
    let ended = false;
    pictures.watch('cam', { fps: 15, onPicture: () => {}, onEnd: () => (ended = true) });
    await streams.remove('cam');
    await until('the end', () => ended);
  });
});

describe('a snapshot', () => {
  let clip: Clip;
  let streams: FakeStreams;
  let pictures: Pictures;

  before(async () => {
    clip = await recordClip({ seconds: 4, gop: 50 });
  });

  beforeEach(() => {
    streams = new FakeStreams();
    streams.play('cam', clip);
    const capture: CameraHost['capture'] = () => Promise.reject(new Error('no still was expected'));
    pictures = new Pictures({ streams, cameras: { capture }, clock: systemClock, log: silentLog });
  });

  afterEach(async () => {
    await pictures.stop();
    await streams.close();
  });

  it('is the newest picture of the stream, in its size', async () => {
    const { jpeg, takenAt } = await pictures.snapshot('cam', {});
    const { width, height } = await sharp(jpeg).metadata();
    assert.deepEqual([width, height], [320, 180]);
    assert.ok(Math.abs(Date.now() - takenAt) < 10_000);
    assert.equal(streams.status('cam').readers, 0);
  });

  it('has the asked width and quality, and is never enlarged', async () => {
    const size = async (ask: { width?: number; quality?: number }) => {
      const { jpeg } = await pictures.snapshot('cam', ask);
      const { width, height } = await sharp(jpeg).metadata();
      return { width, height, bytes: jpeg.length };
    };
    const plain = await size({});
    const small = await size({ width: 160 });
    assert.deepEqual([small.width, small.height], [160, 90]);
    assert.equal((await size({ width: 5000 })).width, 320);
    assert.ok((await size({ quality: 20 })).bytes < plain.bytes / 2);
  });

  it('costs one decoder for ten who ask at once', async () => {
    const release = streams.keepWarm('cam');
    await until('the stream runs', () => streams.status('cam').state === 'live');
    const all = await Promise.all(Array.from({ length: 10 }, () => pictures.snapshot('cam', {})));
    assert.equal(new Set(all.map(({ jpeg }) => jpeg)).size, 1);
    release();
  });

  it('that is to be fresh was taken after it was asked for', async () => {
    await pictures.snapshot('cam', {});
    const askedAt = Date.now();
    const fresh = await pictures.snapshot('cam', { fresh: true });
    assert.ok(fresh.takenAt >= askedAt - 1, `${fresh.takenAt - askedAt} ms after`);
  });

  it('is the decoder’s last picture while somebody watches: no other program is started', async () => {
    const got: LivePicture[] = [];
    pictures.watch('cam', { fps: 15, onPicture: (picture) => got.push(picture) });
    await until('a picture', () => got.length > 0);
    const { jpeg } = await pictures.snapshot('cam', {});
    assert.ok(got.some((picture) => picture.jpeg === jpeg));
    assert.equal((await decoders()).length, 1);
  });

  it('says why there is none', async () => {
    streams.lose('cam', 'the camera was unplugged');
    streams.play('away', { ...clip, units: [] });
    const asked = pictures.snapshot('away', {});
    await until('it is asked', () => streams.status('away').readers === 1);
    streams.lose('away', 'it refuses the password');
    await assert.rejects(asked, (error: AppError) => {
      assert.equal(error.code, 'camera.unreachable');
      assert.match(error.message, /it refuses the password/);
      return true;
    });
  });

  it('of a stream with B-frames is a whole picture too', async () => {
    streams.play('b', await recordClip({ seconds: 2, bFrames: 2 }));
    const { jpeg } = await pictures.snapshot('b', {});
    await sharp(jpeg, { failOn: 'warning' }).raw().toBuffer();
  });
});
