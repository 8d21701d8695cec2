import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandRecord } from '../../runtime/contracts/commands.ts';
import type {
  CameraSettingsAnswer,
  CameraStatusAnswer,
  ImageRecord,
  ProductRecord,
} from '../../runtime/contracts/gallery.ts';
import type { LiveSession } from '../../runtime/contracts/live.ts';
import { readJpegHeader } from '../../runtime/picture/jpeg-header.ts';
import { assertAccessible } from '../support/accessible.ts';
import { openBrowser, screenshot, troublesOf } from '../support/browser.ts';
import { buildConsoleIfOld } from '../support/console-build.ts';
import { drawnCounters } from '../support/drawn-counter.ts';
import { ADMIN_PASSWORD, EdgeUnderTest, ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

const PI_CAMERA = 'pi-cam';
const OWN_CAMERA = 'own';

buildConsoleIfOld();

describe('a picture on request, from the API through MQTT to a device and back by HTTP', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  let edge: EdgeUnderTest;

  before(async () => {
    server = await ServerUnderTest.start({ SERVICE_TIMEOUT: '8000' });
    await server.api.post('/cameras', { id: OWN_CAMERA, name: 'Own', url: 'sim:gradient' });
    edge = await EdgeUnderTest.start(server, await server.device('pi'), 'sim:gradient');
    await isThere();
  });
  after(async () => {
    await edge?.end();
    await server?.end();
  });

  const status = (camera: string) => server.api.get<CameraStatusAnswer>(`/cameras/${camera}/status`);
  const isThere = () =>
    edge.program.while('the device is connected and its cameras run', async () => {
      const { connected } = await status(PI_CAMERA);
      return connected && (await tryCapture(PI_CAMERA)).status === 201;
    });
  const tryCapture = async (camera: string, body: object = {}) => {
    const response = await fetch(`${server.url}/api/v1/cameras/${camera}/capture`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${await server.api.token()}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const files = async () => {
    const folder = join(server.folder, 'data', 'images');
    return (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.jpg'));
  };
  const command = async (name: string, args: object = {}) => {
    const { id } = await server.api.post<CommandRecord>('/devices/pi/commands', { name, args, ttl_s: 60 });
    return server.program.while(`${name} ends`, async () => {
      const record = await server.api.get<CommandRecord>(`/commands/${id}`);
      return ['done', 'failed', 'expired'].includes(record.state) && record;
    });
  };

  it('comes with its metadata, hangs on its product, is kept as a file, and goes with it', async () => {
    const product = await server.api.post<ProductRecord>('/products', { name: 'Kettle' });
    for (const camera of [PI_CAMERA, OWN_CAMERA]) {
      const asked = { exposure: 200, product_id: product.id, description: 'from above' };
      const image = await server.api.post<ImageRecord>(`/cameras/${camera}/capture`, asked);
      assert.deepEqual(
        [image.camera, image.product_id, image.description, image.exposure, image.metadata.driver],
        [camera, product.id, 'from above', 200, 'sim'],
      );
      assert.match(image.filename, /^capture_\d{8}_\d{6}_\d{3}\.jpg$/);
      const jpeg = await server.api.picture(image.image);
      assert.deepEqual([readJpegHeader(jpeg), jpeg.length], [{ width: image.width, height: image.height }, image.size]);
      // The exposure was for this picture: the camera is as it was.
      assert.equal((await server.api.get<CameraSettingsAnswer>(`/cameras/${camera}/settings`)).exposure, 100);
    }
    const { items } = await server.api.get<{ items: ImageRecord[] }>(`/products/${product.id}/images`);
    assert.deepEqual(
      items.map(({ camera }) => camera),
      [OWN_CAMERA, PI_CAMERA],
    );
    const before = (await files()).length;
    for (const { id } of items) await server.api.delete(`/images/${id}`);
    assert.equal((await files()).length, before - 2);
  });

  it('settings are read and set at a device as at the server, with ranges', async () => {
    for (const camera of [PI_CAMERA, OWN_CAMERA]) {
      const changed = await server.api.put<CameraSettingsAnswer>(`/cameras/${camera}/settings`, { gain: 2 });
      assert.deepEqual([changed.gain, changed.connected, changed.streaming], [2, true, false]);
      assert.deepEqual(changed.ranges.gain, { min: 0.1, max: 16 });
      assert.ok(changed.available_resolutions.length > 0);
      const again = await server.api.get<CameraSettingsAnswer>(`/cameras/${camera}/settings`);
      assert.deepEqual(again, changed);
      const { status: code, body } = await tryCapture(camera, { gain: 1000 });
      assert.deepEqual([code, body.code], [400, 'camera.setting_invalid']);
    }
  });

  it('commands of people are done by the device: a snapshot, its log, a restart of its flows', async () => {
    const snapshot = await command('snapshot', { width: 320 });
    const { jpeg_b64, width } = snapshot.data as { jpeg_b64: string; width: number };
    assert.equal(width, 320);
    assert.equal(readJpegHeader(Buffer.from(jpeg_b64, 'base64')).width, 320);
    const logs = command('logs', { seconds: 3 });
    const child = await edge.child();
    const restarted = await command('restart');
    assert.equal(restarted.state, 'done');
    assert.notEqual(await edge.child(child), child);
    const told = (await logs).progress as { lines: string[] }[];
    assert.ok(
      told.some(({ lines }) => lines.some((line) => line.includes('"name":"restart"'))),
      JSON.stringify(told),
    );
    const reboot = await command('reboot');
    assert.deepEqual([reboot.state, reboot.code], ['failed', 'command.forbidden']);
    await isThere();
  });

  it('is beside live pictures: a browser plays the camera of the device by WebRTC of the server, each picture as the device drew it', async () => {
    const browser = await openBrowser();
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const troubles = troublesOf(page);
    await page.goto(`${server.url}/live/${PI_CAMERA}`);
    await page.getByLabel('User name or e-mail').fill('admin');
    await page.getByLabel('Password', { exact: true }).fill(ADMIN_PASSWORD);
    await page.keyboard.press('Enter');
    await page.locator('redeye-player').getByRole('status').filter({ hasText: 'Live WebRTC' }).waitFor();
    const sessions = async () =>
      (await server.api.get<{ items: LiveSession[] }>('/sessions')).items.filter(({ camera }) => camera === PI_CAMERA);
    const [session] = await sessions();
    assert.deepEqual([session?.type, session?.user, session?.state], ['whep', 'admin', 'playing']);
    const counters = await drawnCounters(page, 30);
    assert.ok(!counters.includes(undefined), `each is to be read: ${counters.join()}`);
    assert.ok(new Set(counters).size > 15, `they move: ${counters.join()}`);
    // Forward, but for the one place where the scene begins anew.
    const back = counters.filter((counter, at) => Number(counter) < Number(counters[at - 1]));
    assert.ok(back.length <= 1, counters.join());
    await page.goto(`${server.url}/images`);
    await until('nobody watches any more', async () => (await sessions()).length === 0);
    assert.deepEqual(troubles, []);
    await browser.close();
  });

  it('is taken by an operator in the page of a camera, found among the images with its product, and deleted', async () => {
    const browser = await openBrowser();
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' });
    const troubles = troublesOf(page);
    await page.goto(`${server.url}/live/${PI_CAMERA}`);
    await page.getByLabel('User name or e-mail').fill('admin');
    await page.getByLabel('Password', { exact: true }).fill(ADMIN_PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Take a picture' }).click();
    const form = page.getByRole('dialog');
    await form.getByLabel('Product', { exact: true }).selectOption('new');
    await form.getByLabel('Name of the product').fill('Teapot');
    await form.getByRole('button', { name: 'Add product' }).click();
    await form.getByRole('option', { name: 'Teapot' }).waitFor({ state: 'attached' });
    await form.getByLabel('Description').fill('by hand');
    await assertAccessible(page, 'taking a picture');
    await screenshot(page, 'take-a-picture');
    await form.getByRole('button', { name: 'Take a picture' }).click();
    await form.getByText('Picture taken.').waitFor();
    await screenshot(page, 'picture-taken');
    await form.getByRole('link', { name: 'All images' }).click();
    await page.getByLabel('Product', { exact: true }).selectOption({ label: 'Teapot' });
    const card = page.getByRole('article');
    await until('only its pictures are there', async () => (await card.count()) === 1);
    await card.getByText('by hand').waitFor();
    await until('its picture is shown', () =>
      card.getByRole('img').evaluate((image) => (image as HTMLImageElement).naturalWidth > 0),
    );
    await assertAccessible(page, 'images');
    await screenshot(page, 'images-dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 360, height: 740 });
    await assertAccessible(page, 'images on a phone');
    await screenshot(page, 'images-phone-light');
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `nothing sticks out: ${wide}`);
    await card.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No picture of this camera and product.').waitFor();
    assert.deepEqual(troubles, []);
    await browser.close();
  });

  it('fails in the words of seed 002 when the agent is killed in the middle, and the next one works', async () => {
    const child = await edge.child();
    process.kill(child, 'SIGSTOP');
    const cut = tryCapture(PI_CAMERA);
    await server.program.while('the device has begun', async () => {
      const { items } = await server.api.get<{ items: CommandRecord[] }>('/devices/pi/commands');
      return items[0]?.name === 'capture' && items[0].state === 'accepted';
    });
    await edge.end('SIGKILL');
    const { status: code, body } = await cut;
    assert.equal(code, 503);
    assert.deepEqual(body, {
      statusCode: 503,
      error: 'Service Unavailable',
      message: 'Camera service unavailable',
      code: 'camera.unreachable',
      reason: 'The device "pi" is not connected.',
    });
    const away = await tryCapture(PI_CAMERA);
    assert.deepEqual([away.status, away.body.message], [503, 'Camera service unavailable']);
    assert.equal((await status(PI_CAMERA)).connected, false);
    // The server's own camera, and the server, do not notice.
    assert.equal((await tryCapture(OWN_CAMERA)).status, 201);
    edge.start();
    await isThere();
  });

  it('that takes too long is given up after SERVICE_TIMEOUT; nothing of it is kept', async () => {
    const child = await edge.child();
    const before = (await files()).length;
    process.kill(child, 'SIGSTOP');
    const { status: code, body } = await tryCapture(PI_CAMERA);
    process.kill(child, 'SIGCONT');
    assert.deepEqual([code, body.code, body.reason], [503, 'camera.unreachable', 'no picture within 8 s']);
    assert.equal((await tryCapture(PI_CAMERA)).status, 201);
    assert.equal((await files()).length, before + 1);
  });
});
