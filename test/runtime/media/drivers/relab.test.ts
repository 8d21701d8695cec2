import assert from 'node:assert/strict';
import { parseCameraUrl } from '../../../../runtime/media/camera-url.ts';
import { RelabDriver } from '../../../../runtime/media/drivers/relab.ts';
import { wordsIn } from '../../../../runtime/media/drivers/relab-words.ts';
import { driverParts } from '../../../support/driver-parts.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { RelabCamera } from '../../../support/relab-camera.ts';
import { until } from '../../../support/until.ts';

describe('the Pi camera API of seed 000 as a camera', () => {
  const cameras: RelabCamera[] = [];
  const drivers: RelabDriver[] = [];

  async function camera(dialect: 'A' | 'B', key?: string): Promise<RelabCamera> {
    const made = await RelabCamera.open(dialect, key);
    cameras.push(made);
    return made;
  }

  function driver(url: string, parts = driverParts()): RelabDriver {
    const parsed = parseCameraUrl(url);
    assert.equal(parsed.kind, 'relab');
    const made = new RelabDriver((parsed as { url: string }).url, parts);
    drivers.push(made);
    return made;
  }

  afterEach(async () => {
    for (const made of drivers.splice(0)) await made.close();
    for (const made of cameras.splice(0)) await made.stop();
  });

  it('dialect A: an image is taken, then fetched by its id, with the key each time', async () => {
    const pi = await camera('A');
    const made = driver(pi.url);
    const picture = await made.capture({});
    assert.deepEqual([picture.width, picture.height], [640, 480]);
    assert.equal(picture.capturedAt, Date.UTC(2026, 10, 20, 12));
    assert.deepEqual(
      pi.asked.map(({ method, path, key }) => [method, path.replace(/[0-9a-f]{32}/, 'id'), key]),
      [
        ['GET', '/camera/status', 'CAM_pi-key'],
        ['POST', '/images', 'CAM_pi-key'],
        ['GET', '/images/id', 'CAM_pi-key'],
      ],
    );
    const { exposure, gain, streaming } = await made.settings();
    assert.deepEqual([exposure, gain, streaming], [12.5, 2.5, false]);
    await assert.rejects(made.change({ exposure: 5 }), { code: 'request.invalid' });
  });

  it('dialect B: no address of another host is followed, with our key least of all', async () => {
    const pi = await camera('B');
    const thief = await camera('A', 'no key');
    pi.foreign = `http://127.0.0.1:${thief.port}/images/stolen.jpg`;
    const picture = await driver(pi.url).capture({});
    assert.equal(picture.width, 640);
    assert.deepEqual(thief.asked, []);
    assert.equal(pi.asked.at(-1)?.path, '/preview-thumbnail.jpg');
    pi.fault = 'queued';
    assert.equal((await driver(pi.url).capture({})).width, 640);
  });

  it('dialect B: exposure and gain are controls', async () => {
    const pi = await camera('B');
    const made = driver(pi.url);
    await made.capture({ exposure: 8, gain: 4 });
    assert.deepEqual(pi.controls, { ExposureTime: 8000, AnalogueGain: 4 });
    const { exposure, gain } = await made.settings();
    assert.deepEqual([exposure, gain], [8, 4]);
  });

  it('says in words what is wrong: key, stream, failure, a lie, silence', async () => {
    const clock = new FakeClock();
    const pi = await camera('A');
    await assert.rejects(driver(pi.url.replace('CAM_pi-key', 'CAM_other')).capture({}), { code: 'camera.key_refused' });
    const made = driver(pi.url, driverParts({ clock }));
    pi.fault = 'streaming';
    await assert.rejects(made.capture({}), { code: 'camera.busy', message: 'Stream is active' });
    pi.fault = 'failing';
    await assert.rejects(made.capture({}), { code: 'camera.no_picture', message: 'Failed to capture image' });
    pi.fault = 'no jpeg';
    await assert.rejects(made.capture({}), { code: 'camera.bad_answer', message: /no JPEG/ });
    pi.fault = 'hanging';
    const late = assert.rejects(made.capture({}), {
      code: 'camera.unreachable',
      message: 'Camera service unavailable',
    });
    const asked = pi.asked.length;
    await until('the request is there', () => pi.asked.length > asked);
    await clock.advance(31_000);
    await late;
    pi.fault = 'none';
    assert.equal((await made.capture({})).width, 640);
  });

  it('keeps what the camera said of a picture, in one spelling, and nothing that is no word of it', async () => {
    const [a, b] = [await camera('A'), await camera('B')];
    const told = (await driver(a.url).capture({})).told;
    assert.deepEqual(told?.camera_properties?.camera_model, 'imx708');
    assert.deepEqual(told?.capture_metadata?.lux, 300);
    assert.deepEqual((await driver(b.url).capture({})).told, told);
    assert.deepEqual(
      wordsIn({
        image_properties: { width: 1 },
        camera_properties: { Model: 'x'.repeat(101), PixelArraySize: [1, 2], unit_cell_size: ['1'], secret: 'k' },
        capture_metadata: { ExposureTime: 12_500, lux: null, AnalogueGain: Number.NaN, __proto__: { digital_gain: 2 } },
        others: { lux: 1 },
      }),
      { camera_properties: { pixel_array_size: [1, 2] }, capture_metadata: { exposure_time: 12_500 } },
    );
    for (const nothing of [undefined, null, 'words', [], { camera_properties: 'imx708' }])
      assert.equal(wordsIn(nothing), undefined);
  });

  for (const dialect of ['A', 'B'] as const) {
    it(`dialect ${dialect}: sends to YouTube what it is told, once; what it says of it has no key`, async () => {
      const pi = await camera(dialect);
      const { remote } = driver(pi.url);
      assert.equal(await remote.ingestion(), dialect === 'A' ? 'hls' : 'rtmp');
      assert.equal(await remote.youtube(), undefined);
      const target = { key: 'abcd-1234', broadcast: 'b1' };
      await remote.startYoutube(target);
      await remote.startYoutube(target);
      const running = await remote.youtube();
      assert.deepEqual([running?.mode, running?.url], ['youtube', 'https://youtube.com/watch?v=b1']);
      assert.ok(!JSON.stringify([running, await remote.status()]).includes('abcd-1234'));
      await assert.rejects(remote.startYoutube({ ...target, broadcast: 'b2' }), { code: 'camera.busy' });
      await assert.rejects(remote.startYoutube({ key: 'a b', broadcast: 'b1' }), { code: 'request.invalid' });
      await remote.stopYoutube();
      await remote.stopYoutube();
      assert.equal(pi.streams.youtube, undefined);
      await assert.rejects(driver(pi.url.replace('CAM_pi-key', 'x')).remote.youtube(), { code: 'camera.key_refused' });
      pi.fault = 'garbled';
      await assert.rejects(remote.status(), { code: 'camera.bad_answer' });
    });
  }

  it('shows itself live by its own HLS: a file that is not there is no trouble, a wrong key is; a playlist is waited for', async () => {
    const a = await camera('A');
    const ofA = driver(a.url).remote;
    assert.equal(await ofA.stopPreview(), false);
    assert.deepEqual([(await ofA.startPreview()).mode, a.streams.local !== undefined], ['local', true]);
    await assert.rejects(ofA.startPreview(), { code: 'camera.busy' });
    assert.match(String(await ofA.previewFile('cam-preview/index.m3u8')), /^#EXTM3U/);
    assert.equal((await ofA.previewFile('segment_000.ts'))?.length, 7 * 188);
    assert.equal(await ofA.previewFile('segment_999.ts'), undefined);
    a.key = 'another';
    await assert.rejects(ofA.previewFile('master.m3u8'), { code: 'camera.key_refused' });
    a.key = 'CAM_pi-key';
    assert.deepEqual([await ofA.stopPreview(), a.streams.local], [true, undefined]);

    const clock = new FakeClock();
    const b = await camera('B');
    const ofB = driver(b.url, driverParts({ clock })).remote;
    const asked = () => b.asked.filter(({ path }) => path.endsWith('index.m3u8')).length;
    b.streams.sleepy = 3;
    const playlist = ofB.previewFile('master.m3u8');
    const from = clock.now();
    await until('it is asked for the fourth time', async () => {
      await clock.advance(250);
      return asked() === 4;
    });
    assert.ok(clock.now() - from >= 250 + 500 + 1000);
    assert.match(String(await playlist), /^#EXTM3U/);
    assert.equal(asked(), 4);
    assert.equal(await ofB.previewFile('part_9.mp4'), undefined);
  });
});
