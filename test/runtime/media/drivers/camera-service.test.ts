import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { HttpDriver } from '../../../../runtime/media/drivers/http.ts';
import type { DriverParts } from '../../../../runtime/media/drivers/parts.ts';
import { CameraService } from '../../../support/camera-service.ts';
import { driverParts } from '../../../support/driver-parts.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { until } from '../../../support/until.ts';

const GONE = { code: 'camera.unreachable', message: 'Camera service unavailable' };

describe('the camera service of seed 002 as a camera', () => {
  const open: { stop(): Promise<void> }[] = [];
  const drivers: HttpDriver[] = [];

  async function service(options: Parameters<typeof CameraService.open>[0]): Promise<CameraService> {
    const made = await CameraService.open(options);
    open.push(made);
    return made;
  }

  function driver(url: string, parts: Partial<DriverParts> = {}): HttpDriver {
    const made = new HttpDriver(url, driverParts(parts));
    drivers.push(made);
    return made;
  }

  afterEach(async () => {
    for (const made of drivers.splice(0)) await made.close();
    for (const made of open.splice(0)) await made.stop();
  });

  for (const dialect of ['seed', 'current'] as const) {
    it(`gives its picture in the ${dialect} dialect, exposed as asked`, async () => {
      const there = await service({ dialect });
      const camera = driver(there.url);
      const picture = await camera.capture({ exposure: 40, gain: 2 });
      const { width, height, format } = await sharp(picture.jpeg).metadata();
      assert.deepEqual([format, width, height, picture.width, picture.height], ['jpeg', 640, 480, 640, 480]);
      assert.ok(Math.abs(picture.capturedAt - Date.now()) < 5000);
      assert.deepEqual(there.asked.find(({ path }) => path === '/capture')?.body, { exposure: 40, gain: 2 });
      assert.deepEqual([picture.exposure, picture.gain], [40, 2], 'as the service says with the picture');
      assert.equal(camera.status().state, 'live');
      assert.equal(camera.kind, 'http');
    });

    it(`tells and takes settings in the ${dialect} dialect`, async () => {
      const there = await service({ dialect });
      const camera = driver(there.url);
      const settings = await camera.settings();
      assert.deepEqual(
        [settings.exposure, settings.gain, settings.connected, settings.streaming],
        [100, 1, true, false],
      );
      assert.deepEqual(settings.resolution, { width: 640, height: 480 });
      assert.equal(settings.availableResolutions.length, dialect === 'seed' ? 3 : 1);
      assert.deepEqual(settings.exposureRange, dialect === 'seed' ? undefined : { min: 0.1, max: 2000 });
      assert.equal((await camera.change({ exposure: 150 })).exposure, 150);
      assert.deepEqual([there.exposure, there.gain], [150, 1]);
      await assert.rejects(camera.change({ gain: -1 }), { code: 'request.invalid', message: /^gain: Input should be/ });
    });
  }

  it('shows the token in its address, and says when that is refused', async () => {
    const there = await service({ dialect: 'current', token: 'abc.def' });
    const withToken = there.url.replace('http://', 'http://:abc.def@');
    assert.ok((await driver(withToken).capture({})).jpeg.length > 0);
    await assert.rejects(driver(there.url).capture({}), { code: 'camera.key_missing' });
  });

  it('takes a frame of its stream where files are not served, and asks for files once', async () => {
    const there = await service({ dialect: 'seed', servesFiles: false });
    const camera = driver(there.url);
    assert.equal((await camera.capture({})).width, 640);
    assert.equal((await camera.capture({})).width, 640);
    assert.equal(there.asked.filter(({ path }) => path.startsWith('/captures/')).length, 1);
  });

  it('says exactly "Camera not connected" when its camera is gone, and works when it is back', async () => {
    const there = await service({ dialect: 'seed' });
    const camera = driver(there.url);
    there.fault = 'disconnected';
    await assert.rejects(camera.capture({}), { code: 'camera.no_picture', message: 'Camera not connected' });
    assert.deepEqual(camera.status(), { state: 'failed', reason: 'Camera not connected' });
    await assert.rejects(camera.settings(), { code: 'camera.no_picture', message: 'Camera not connected' });
    there.fault = 'failing';
    await assert.rejects(camera.capture({}), { code: 'camera.no_picture', message: 'Capture failed: no frame' });
    there.fault = 'none';
    assert.equal((await camera.capture({})).width, 640);
    assert.equal(camera.status().state, 'live');
  });

  it('says exactly "Camera service unavailable" when the service is gone, and finds it again', async () => {
    const there = await service({ dialect: 'current' });
    const camera = driver(there.url);
    await there.stop();
    await assert.rejects(camera.capture({}), GONE);
    assert.match(camera.status().reason ?? '', /^Camera service unavailable/);
    await there.start();
    assert.equal((await camera.capture({})).width, 640);
    await there.stop();
    await assert.rejects(camera.capture({}), GONE);
    assert.match(camera.status().reason ?? '', /^Camera service unavailable: ./);
  });

  it('gives a slow service 30 s and no more, and lets go of the request', async () => {
    const clock = new FakeClock();
    const there = await service({ dialect: 'seed' });
    const camera = driver(there.url, { clock });
    await camera.capture({});
    there.fault = 'hanging';
    const answer = camera.capture({}).then(
      () => 'a picture',
      (error) => error,
    );
    await until('the request is there', () => there.waiting === 1);
    await clock.advance(29_999);
    assert.equal(await Promise.race([answer, new Promise((resolve) => setImmediate(resolve, 'waits'))]), 'waits');
    await clock.advance(1001);
    const error = await answer;
    assert.deepEqual([error.code, error.message], [GONE.code, GONE.message]);
    assert.equal(error.details.reason, 'no answer within 30 s');
    there.fault = 'none';
    assert.equal((await camera.capture({})).width, 640);
  });

  it('waits as long as SERVICE_TIMEOUT says', async () => {
    const clock = new FakeClock();
    const there = await service({ dialect: 'seed' });
    there.fault = 'hanging';
    const refused = assert.rejects(driver(there.url, { clock, serviceTimeoutMs: 1500 }).capture({}), GONE);
    await until('the request is there', () => there.waiting === 1);
    await clock.advance(1500);
    await refused;
  });

  it('outlives a service that crashes in the middle of its answer', async () => {
    const there = await service({ dialect: 'seed' });
    const camera = driver(there.url);
    there.fault = 'crashing';
    await assert.rejects(camera.capture({}), GONE);
    there.fault = 'none';
    assert.equal((await camera.capture({})).width, 640);
  });

  for (const [fault, message] of [
    ['no jpeg', /no JPEG/],
    ['wrong size', /announced 1920x480 and gave 640x480/],
    ['cut off', /announced \d+ bytes and gave/],
    ['strange name', /named no file/],
  ] as const) {
    it(`believes no picture with: ${fault}`, async () => {
      const there = await service({ dialect: 'seed' });
      const camera = driver(there.url);
      there.fault = fault;
      await assert.rejects(camera.capture({}), { code: 'camera.bad_answer', message });
      there.fault = 'none';
      assert.equal((await camera.capture({})).width, 640);
    });
  }

  it('follows no redirect, and takes no page for a camera', async () => {
    let status = 302;
    const seen: string[] = [];
    const other = createServer((req, res) => {
      seen.push(req.url ?? '');
      res.writeHead(status, { Location: '/elsewhere', 'Content-Type': 'text/html' }).end('<p>hello</p>');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    open.push({
      async stop() {
        other.closeAllConnections();
        await new Promise((resolve) => other.close(resolve));
      },
    });
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    await assert.rejects(driver(url).capture({}), GONE);
    status = 200;
    await assert.rejects(driver(url).capture({}), { code: 'camera.no_picture', message: /no camera service/ });
    // The last one: whether pictures answer at the address itself.
    assert.deepEqual(seen, ['/health', '/health', '/']);
  });
});
