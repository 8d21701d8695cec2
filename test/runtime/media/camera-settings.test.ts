import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { StreamFormat } from '../../../runtime/contracts/streams.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { type CameraSet, type CameraSetOptions, createCameraSet } from '../../../runtime/media/camera-set.ts';
import { V4l2Driver } from '../../../runtime/media/drivers/v4l2.ts';
import { createStreams } from '../../../runtime/media/stream/streams.ts';
import { driverParts } from '../../support/driver-parts.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';

const SMALL = 'sim:gradient?width=160&height=90&fps=10';
const RPICAM = fileURLToPath(new URL('../../support/rpicam-vid.ts', import.meta.url));

describe('the settings of a camera', () => {
  const sets: CameraSet[] = [];

  function cameras(url: string, options: Partial<CameraSetOptions> = {}): CameraSet {
    const set = createCameraSet({ clock: new FakeClock(), log: silentLog, cameras: [{ id: 'gate', url }], ...options });
    sets.push(set);
    return set;
  }

  afterEach(async () => {
    for (const set of sets.splice(0)) await set.stop();
  });

  it('tell how it stands and what can be changed', async () => {
    const { ranges, available_resolutions: sizes, ...now } = await cameras(SMALL).settings('gate');
    assert.deepEqual(now, { exposure: 100, gain: 1, resolution: { width: 160, height: 90 }, fps: 10 });
    assert.deepEqual(ranges.exposure, { min: 1, max: 1000 });
    assert.deepEqual(sizes[0], { width: 160, height: 90 });
    assert.ok(sizes.some(({ width }) => width === 1280));
  });

  it('hold for the stills from then on: another size, twice the light', async () => {
    const set = cameras(SMALL);
    const before = await brightness((await set.capture('gate')).jpeg);
    const told = await set.applySettings('gate', { exposure: 150, resolution: { width: 640, height: 360 } });
    assert.deepEqual([told.exposure, told.gain, told.resolution], [150, 1, { width: 640, height: 360 }]);
    const still = await set.capture('gate');
    assert.deepEqual([still.width, still.height], [640, 360]);
    assert.ok((await brightness(still.jpeg)) > 1.3 * before);
    await set.applySettings('gate', { exposure: null });
    assert.equal((await set.capture('gate')).width, 640);
    assert.ok(Math.abs((await brightness((await set.capture('gate')).jpeg)) - before) < 5);
  });

  it('are refused in words where the camera cannot, and nothing changes', async () => {
    const set = cameras(SMALL);
    const wrong = [
      [{ exposure: 0 }, /exposure of this camera must be from 1 to 1000 ms, or null/],
      [{ fps: Number.NaN }, /fps of this camera must be from 0.1 to 60 pictures a second/],
      [{ gain: 5, resolution: { width: 12, height: 9 } }, /resolution of this camera must be one of 160x90, 640x360/],
    ] as const;
    for (const [change, message] of wrong) {
      await assert.rejects(set.applySettings('gate', change), { code: 'camera.setting_invalid', message });
    }
    assert.equal((await set.settings('gate')).gain, 1);
    await assert.rejects(set.applySettings('porch', { gain: 2 }), { code: 'camera.not_found' });
    const clip = cameras('file:/no/such/clip.mp4');
    assert.deepEqual(await clip.settings('gate'), { ranges: {}, available_resolutions: [] });
    await assert.rejects(clip.applySettings('gate', { gain: 2 }), { code: 'camera.setting_invalid' });
  });

  it('go with the camera: another address begins with its own', async () => {
    const set = cameras(SMALL);
    await set.applySettings('gate', { gain: 4 });
    set.define({ id: 'gate', url: SMALL.replace('fps=10', 'fps=20') });
    assert.equal((await set.settings('gate')).gain, 1);
  });

  it('change the stream under its readers, who get another format after a gap', async () => {
    const set = cameras(SMALL, { clock: systemClock });
    const common = { clock: systemClock, log: silentLog, ffmpegPath: 'ffmpeg', rpicamVid: [] };
    const streams = createStreams({ ...common, cameras: set });
    await streams.start();
    try {
      const formats: StreamFormat[] = [];
      const seen: string[] = [];
      streams.subscribe('gate', {
        onFormat: (format) => {
          formats.push(format);
          seen.push(`${format.video.width}`);
        },
        onVideo: () => seen.push('picture'),
        onGap: (reason) => seen.push(reason),
      });
      await until('it runs', () => seen.length > 3);
      await set.applySettings('gate', { resolution: { width: 640, height: 360 }, fps: 15 });
      await until('it runs again', () => seen.filter((what) => what === 'picture').length > 6 && formats.length === 2);
      assert.deepEqual(
        seen.filter((what) => what !== 'picture'),
        ['160', 'the camera starts anew with other settings', '640'],
      );
      assert.deepEqual(
        formats.map(({ generation }) => generation),
        [1, 2],
      );
      assert.equal(streams.status('gate').readers, 1);
    } finally {
      await streams.stop();
    }
  });

  it("go to the Pi's own program at its start", async () => {
    const folder = await temporaryFolder();
    const program = join(folder, 'rpicam-vid');
    const asked = join(folder, 'asked');
    await writeFile(program, `#!/bin/sh\necho "$@" >> "${asked}"\nexec "${process.execPath}" "${RPICAM}" "$@"\n`);
    await chmod(program, 0o755);
    const set = cameras('rpicam:0', { clock: systemClock, rpicamVid: [program], limits: { settleMs: 50 } });
    assert.deepEqual((await set.settings('gate')).exposure, null);
    await set.applySettings('gate', { exposure: 8, gain: 2, resolution: { width: 640, height: 480 } });
    const { width, height } = await set.capture('gate');
    assert.deepEqual([width, height], [640, 480]);
    assert.match(await readFile(asked, 'utf8'), /--shutter 8000 --gain 2/);
    await set.applySettings('gate', { exposure: null, gain: null });
    await set.capture('gate');
    const last = (await readFile(asked, 'utf8')).trim().split('\n').at(-1) ?? '';
    assert.doesNotMatch(last, /shutter|gain/);
  });

  it('of a USB camera: light is set while it runs, by v4l2-ctl', async () => {
    const folder = await temporaryFolder();
    const asked = join(folder, 'asked');
    const [ffmpegPath, v4l2Ctl] = [join(folder, 'ffmpeg'), join(folder, 'v4l2-ctl')];
    const formats = '[v4l2 @ 0x55] Compressed: mjpeg : Motion-JPEG : 640x480 1280x720';
    const controls = `
                           gain 0x00980913 (int)    : min=0 max=100 step=1 default=0 value=4
                  auto_exposure 0x009a0901 (menu)   : min=0 max=3 default=3 value=3 (Aperture Priority Mode)
         exposure_time_absolute 0x009a0902 (int)    : min=1 max=5000 step=1 default=157 value=157 flags=inactive`;
    await writeFile(ffmpegPath, `#!/bin/sh\necho '${formats}' >&2\nexit 1\n`);
    await writeFile(v4l2Ctl, `#!/bin/sh\necho "$@" >> "${asked}"\necho '${controls}'\n`);
    for (const program of [ffmpegPath, v4l2Ctl]) await chmod(program, 0o755);
    const { control: face } = new V4l2Driver('/dev/video0', driverParts({ ffmpegPath, v4l2Ctl }));
    assert.deepEqual(await face.read(), {
      exposure: null,
      gain: 4,
      fps: 30,
      ranges: { exposure: { min: 0.1, max: 500 }, gain: { min: 0, max: 100 }, fps: { min: 1, max: 60 } },
      available_resolutions: [
        { width: 640, height: 480 },
        { width: 1280, height: 720 },
      ],
    });
    await writeFile(asked, '');
    assert.equal(await face.apply({ exposure: 10, gain: 7 }), 'done');
    const sent = (await readFile(asked, 'utf8')).trim().split('\n');
    assert.deepEqual(sent.slice(1), [
      '--device /dev/video0 --set-ctrl auto_exposure=1',
      '--device /dev/video0 --set-ctrl exposure_time_absolute=100',
      '--device /dev/video0 --set-ctrl gain=7',
    ]);
    assert.equal(await face.apply({ resolution: { width: 640, height: 480 } }), 'restart');
  });

  it('of a USB camera without v4l2-ctl: size and rate only', async () => {
    const ffmpegPath = join(await temporaryFolder(), 'ffmpeg');
    await writeFile(ffmpegPath, "#!/bin/sh\necho '[v4l2 @ 0x5] Raw : yuyv422 : YUYV 4:2:2 : 640x480' >&2\nexit 1\n");
    await chmod(ffmpegPath, 0o755);
    const parts = driverParts({ ffmpegPath, v4l2Ctl: '/no/such/v4l2-ctl' });
    const { ranges } = await new V4l2Driver('/dev/video0', parts).control.read();
    assert.deepEqual(Object.keys(ranges), ['fps']);
  });
});

async function brightness(jpeg: Buffer): Promise<number> {
  const { channels } = await sharp(jpeg).stats();
  return channels.reduce((sum, { mean }) => sum + mean, 0) / channels.length;
}
