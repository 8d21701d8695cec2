import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import type { AccessUnit, StreamFormat, StreamReader } from '../../../../runtime/contracts/streams.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { type CameraSet, createCameraSet } from '../../../../runtime/media/camera-set.ts';
import { createStreams, type Streams, type StreamsOptions } from '../../../../runtime/media/stream/streams.ts';
import { childCommands } from '../../../support/children.ts';
import { patternClip } from '../../../support/clips.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { startRtspCamera, stopRtspCameras } from '../../../support/rtsp-camera.ts';
import { type ClipShape, clipArguments, decode } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

const runFile = promisify(execFile);

class Viewer implements StreamReader {
  readonly formats: StreamFormat[] = [];
  readonly units: AccessUnit[] = [];
  readonly gaps: string[] = [];
  sounds = 0;
  ended = false;

  onFormat(format: StreamFormat): void {
    this.formats.push(format);
  }

  onVideo(unit: AccessUnit): void {
    this.units.push(unit);
  }

  onAudio(): void {
    this.sounds += 1;
  }

  onGap(reason: string): void {
    this.gaps.push(reason);
  }

  onEnd(): void {
    this.ended = true;
  }

  /** Waits for so many pictures, and answers what a decoder says of them. */
  async sees(count: number): Promise<void> {
    await until(`${count} pictures`, () => this.units.length >= count, 20_000);
    const units = this.units.slice(0, count);
    const { complaints, pictures } = await decode(Buffer.concat(units.map((unit) => unit.annexB)));
    assert.deepEqual({ complaints, pictures }, { complaints: '', pictures: count });
    for (const [index, unit] of units.entries()) assert.ok(index === 0 || unit.dts > (units[index - 1]?.dts ?? 0));
  }
}

describe('the streams of a host', () => {
  let cameras: CameraSet;
  let streams: Streams;

  function open(change: Partial<StreamsOptions> = {}): void {
    const nowhere = { rpicamVid: ['/no/such/rpicam-vid'], search: { usbFolder: '/no/such/folder' } };
    cameras = createCameraSet({ clock: systemClock, log: silentLog, ...nowhere });
    streams = createStreams({
      cameras,
      clock: systemClock,
      log: silentLog,
      ffmpegPath: 'ffmpeg',
      rpicamVid: nowhere.rpicamVid,
      random: () => 0.5,
      ...change,
    });
  }

  beforeEach(async () => {
    open();
    await streams.start();
  });

  afterEach(async () => {
    await streams.stop();
    await cameras.stop();
    assert.deepEqual(await ffmpegs(), []);
    await stopRtspCameras();
  });

  async function ffmpegs(): Promise<string[]> {
    return (await childCommands()).filter((command) => command.includes('pipe:1'));
  }

  function watch(camera: string): Viewer {
    const viewer = new Viewer();
    streams.subscribe(camera, viewer);
    return viewer;
  }

  async function clipFile(shape: ClipShape, name = 'clip.mp4'): Promise<string> {
    const file = join(await temporaryFolder('clip'), name);
    await runFile('ffmpeg', [...clipArguments(shape), file]);
    return file;
  }

  it('play a clip untouched, over and over', async () => {
    const clip = await clipFile({ width: 160, height: 90, fps: 10, seconds: 1, gop: 5, audio: true });
    cameras.define({ id: 'gate', url: `file:${clip}` });
    const viewer = watch('gate');
    await viewer.sees(25);
    assert.ok(viewer.units.filter((unit) => unit.isKey).length >= 5);
    assert.ok(viewer.sounds > 0);
    assert.deepEqual(
      viewer.formats.map(({ generation, video, audio }) => [generation, video.width, audio?.codec]),
      [[1, 160, 'aac']],
    );
    assert.match((await ffmpegs())[0] ?? '', /-c:v copy/);
    const { state, reason, fps } = streams.status('gate');
    assert.deepEqual([state, reason], ['live', undefined]);
    assert.ok(fps > 8 && fps < 13, `${fps}`);
  });

  it('encode a clip with B-frames at its source, and say so', async () => {
    const clip = await clipFile({ width: 160, height: 90, fps: 10, seconds: 2, gop: 10, bFrames: 2 });
    cameras.define({ id: 'gate', url: `file:${clip}` });
    const viewer = watch('gate');
    await viewer.sees(25);
    assert.equal(viewer.formats[0]?.video.hasBFrames, false);
    assert.match(streams.status('gate').reason ?? '', /encoded on this machine, since it has B-frames/);
  });

  it('encode a clip that is no H.264, and say so', async () => {
    const clip = join(await temporaryFolder('clip'), 'old.avi');
    const code = ['-c:v', 'mpeg4', '-t', '2', clip];
    await runFile('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=10', ...code]);
    cameras.define({ id: 'gate', url: `file:${clip}` });
    await watch('gate').sees(12);
    assert.match(streams.status('gate').reason ?? '', /since it is not H\.264/);
  });

  for (const codec of ['libvorbis', 'flac', 'libopus']) {
    it(`carry sound as it is or leave it out and say so: ${codec}`, async () => {
      const silent = await clipFile({ width: 160, height: 90, fps: 10, seconds: 2, gop: 10 });
      const clip = join(await temporaryFolder('clip'), 'sound.mkv');
      const sound = ['-f', 'lavfi', '-i', 'anullsrc=r=48000', '-shortest', '-c:v', 'copy', '-c:a', codec, clip];
      await runFile('ffmpeg', ['-v', 'error', '-i', silent, ...sound]);
      cameras.define({ id: 'gate', url: `file:${clip}` });
      const viewer = watch('gate');
      await viewer.sees(5);
      const carried = codec === 'libopus';
      assert.equal(/without sound/.test(streams.status('gate').reason ?? ''), !carried);
      if (carried) await until('sound', () => viewer.sounds > 0);
      else assert.equal(viewer.sounds, 0);
      assert.equal(streams.status('gate').restarts, 0);
    });
  }

  it('say in words that a clip is not there, and play it once it is', async () => {
    const clip = await clipFile({ width: 160, height: 90, fps: 10, seconds: 1, gop: 5 });
    const missing = join(await temporaryFolder('clip'), 'later.mp4');
    cameras.define({ id: 'gate', url: `file:${missing}` });
    const viewer = watch('gate');
    await until('a gap', () => viewer.gaps.length > 0);
    assert.deepEqual(streams.status('gate').state, 'failed');
    assert.match(streams.status('gate').reason ?? '', /the clip later\.mp4 cannot be played: it is not there/);
    await runFile('cp', [clip, missing]);
    await viewer.sees(5);
  });

  it('play a scene that is encoded once, then without any encoder', async () => {
    cameras.define({ id: 'gate', url: 'sim:gradient?width=128&height=96&fps=5' });
    const viewer = watch('gate');
    await viewer.sees(10);
    const keys = viewer.units.filter((unit) => unit.isKey).map((unit) => unit.dts);
    for (const [index, dts] of keys.entries()) assert.ok(index === 0 || dts - (keys[index - 1] ?? 0) <= 1000);
    await until('no encoder', async () => (await ffmpegs()).length === 0, 15_000);
    await viewer.sees(48);
    assert.deepEqual(await ffmpegs(), []);
    assert.equal(streams.status('gate').restarts, 0);
  });

  it('take up a scene again where it is by then, whole or not', async () => {
    open({ hubLimits: { lingerMs: 0 } });
    await streams.start();
    cameras.define({ id: 'gate', url: 'sim:gradient?width=128&height=96&fps=5' });
    for (let i = 0; i < 3; i++) {
      const viewer = new Viewer();
      const subscription = streams.subscribe('gate', viewer);
      await viewer.sees(8);
      subscription.close();
      await until('rest', async () => streams.status('gate').state === 'idle' && (await ffmpegs()).length === 0);
    }
  });

  it('say how to install ffmpeg where it is missing', async () => {
    open({ ffmpegPath: '/no/such/ffmpeg' });
    await streams.start();
    cameras.define({ id: 'gate', url: 'sim:gradient?width=128&height=96&fps=5' });
    const viewer = watch('gate');
    await until('a gap', () => viewer.gaps.length > 0);
    assert.match(viewer.gaps[0] ?? '', /apt install ffmpeg/);
  });

  describe('from an RTSP camera', () => {
    let clip = '';
    before(async () => {
      clip = await patternClip(60);
    });

    for (const login of ['basic', 'digest']) {
      it(`are let in by ${login}, with the password in no list of processes`, async () => {
        const camera = await startRtspCamera(clip, `${login}:joe:s3 cr@t`);
        cameras.define({ id: 'yard', url: `rtsp://joe:s3%20cr%40t@127.0.0.1:${camera.port}/cam` });
        const viewer = watch('yard');
        await viewer.sees(12);
        const [command = ''] = await ffmpegs();
        assert.match(command, /pipe:0.*-c:v copy/);
        assert.doesNotMatch(command, /s3|joe/);
        assert.doesNotMatch(JSON.stringify(streams.list()), /s3/);
      });
    }

    for (const sound of ['opus', 'pcmu'] as const) {
      it(`bring its ${sound} as it is, known with the first picture`, async () => {
        const { port } = await startRtspCamera(clip, 'none', 0, sound);
        cameras.define({ id: 'gate', url: `rtsp://127.0.0.1:${port}/cam` });
        const viewer = watch('gate');
        await viewer.sees(10);
        await until('sound', () => viewer.sounds > 5);
        assert.deepEqual(
          viewer.formats.map(({ generation, audio }) => [generation, audio?.codec]),
          [[1, sound]],
        );
        assert.equal(streams.status('gate').reason, undefined);
      });
    }

    it('say in words that the password is wrong, without showing it', async () => {
      const camera = await startRtspCamera(clip, 'digest:joe:right');
      cameras.define({ id: 'yard', url: `rtsp://joe:wr0ng@127.0.0.1:${camera.port}/cam` });
      const viewer = watch('yard');
      await until('a gap', () => viewer.gaps.length > 0);
      const { state, reason } = streams.status('yard');
      assert.equal(state, 'failed');
      assert.equal(reason, `no stream from 127.0.0.1:${camera.port}: it refuses the user name or password (401)`);
    });

    it('go on for the same viewers after the camera was gone for a while', async () => {
      const camera = await startRtspCamera(clip);
      cameras.define({ id: 'yard', url: `rtsp://127.0.0.1:${camera.port}/cam` });
      const viewer = watch('yard');
      await viewer.sees(5);
      await camera.kill();
      await until('a gap', () => viewer.gaps.length > 0);
      await until('another try', () => streams.status('yard').restarts >= 2);
      assert.equal(streams.status('yard').state, 'waiting');
      const before = viewer.units.length;
      await startRtspCamera(clip, 'none', camera.port);
      await until('pictures', () => viewer.units.length > before + 10, 20_000);
      assert.equal(viewer.units[before]?.isKey, true);
      await viewer.sees(before + 5);
      assert.equal(streams.status('yard').state, 'live');
    });

    it('say that the password was changed, and go on for the same viewers once it is told here', async () => {
      const camera = await startRtspCamera(clip, 'digest:eve:first');
      const address = (password: string) => `rtsp://eve:${password}@127.0.0.1:${camera.port}/cam`;
      cameras.define({ id: 'yard', url: address('first') });
      const viewer = watch('yard');
      await viewer.sees(3);
      await camera.kill();
      await startRtspCamera(clip, 'digest:eve:second', camera.port);
      await until('the reason', () => /refuses the user name or password/.test(viewer.gaps.at(-1) ?? ''), 20_000);
      assert.doesNotMatch(viewer.gaps.join(), /first|second/);
      const before = viewer.units.length;
      cameras.define({ id: 'yard', url: address('second') });
      await until('pictures', () => viewer.units.length > before + 3, 20_000);
      assert.deepEqual([streams.status('yard').state, viewer.ended], ['live', false]);
    });

    it('tell another format when the camera comes back with another resolution', async () => {
      const camera = await startRtspCamera(clip);
      cameras.define({ id: 'yard', url: `rtsp://127.0.0.1:${camera.port}/cam` });
      const viewer = watch('yard');
      await viewer.sees(3);
      await camera.kill();
      const smaller = await clipFile({ width: 160, height: 90, fps: 10, seconds: 30, gop: 10 });
      await startRtspCamera(smaller, 'none', camera.port);
      await until('another format', () => viewer.formats.length === 2, 20_000);
      await viewer.sees(viewer.units.length + 3);
      assert.deepEqual(
        viewer.formats.map(({ generation, video }) => [generation, video.width, video.height]),
        [
          [1, 320, 180],
          [2, 160, 90],
        ],
      );
    });

    it('are started anew when the camera freezes with its connection open', async () => {
      open({ sourceLimits: { silenceMs: 1000 } });
      await streams.start();
      const camera = await startRtspCamera(clip);
      cameras.define({ id: 'yard', url: `rtsp://127.0.0.1:${camera.port}/cam` });
      const viewer = watch('yard');
      await viewer.sees(5);
      camera.freeze();
      await until('a gap', () => viewer.gaps.length > 0);
      assert.match(viewer.gaps[0] ?? '', /has sent no picture for 1 s/);
    });

    it('leave the other cameras alone when one fails', async () => {
      const camera = await startRtspCamera(clip);
      cameras.define({ id: 'yard', url: `rtsp://127.0.0.1:${camera.port}/cam` });
      cameras.define({ id: 'gate', url: 'sim:gradient?width=128&height=96&fps=5' });
      const [yard, gate] = [watch('yard'), watch('gate')];
      await yard.sees(5);
      await camera.kill();
      await until('a gap', () => yard.gaps.length > 0);
      await gate.sees(15);
      assert.deepEqual([gate.gaps, streams.status('gate').restarts], [[], 0]);
    });
  });

  it('follow a camera to another address: a gap, a new format, a clock that rises', async () => {
    cameras.define({ id: 'gate', url: 'sim:gradient?width=128&height=96&fps=5' });
    const viewer = watch('gate');
    await viewer.sees(3);
    cameras.define({ id: 'gate', url: 'sim:gradient?width=160&height=96&fps=5' });
    await until('the new size', () => viewer.formats.length === 2);
    await viewer.sees(viewer.units.length + 3);
    assert.deepEqual(viewer.gaps, ['the camera was given another address']);
    assert.deepEqual(
      viewer.formats.map(({ generation, video }) => [generation, video.width]),
      [
        [1, 128],
        [2, 160],
      ],
    );
  });

  it('follow what a flow declares, and back', async () => {
    cameras.define({ id: 'gate', url: 'sim:gradient?width=128&height=96&fps=5' });
    const viewer = watch('gate');
    await viewer.sees(1);
    const release = cameras.declare({ id: 'gate', url: 'sim:gradient?width=160&height=96&fps=5' });
    await until('the declared one', () => viewer.formats.at(-1)?.video.width === 160);
    release();
    await until('the defined one', () => viewer.formats.at(-1)?.video.width === 128);
  });

  it('tell the end when the camera is removed or they stop', async () => {
    cameras.define({ id: 'gate', url: 'sim:gradient?width=128&height=96&fps=5' });
    cameras.define({ id: 'yard', url: 'sim:gradient?width=128&height=96&fps=5' });
    const [gate, yard] = [watch('gate'), watch('yard')];
    await cameras.remove('gate');
    assert.deepEqual([gate.ended, yard.ended], [true, false]);
    assert.throws(() => watch('gate'), { code: 'camera.not_found' });
    await streams.stop();
    assert.equal(yard.ended, true);
  });

  it('are told for every camera, watched or not, and of one that is not there no other one is named', () => {
    cameras.define({ id: 'gate', url: 'sim:gradient?width=128&height=96&fps=5' });
    assert.deepEqual(
      streams.list().map(({ camera, state, readers }) => [camera, state, readers]),
      [['gate', 'idle', 0]],
    );
    assert.throws(() => watch('roof'), { code: 'camera.not_found', message: 'there is no camera "roof" here' });
  });

  it('play test pictures for auto where there is no camera', async () => {
    cameras.define({ id: 'gate', url: 'auto' });
    const viewer = watch('gate');
    await until('pictures', () => viewer.units.length > 3, 20_000);
    assert.equal(viewer.formats[0]?.video.width, 1280);
  });

  it('leave no descriptor and no child behind when they are opened and closed thirty times', async () => {
    open({ hubLimits: { lingerMs: 0 } });
    await streams.start();
    const clip = await clipFile({ width: 64, height: 48, fps: 10, seconds: 1, gop: 5 });
    cameras.define({ id: 'gate', url: `file:${clip}` });
    const round = async () => {
      const viewer = new Viewer();
      const subscription = streams.subscribe('gate', viewer);
      await until('a picture', () => viewer.units.length > 0);
      subscription.close();
      await until('rest', () => streams.status('gate').state === 'idle');
    };
    await round();
    const before = (await readdir('/proc/self/fd')).length;
    for (let i = 0; i < 30; i++) await round();
    await until('no child', async () => (await ffmpegs()).length === 0);
    const after = (await readdir('/proc/self/fd')).length;
    assert.ok(after <= before + 1, `${before} descriptors before, ${after} after`);
  }).timeout(60_000);

  describe("from the Raspberry Pi's camera", () => {
    /** rpicam-vid's place taken by ffmpeg writing bare H.264; fails on options that the test does not know. */
    async function rpicam(name: string): Promise<string> {
      const folder = await temporaryFolder('rpicam');
      await mkdir(folder, { recursive: true });
      const program = join(folder, name);
      const pattern =
        '-v error -re -f lavfi -i testsrc2=s=160x90:r=10 -c:v libx264 -preset ultrafast -tune zerolatency';
      const wanted = '--timeout 0 --nopreview --flush --output -';
      const words = `case "$*" in "--camera 0 ${wanted} "*"--codec h264 --inline --intra 30"*"--low-latency"*) ;; *) echo "$*" >&2; exit 1;; esac
        exec ffmpeg ${pattern} -g 10 -flush_packets 1 -f h264 pipe:1`;
      await writeFile(program, `#!/bin/sh\n${words}\n`);
      await chmod(program, 0o755);
      return program;
    }

    /** The same, which also writes JPEGs when it is asked for those. */
    async function rpicamForStills(program: string): Promise<string> {
      const both = join(await temporaryFolder('rpicam'), 'rpicam-vid');
      const pattern = '-v error -re -f lavfi -i testsrc2=s=64x48:r=10 -c:v mjpeg';
      const words = `case "$*" in *mjpeg*) exec ffmpeg ${pattern} -f image2pipe pipe:1;; *) exec ${program} "$@";; esac`;
      await writeFile(both, `#!/bin/sh\n${words}\n`);
      await chmod(both, 0o755);
      return both;
    }

    it('come as bare H.264, by the old name of the program too', async () => {
      open({ rpicamVid: ['/no/such/rpicam-vid', await rpicam('libcamera-vid')] });
      await streams.start();
      cameras.define({ id: 'pi', url: 'rpicam:0' });
      const viewer = watch('pi');
      await viewer.sees(25);
      assert.equal(viewer.formats.length, 1);
      const spans = viewer.units.slice(1).map((unit, index) => unit.dts - (viewer.units[index]?.dts ?? 0));
      const mean = spans.reduce((sum, span) => sum + span, 0) / spans.length;
      assert.ok(mean > 60 && mean < 160, `${mean} ms from picture to picture`);
    });

    it('take 200 kb/s while they are limited, and as many as before afterwards; viewers stay', async () => {
      const stand = join(await temporaryFolder('rpicam'), 'rpicam-vid');
      await writeFile(stand, `#!/bin/sh\necho "$@" >> ${stand}.log\nexec ${await rpicam('rpicam-vid')} "$@"\n`);
      await chmod(stand, 0o755);
      open({ rpicamVid: [stand] });
      await streams.start();
      cameras.define({ id: 'pi', url: 'rpicam:0' });
      const viewer = watch('pi');
      for (const limit of [200_000, 200_000, undefined]) {
        await viewer.sees(viewer.units.length + 3);
        streams.limit(limit, limit ? 'hot' : 'cool');
      }
      await viewer.sees(viewer.units.length + 3);
      const log = await readFile(`${stand}.log`, 'utf8');
      assert.deepEqual(log.match(/--bitrate \d+/g), ['--bitrate 2000000', '--bitrate 200000', '--bitrate 2000000']);
      assert.deepEqual(viewer.gaps, ['hot', 'cool']);
    });

    it('give its stills while they run, since only one program can hold the camera', async () => {
      open({ rpicamVid: [await rpicam('rpicam-vid')], hubLimits: { lingerMs: 0 } });
      await streams.start();
      const asked: string[] = [];
      const jpeg = await sharp({ create: { width: 160, height: 90, channels: 3, background: 'teal' } })
        .jpeg({ quality: 90 })
        .toBuffer();
      cameras.takeStillsFrom({
        isRunning: (camera) => streams.isRunning(camera),
        async take(camera) {
          asked.push(camera);
          return { jpeg, takenAt: 1_795_000_000_000 };
        },
        pause: (...paused) => streams.pause(...paused),
      });
      cameras.define({ id: 'pi', url: 'rpicam:0' });
      await assert.rejects(cameras.capture('pi'), { code: 'process.missing' }, 'the driver is asked without a stream');
      const viewer = new Viewer();
      const subscription = streams.subscribe('pi', viewer);
      const still = await cameras.capture('pi', { width: 80 });
      assert.deepEqual([still.camera, still.width, still.capturedAt, asked], ['pi', 80, 1_795_000_000_000, ['pi']]);
      subscription.close();
      await until('the camera is free', () => !streams.isRunning('pi'));
      await assert.rejects(cameras.capture('pi'), { code: 'process.missing' });
    });

    it('take the camera over from stills, which come from the stream then', async () => {
      const program = await rpicam('rpicam-vid');
      const stand = await rpicamForStills(program);
      const nowhere = { usbFolder: '/no/such/folder' };
      cameras = createCameraSet({ clock: systemClock, log: silentLog, rpicamVid: [stand], search: nowhere });
      const parts = { clock: systemClock, log: silentLog, ffmpegPath: 'ffmpeg', random: () => 0.5 };
      streams = createStreams({ cameras, ...parts, rpicamVid: [stand] });
      await streams.start();
      cameras.define({ id: 'pi', url: 'rpicam:0' });
      assert.ok((await cameras.capture('pi', { width: 64 })).jpeg.length > 0);
      const holds = async () => (await childCommands()).filter((command) => command.includes('mjpeg')).length;
      assert.equal(await holds(), 1);
      const viewer = watch('pi');
      await viewer.sees(5);
      assert.equal(await holds(), 0);

      // A full still is the camera's own: the stream lets go, says why, and goes on to the same viewer.
      cameras.takeStillsFrom({
        isRunning: (camera) => streams.isRunning(camera),
        take: () => Promise.reject(new Error('not from the stream')),
        pause: (...paused) => streams.pause(...paused),
      });
      const still = await cameras.capture('pi', { full: true });
      assert.deepEqual([still.width, still.height], [64, 48], 'the size that only the stills have');
      assert.deepEqual(viewer.gaps, ['a still in full resolution is taken']);
      const before = viewer.units.length;
      await viewer.sees(before + 5);
      assert.equal(await holds(), 0);
      await assert.rejects(cameras.capture('pi'), /not from the stream/, 'without being asked for, none interrupts');
    });

    it('say what to install where the program is missing', async () => {
      cameras.define({ id: 'pi', url: 'rpicam:0' });
      const viewer = watch('pi');
      await until('a gap', () => viewer.gaps.length > 0);
      assert.match(viewer.gaps[0] ?? '', /apt install rpicam-apps-lite/);
    });
  });
});
