import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { createCameraTest } from '../../../runtime/media/camera-test.ts';
import { createUrlCheck } from '../../../runtime/media/url-policy.ts';
import { patternClip, rampClip } from '../../support/clips.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { closedPort } from '../../support/ports.ts';
import { startRtspCamera, stopRtspCameras } from '../../support/rtsp-camera.ts';

const SECRET = 'wr0ng-pass-word';

describe('trying a camera', function () {
  this.timeout(60_000);
  let clipsDir: string;
  /** The test's RTSP camera ends with its clip: these are longer than a try. */
  let pattern: string;
  let phone: string;
  const tester = (allow: string[] = ['127.0.0.0/8']) =>
    createCameraTest({ clock: systemClock, ffmpegPath: 'ffmpeg', checkUrl: createUrlCheck({ allow, clipsDir }) });

  before(async () => {
    clipsDir = join(await temporaryFolder(), 'clips');
    await mkdir(clipsDir);
    await rename(await patternClip(3), join(clipsDir, 'pattern.mp4'));
    await rename(await rampClip(3), join(clipsDir, 'phone.mp4'));
    [pattern, phone] = await Promise.all([patternClip(60), rampClip(60)]);
    await writeFile(join(clipsDir, 'notes.mp4'), 'no video at all');
  });

  afterEach(stopRtspCameras);

  it('tells size and codec of a good clip, and that live works', async () => {
    const answer = await tester()(`file:${join(clipsDir, 'pattern.mp4')}`);
    assert.ok(answer.ok, JSON.stringify(answer));
    const { driver, width, height, live } = answer;
    assert.deepEqual([driver, width, height], ['file', 320, 180]);
    assert.deepEqual([live.works, live.webrtc, live.width, live.height, live.b_frames], [true, true, 320, 180, false]);
    assert.match(live.codec ?? '', /^avc1\.42/);
    assert.equal(live.reason, undefined);
  });

  it('says what live viewing of a clip with B-frames costs', async () => {
    const answer = await tester()(`file:${join(clipsDir, 'phone.mp4')}`);
    assert.ok(answer.ok, JSON.stringify(answer));
    assert.deepEqual([answer.live.works, answer.live.webrtc], [true, true]);
    assert.match(answer.live.reason ?? '', /encoded on this machine.*B-frames/);
  });

  it('says of an RTSP camera with B-frames that WebRTC cannot carry them', async () => {
    const { port } = await startRtspCamera(phone);
    const answer = await tester()(`rtsp://127.0.0.1:${port}/cam`);
    assert.ok(answer.ok, JSON.stringify(answer));
    assert.deepEqual([answer.live.works, answer.live.webrtc, answer.live.b_frames], [true, false, true]);
    assert.match(answer.live.reason ?? '', /B-frames.*HLS/);
  });

  it('says that a clip is missing, or is none', async () => {
    const missing = await tester()(`file:${join(clipsDir, 'gone.mp4')}`);
    assert.ok(!missing.ok);
    assert.match(missing.reason, /no clip gone\.mp4/);
    const broken = await tester()(`file:${join(clipsDir, 'notes.mp4')}`);
    assert.ok(!broken.ok);
    assert.equal(broken.code, 'camera.unreachable');
    assert.match(broken.reason, /notes\.mp4 cannot be played/);
  });

  it('says that nothing listens there, without the password', async () => {
    const answer = await tester()(`rtsp://eve:${SECRET}@127.0.0.1:${await closedPort()}/cam`);
    assert.ok(!answer.ok);
    assert.equal(answer.code, 'camera.unreachable');
    assert.match(answer.reason, /refused/);
    assert.doesNotMatch(JSON.stringify(answer), new RegExp(SECRET));
  });

  it('does not tell a password of one letter by the gaps in its words', async () => {
    const answer = await tester()(`rtsp://eve:e@127.0.0.1:${await closedPort()}/cam`);
    assert.ok(!answer.ok);
    assert.match(answer.reason, /refused/);
    assert.doesNotMatch(answer.reason, /eve|•/);
  });

  for (const kind of ['basic', 'digest']) {
    it(`says that name or password are wrong (${kind}), and takes the right ones`, async () => {
      const { port } = await startRtspCamera(pattern, `${kind}:eve:right`);
      const wrong = await tester()(`rtsp://eve:${SECRET}@127.0.0.1:${port}/cam`);
      assert.ok(!wrong.ok);
      assert.match(wrong.reason, /password/);
      assert.doesNotMatch(JSON.stringify(wrong), new RegExp(SECRET));
      const right = await tester()(`rtsp://eve:right@127.0.0.1:${port}/cam`);
      assert.ok(right.ok, JSON.stringify(right));
      assert.deepEqual([right.driver, right.width, right.live.works], ['rtsp', 320, true]);
    });
  }

  it('reaches nothing outside of CAMERA_URL_ALLOW, and names the setting', async () => {
    const server = createServer(() => assert.fail('it was reached')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const answer = await tester(['10.0.0.0/8'])(`rtsp://eve:${SECRET}@127.0.0.1:${port}/cam`);
    assert.ok(!answer.ok);
    assert.equal(answer.code, 'camera.url_invalid');
    assert.match(answer.reason, /CAMERA_URL_ALLOW/);
    assert.doesNotMatch(JSON.stringify(answer), new RegExp(SECRET));
    const file = await tester()('file:/etc/hostname');
    assert.ok(!file.ok && file.code === 'camera.url_invalid');
    server.close();
  });

  it('says what an address may look like when it is none', async () => {
    const answer = await tester()('nonsense://x');
    assert.ok(!answer.ok);
    assert.equal(answer.code, 'camera.url_invalid');
    assert.match(answer.reason, /allowed is/);
  });

  it('tries two at once and no more', async () => {
    const test = tester();
    const url = `file:${join(clipsDir, 'gone.mp4')}`;
    const tries = [test(url), test(url)];
    await assert.rejects(test(url), { code: 'stream.busy' });
    for (const answer of await Promise.all(tries)) assert.equal(answer.ok, false);
    assert.equal((await test(url)).ok, false);
  });
});
