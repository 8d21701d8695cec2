import assert from 'node:assert/strict';
import sharp from 'sharp';
import { RtspDriver } from '../../../../runtime/media/drivers/rtsp.ts';
import { childCommands } from '../../../support/children.ts';
import { patternClip } from '../../../support/clips.ts';
import { driverParts } from '../../../support/driver-parts.ts';
import { startRtspCamera, stopRtspCameras } from '../../../support/rtsp-camera.ts';
import { until } from '../../../support/until.ts';

describe('an RTSP camera', () => {
  let clip = '';
  const drivers: RtspDriver[] = [];

  function driver(port: number, login = '', parts = driverParts()): RtspDriver {
    const made = new RtspDriver(`rtsp://${login}127.0.0.1:${port}/cam`, parts);
    drivers.push(made);
    return made;
  }

  async function decoders(): Promise<string[]> {
    return (await childCommands()).filter((command) => command.includes('concat'));
  }

  before(async () => {
    clip = await patternClip(60);
  });

  afterEach(async () => {
    for (const made of drivers.splice(0)) await made.close();
    assert.deepEqual(await decoders(), []);
    await stopRtspCameras();
  });

  it('gives pictures of now, in the size and quality asked for, from one decoder', async () => {
    const camera = await startRtspCamera(clip);
    const made = driver(camera.port);
    await made.open();
    const first = await made.capture({ width: 160, jpegQuality: 60 });
    const { format, width, height } = await sharp(first.jpeg).metadata();
    assert.deepEqual({ format, width, height }, { format: 'jpeg', width: 160, height: 90 });
    assert.equal(first.jpegQuality, 60);
    const next = await until('a newer picture', async () => {
      const picture = await made.capture({ width: 160, jpegQuality: 60 });
      return picture.capturedAt > first.capturedAt && picture;
    });
    assert.ok(!next.jpeg.equals(first.jpeg));
    assert.equal((await decoders()).length, 1);
    assert.equal(made.status().state, 'live');
  });

  for (const login of ['basic:joe:s3 cr@t', 'digest:joe:s3 cr@t']) {
    it(`is let in by ${login.split(':')[0]}, with the password in no list of processes`, async () => {
      const camera = await startRtspCamera(clip, login);
      const made = driver(camera.port, 'joe:s3%20cr%40t@');
      assert.ok((await made.capture({})).jpeg.length > 0);
      const [command = ''] = await decoders();
      assert.match(command, /pipe:0/);
      assert.doesNotMatch(command, /s3|joe/);
    });
  }

  it('says in words that the password is wrong, without showing it', async () => {
    const camera = await startRtspCamera(clip, 'digest:joe:right');
    const made = driver(camera.port, 'joe:wr0ng@');
    await assert.rejects(made.capture({}), {
      code: 'camera.unreachable',
      message: `no picture from 127.0.0.1:${camera.port}: it refuses the user name or password (401)`,
    });
    assert.doesNotMatch(JSON.stringify(made.status()), /wr0ng/);
    assert.equal(made.status().state, 'failed');
  });

  it('says when there is nothing at the address', async () => {
    const camera = await startRtspCamera(clip);
    await camera.kill();
    await assert.rejects(driver(camera.port).capture({}), /connection refused/);
  });

  it('has pictures again after the camera was gone for a while', async () => {
    const camera = await startRtspCamera(clip);
    const made = driver(camera.port);
    await made.capture({});
    await camera.kill();
    await until('trouble', () => made.status().state !== 'live');
    await until('failure', () => made.status().state === 'failed');
    await startRtspCamera(clip, 'none', camera.port);
    const back = await until('pictures', () => made.capture({}).catch(() => undefined));
    assert.ok(back.jpeg.length > 0);
    assert.equal(made.status().state, 'live');
  });

  it('gives up a camera that has frozen with its connection open', async () => {
    const camera = await startRtspCamera(clip);
    const made = driver(camera.port, '', driverParts({ limits: { silenceMs: 1000 } }));
    await made.capture({});
    camera.freeze();
    await until('a stall', () => made.status().state === 'stalled');
    assert.match(made.status().reason ?? '', /gave no picture/);
  });

  it('names ffmpeg and how to get it where it is missing', async () => {
    const made = driver(1, '', driverParts({ ffmpegPath: '/no/such/ffmpeg' }));
    await assert.rejects(made.open(), { code: 'process.missing', message: /apt install ffmpeg/ });
  });
});
