import assert from 'node:assert/strict';
import { parseCameraUrl } from '../../../../runtime/media/camera-url.ts';
import { RelabDriver } from '../../../../runtime/media/drivers/relab.ts';
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
});
