import assert from 'node:assert/strict';
import type { CommandRecord } from '../../runtime/contracts/commands.ts';
import type { ImageRecord, ProductRecord } from '../../runtime/contracts/gallery.ts';
import { readJpegHeader } from '../../runtime/picture/jpeg-header.ts';
import { freePorts } from '../support/ports.ts';
import { lives } from '../support/programs.ts';
import { EdgeUnderTest, ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

const FIELDS = ['expires_at', 'image_id', 'image_url', 'metadata', 'status'];
const AT_PI = { exposure_time: 100_000, analogue_gain: 1 };

/** Seed 000, S0.35: a capture at the Pi's own API goes to the backend, now or when it is back, and never twice. */
describe('S0.35: the store-and-forward queue of a Pi, against the running server', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  let edge: EdgeUnderTest;
  let url: string;
  let key: string;
  let product: number;

  before(async () => {
    server = await ServerUnderTest.start();
    const device = await server.device('pi');
    key = device.api_key;
    const [port = 0] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    edge = await EdgeUnderTest.start(server, device, 'sim:gradient?width=320&height=240&fps=5', {
      EDGE_PORT: `${port}`,
    });
    product = (await server.api.post<ProductRecord>('/products', { name: 'Kettle' })).id;
    await answers();
  });
  after(async () => {
    await edge?.end();
    await server?.end();
  });

  const ask = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(url + path, {
      method,
      headers: { 'X-API-Key': key, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.includes('json');
    return { status: response.status, json: isJson ? JSON.parse(bytes.toString()) : undefined, bytes };
  };
  const answers = () =>
    edge.program.while('the flows of the Pi answer', async () => {
      const { status } = await ask('GET', '/camera').catch(() => ({ status: 0 }));
      return status === 200;
    });
  const captures = async () => (await ask('GET', '/health')).json.captures;
  const images = async () => (await server.api.get<{ items: ImageRecord[] }>('/images?camera=pi-cam')).items;
  const command = async (args: object) => {
    const { id } = await server.api.post<CommandRecord>('/devices/pi/commands', { name: 'captures', args, ttl_s: 60 });
    const record = await server.program.while('the command ends', async () => {
      const found = await server.api.get<CommandRecord>(`/commands/${id}`);
      return ['done', 'failed', 'expired'].includes(found.state) && found;
    });
    assert.equal(record.state, 'done', JSON.stringify(record));
    return record.data as Record<string, unknown>;
  };

  it('`uploaded`: it is at the server when the answer comes, linked to its product, field by field', async () => {
    const asked = { product_id: product, description: 'from above', shelf: 4 };
    const { status, json } = await ask('POST', '/captures', asked);
    assert.deepEqual([status, Object.keys(json).sort(), json.status], [201, FIELDS, 'uploaded']);
    assert.match(json.image_id, /^[0-9a-f]{32}$/);
    assert.equal(json.image_url, `${url}/images/${json.image_id}`);
    assert.ok(Math.abs(Date.parse(json.expires_at) - Date.now() - 3600_000) < 60_000);
    assert.deepEqual(json.metadata.capture_metadata, AT_PI);
    const [image, ...others] = await images();
    assert.ok(image && others.length === 0);
    assert.deepEqual(
      [image.camera, image.device, image.product_id, image.description, image.exposure, image.gain, image.user_id],
      ['pi-cam', 'pi', product, 'from above', 100, 1, null],
    );
    assert.deepEqual([image.metadata.asked, image.metadata.device_image_id], [asked, json.image_id]);
    const { width, height, capture_time } = json.metadata.image_properties;
    assert.deepEqual([image.width, image.height, `${image.captured_at.slice(0, 19)}Z`], [width, height, capture_time]);
    const jpeg = await server.api.picture(image.image);
    assert.deepEqual(readJpegHeader(jpeg), { width, height });
    assert.deepEqual(
      (await ask('GET', `/images/${json.image_id}`)).bytes,
      jpeg,
      'the same picture is at the Pi for an hour',
    );
  });

  it('a product that is not there is refused at once, and nothing of it is kept', async () => {
    const { status, json } = await ask('POST', '/captures', { product_id: 9999 });
    assert.deepEqual([status, json.code, typeof json.detail], [404, 'product.not_found', 'string']);
    await until('it is counted', async () => (await captures()).sent === 1 && (await captures()).waiting === 0);
    assert.deepEqual([(await captures()).dead, (await images()).length], [0, 1]);
  });

  it('`queued` while the server is away; it arrives once when that is back, in order, also when the Pi was killed meanwhile', async () => {
    const gone = (await server.api.post<ProductRecord>('/products', { name: 'Gone tomorrow' })).id;
    await server.api.delete(`/products/${gone}`);
    await server.end('SIGKILL');
    const queued: string[] = [];
    for (const [product_id, description] of [
      [product, 'first'],
      [gone, 'lost'],
      [product, 'second'],
    ] as const) {
      const { status, json } = await ask('POST', '/captures', { product_id, description });
      assert.deepEqual([status, Object.keys(json).sort(), json.status], [201, FIELDS, 'queued']);
      assert.equal((await ask('GET', new URL(json.image_url).pathname)).status, 200);
      queued.push(json.image_id);
    }
    await until('they are counted', async () => (await captures()).waiting === 3);
    const child = await edge.child();
    await edge.end('SIGKILL');
    await until('the flows are gone, too', async () => !(await lives(child)), 20_000);
    edge.start();
    await answers();
    await until('what was promised is still there', async () => (await captures()).waiting === 3);

    await server.start();
    const [first, lost, second] = queued;
    const arrived = await edge.program.while('they are there', async () => {
      const items = await images();
      return items.length >= 3 && items;
    });
    // The newest is listed first.
    assert.deepEqual(
      arrived
        .map(({ metadata, product_id, description }) => [metadata.device_image_id, product_id, description])
        .slice(0, 2),
      [
        [second, product, 'second'],
        [first, product, 'first'],
      ],
    );
    await until('the rest is given up', async () => (await captures()).dead === 1);
    await until('nothing waits', async () => (await captures()).waiting === 0);
    assert.equal(arrived.length, 3, 'none of them twice');
    const listed = await command({});
    assert.deepEqual([listed.waiting, listed.dead_images], [0, [{ image: lost, why: 'product.not_found' }]]);
    assert.equal((await command({ dead: 'retry' })).retried, 1);
    await until('it is refused again', async () => (await command({})).dead === 1);
    assert.equal((await command({ dead: 'delete', images: [lost] })).deleted, 1);
    await until('it is gone', async () => (await captures()).dead === 0);
    assert.equal((await images()).length, 3);
  });
});
