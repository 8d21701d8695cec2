import assert from 'node:assert/strict';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Log } from '../../../runtime/contracts/host.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { type CameraSet, type CameraSetOptions, createCameraSet } from '../../../runtime/media/camera-set.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';

const SMALL = 'sim:gradient?width=160&height=90&fps=10';

describe('the cameras of a host', () => {
  let sets: CameraSet[] = [];
  const nowhere = { rpicamVid: ['/no/such/rpicam-vid'], search: { usbFolder: '/no/such/folder' } };

  function cameras(options: Partial<CameraSetOptions> = {}): CameraSet {
    const set = createCameraSet({ clock: new FakeClock(), log: silentLog, ...nowhere, ...options });
    sets.push(set);
    return set;
  }

  afterEach(async () => {
    for (const set of sets) await set.stop();
    sets = [];
  });

  it('give stills under their id, with size, time and quality', async () => {
    const clock = new FakeClock(1_795_000_000_050);
    const set = cameras({ clock, cameras: [{ id: 'gate', url: SMALL }] });
    const still = await set.capture('gate', { jpegQuality: 70 });
    const { format, width, height } = await sharp(still.jpeg).metadata();
    assert.deepEqual({ format, width, height }, { format: 'jpeg', width: 160, height: 90 });
    assert.deepEqual(
      { ...still, jpeg: undefined },
      { camera: 'gate', capturedAt: 1_795_000_000_000, width: 160, height: 90, jpegQuality: 70, jpeg: undefined },
    );
    assert.deepEqual(set.list(), [{ id: 'gate', driver: 'sim', state: 'live', lastFrameAt: 1_795_000_000_000 }]);
  });

  it('fit a still into the box that is asked for', async () => {
    const set = cameras({ cameras: [{ id: 'gate', url: SMALL }] });
    const { width, height, jpeg } = await set.capture('gate', { width: 80, height: 80 });
    const header = await sharp(jpeg).metadata();
    assert.deepEqual([width, height, header.width, header.height], [80, 45, 80, 45]);
  });

  it('resolve an empty name to the first camera, and otherwise name what there is, but not in words that a stranger may read', () => {
    const set = cameras();
    assert.throws(() => set.resolve(''), { code: 'camera.not_found', message: 'this host has no camera' });
    set.define({ id: 'gate', url: SMALL });
    set.define({ id: 'yard', url: SMALL });
    assert.equal(set.resolve(''), 'gate');
    assert.equal(set.resolve('yard'), 'yard');
    const message = 'there is no camera "roof" here';
    const details = { known: ['gate', 'yard'] };
    assert.throws(() => set.resolve('roof'), { code: 'camera.not_found', message, details });
  });

  it('refuse a wrong URL before anything changes', async () => {
    const set = cameras({ cameras: [{ id: 'gate', url: SMALL }] });
    assert.throws(() => set.define({ id: 'gate', url: 'concat:x' }), { code: 'camera.url_invalid' });
    assert.throws(() => set.define({ id: '../etc', url: SMALL }), { code: 'camera.not_found' });
    assert.deepEqual(
      set.list().map(({ id }) => id),
      ['gate'],
    );
    assert.equal((await set.capture('gate')).camera, 'gate');
  });

  it('share one capture among callers that want the same at once', async () => {
    const set = cameras({ cameras: [{ id: 'gate', url: SMALL }] });
    const [a, b, c] = await Promise.all([set.capture('gate'), set.capture('gate'), set.capture('gate', { width: 80 })]);
    assert.equal(a?.jpeg, b?.jpeg);
    assert.equal(c?.width, 80);
  });

  it('let one caller give up while the other gets its picture', async () => {
    const set = cameras({ cameras: [{ id: 'gate', url: SMALL }] });
    const giveUp = new AbortController();
    const quitter = set.capture('gate', {}, giveUp.signal);
    const patient = set.capture('gate', {});
    giveUp.abort(new Error('enough'));
    await assert.rejects(quitter, /enough/);
    assert.equal((await patient).width, 160);
    assert.equal((await set.capture('gate')).width, 160);
  });

  it('keep the errors of one camera away from another', async () => {
    const set = cameras({
      cameras: [
        { id: 'broken', url: 'file:/no/such/clip.mp4' },
        { id: 'gate', url: SMALL },
      ],
    });
    const [broken, gate] = await Promise.allSettled([set.capture('broken'), set.capture('gate')]);
    assert.equal(gate?.status, 'fulfilled');
    assert.equal(broken?.status, 'rejected');
    const [status] = set.list();
    assert.equal(status?.state, 'failed');
    assert.match(status?.reason ?? '', /clip\.mp4 cannot be played: it is not there/);
  });

  it('follow a flow that declares a camera, and go back when it lets go', async () => {
    const set = cameras({ cameras: [{ id: 'gate', url: SMALL }] });
    const release = set.declare({ id: 'gate', url: 'sim:gradient?width=320&height=180' });
    const other = set.declare({ id: 'hall', url: SMALL });
    assert.equal((await set.capture('gate')).width, 320);
    assert.equal((await set.capture('hall')).width, 160);
    release();
    release();
    other();
    assert.equal((await set.capture('gate')).width, 160);
    assert.throws(() => set.resolve('hall'), { code: 'camera.not_found' });
  });

  it('forget a camera that is removed, but not one that a flow still declares', async () => {
    const set = cameras({
      cameras: [
        { id: 'gate', url: SMALL },
        { id: 'yard', url: SMALL },
      ],
    });
    const release = set.declare({ id: 'yard', url: SMALL });
    await set.remove('gate');
    await set.remove('yard');
    assert.deepEqual(
      set.list().map(({ id }) => id),
      ['yard'],
    );
    release();
    assert.deepEqual(set.list(), []);
  });

  it('give nothing after stop, and everything again after start', async () => {
    const set = cameras({ cameras: [{ id: 'gate', url: SMALL }] });
    await set.capture('gate');
    await set.stop();
    await set.stop();
    await assert.rejects(set.capture('gate'), { code: 'camera.unreachable' });
    await set.start();
    assert.equal((await set.capture('gate')).width, 160);
  });

  it('play test pictures for auto where no camera is found, with a warning', async () => {
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (message) => warnings.push(message), child: () => log };
    const set = cameras({ log, cameras: [{ id: 'cam', url: 'auto' }] });
    assert.equal(set.list()[0]?.driver, 'auto');
    assert.equal((await set.capture('cam', { width: 64 })).width, 64);
    assert.equal(set.list()[0]?.driver, 'sim');
    assert.match(warnings.join(), /no camera found/);
  });

  it("take the Pi's camera for auto before a USB camera", async () => {
    const folder = await temporaryFolder();
    const usbFolder = join(folder, 'by-id');
    await mkdir(usbFolder);
    await writeFile(join(folder, 'video0'), '');
    await symlink(join(folder, 'video0'), join(usbFolder, 'usb-Cam_1-video-index0'));
    const rpicam = join(folder, 'rpicam-vid');
    await writeFile(rpicam, '#!/bin/sh\necho "Available cameras"\necho "0 : imx708 [4608x2592 10-bit RGGB]"\n');
    await chmod(rpicam, 0o755);
    const search = { usbFolder };
    const withPi = cameras({ rpicamVid: [rpicam], search, cameras: [{ id: 'cam', url: 'auto' }] });
    await assert.rejects(withPi.capture('cam'), /rpicam:0/);
    assert.equal(withPi.list()[0]?.driver, 'rpicam');
    const withUsb = cameras({ search, ffmpegPath: '/no/such/ffmpeg', cameras: [{ id: 'cam', url: 'auto' }] });
    await assert.rejects(withUsb.capture('cam'), { code: 'process.missing', message: /apt install ffmpeg/ });
    assert.equal(withUsb.list()[0]?.driver, 'v4l2');
  });
});
