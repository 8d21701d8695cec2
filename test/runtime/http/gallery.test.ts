import assert from 'node:assert/strict';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { GalleryQuery, GalleryService, ImageRecord, PictureDesk } from '../../../runtime/contracts/gallery.ts';
import type { CommandService, FleetService } from '../../../runtime/contracts/services.ts';
import { ingestDoor } from '../../../runtime/http/ingest/ingest.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { readJpegHeader } from '../../../runtime/picture/jpeg-header.ts';
import { TINY_JPEG } from '../../support/fake-host.ts';
import { openDoor } from '../../support/http-door.ts';

const IMAGE = { id: 7, camera: 'gate', filename: 'capture_20261120_120000_000.jpg' } as ImageRecord;

describe('the routes of pictures on request and of commands', () => {
  let done: unknown[];
  let failing: AppError | undefined;
  let asked: GalleryQuery | undefined;
  let door: Awaited<ReturnType<typeof openDoor>>;
  let desk: PictureDesk;
  const tokens = new Map<string, string>();

  before(async () => {
    const note =
      (what: string) =>
      async (...args: unknown[]) =>
        void done.push([what, args[0]]);
    const gallery = {
      capture: async (camera: string, body: object, { userId }: { userId: number }) => {
        if (failing) throw failing;
        done.push(['capture', camera, body, userId > 0]);
        return { ...IMAGE, camera };
      },
      settings: async () => ({ exposure: 1 }),
      applySettings: async (camera: string, change: object) => {
        done.push(['settings', camera, change]);
        return change;
      },
      status: async (id: string) => ({ id, connected: true }),
      images: async (query: GalleryQuery) => {
        asked = query;
        return query.page === undefined ? { items: [IMAGE], next: null } : { items: [IMAGE], next: null, total: 41 };
      },
      image: async () => IMAGE,
      imageBytes: async () => TINY_JPEG,
      deleteImage: note('delete'),
      products: async () => ({ items: [], next: null }),
      product: async (id: number) => ({ id }),
      createProduct: async (body: object) => ({ id: 1, ...body }),
      patchProduct: note('patch'),
      deleteProduct: note('delete product'),
      videos: async () => ({ items: [], next: null }),
      video: async (id: number) => ({ id, camera: null }),
      deleteVideo: note('delete video'),
    } as unknown as GalleryService;
    const commands = {
      issue: async (device: string, body: object) => {
        done.push(['command', device, body]);
        return { id: 'c', device };
      },
      get: async () => ({ id: 'c', device: 'pi' }),
      list: async () => [],
    } as unknown as CommandService;
    const fleet = {
      device: async (id: string) => ({ id, cameras: ['gate', 'porch'] }),
      deviceOfKey: async (key: string) => (key === 'k' ? { id: 'pi', cameras: ['gate'], disabled: false } : undefined),
    } as unknown as FleetService;
    const ingest = ingestDoor({
      fleet,
      frames: {} as Parameters<typeof ingestDoor>[0]['frames'],
      pictures: {
        claim: (device, nonce) => desk.claim(device, nonce),
        keep: (device, picture) => desk.keep(device, picture),
      },
      readJpegHeader,
      clock: systemClock,
      log: silentLog,
    });
    door = await openDoor({ gallery, commands, fleet, ingest });
    for (const role of ['viewer', 'operator'] as const) {
      tokens.set(role, await door.userToken(role));
      tokens.set(`${role} of gate`, await door.userToken(role, ['gate']));
    }
  });
  after(() => door.close());
  beforeEach(() => {
    done = [];
    failing = asked = undefined;
  });

  const call = (who: string, method: string, path: string, body?: unknown) =>
    door.call(method, `/api/v1${path}`, { ...(tokens.get(who) && { token: tokens.get(who) ?? '' }), body });
  const statuses = async (method: string, path: string, body?: unknown) =>
    Promise.all(
      ['nobody', 'viewer', 'viewer of gate', 'operator', 'operator of gate'].map(
        async (who) => (await call(who, method, path, body)).status,
      ),
    );

  it('let viewers read and operators act, each at their own cameras only', async () => {
    assert.deepEqual(await statuses('POST', '/cameras/gate/capture', {}), [401, 403, 403, 201, 201]);
    assert.deepEqual(await statuses('POST', '/cameras/porch/capture', {}), [401, 403, 403, 201, 403]);
    assert.deepEqual(await statuses('PUT', '/cameras/porch/settings', { gain: 2 }), [401, 403, 403, 200, 403]);
    for (const path of ['settings', 'status'])
      assert.deepEqual(await statuses('GET', `/cameras/porch/${path}`), [401, 200, 403, 200, 403]);
    assert.deepEqual(await statuses('GET', '/images'), [401, 200, 200, 200, 200]);
    assert.deepEqual(await statuses('GET', '/images/7'), [401, 200, 200, 200, 200]);
    assert.deepEqual(await statuses('DELETE', '/images/7'), [401, 403, 403, 200, 200]);
    assert.deepEqual(await statuses('POST', '/products', { name: 'x' }), [401, 403, 403, 201, 201]);
    assert.deepEqual(await statuses('DELETE', '/products/1'), [401, 403, 403, 204, 204]);
    // A recording without a camera is nobody's who is limited to some; a device as a whole neither.
    assert.deepEqual(await statuses('GET', '/videos/1'), [401, 200, 403, 200, 403]);
    assert.deepEqual(await statuses('DELETE', '/videos/1'), [401, 403, 403, 204, 403]);
    assert.deepEqual(await statuses('POST', '/devices/pi/commands', { name: 'restart' }), [401, 403, 403, 202, 403]);
    assert.deepEqual(await statuses('GET', '/commands/c'), [401, 403, 403, 200, 403]);
  });

  it('hand lists on within the cameras of who asks, and answer in the shape of seed 002 with page', async () => {
    assert.deepEqual((await call('viewer of gate', 'GET', '/images?camera=gate&limit=5')).json, {
      items: [IMAGE],
      next: null,
    });
    assert.deepEqual([asked?.cameras, asked?.camera, asked?.limit, asked?.user], [['gate'], 'gate', 5, undefined]);
    const { json } = await call('operator', 'GET', '/images?page=3&limit=20&filter=mine');
    assert.deepEqual(json.pagination, { total: 41, page: 3, limit: 20, totalPages: 3 });
    const [image] = json.data;
    assert.deepEqual({ ...image, ...IMAGE }, image, 'with the columns of its table beside ours');
    assert.deepEqual([image.filepath, image.job_id], [`./captures/${IMAGE.filename}`, null]);
    assert.ok((asked?.user ?? 0) > 0);
    await call('viewer', 'GET', '/products/4/images?description=lid');
    assert.equal(asked?.description, 'lid');
    assert.equal(asked?.product, 4);
    for (const path of ['/images?page=0', '/images?filter=others', '/images?unknown=1'])
      assert.equal((await call('viewer', 'GET', path)).status, 400, path);
  });

  it('refuse ids that are none, and bodies with what is not known', async () => {
    for (const id of ['x', '0', '-1', '99999999999', '1e3', '7.5'])
      assert.equal((await call('viewer', 'GET', `/images/${id}`)).json.code, 'image.not_found', id);
    for (const body of [{ exposure: -1 }, { product_id: 0 }, { product_id: '1' }, { other: 1 }, []])
      assert.equal((await call('operator', 'POST', '/cameras/gate/capture', body)).status, 400, JSON.stringify(body));
    for (const body of [{}, { name: 'Up' }, { name: 'restart', ttl_s: 0 }, { name: 'restart', also: 1 }])
      assert.equal((await call('operator', 'POST', '/devices/pi/commands', body)).status, 400, JSON.stringify(body));
    assert.deepEqual(done, []);
  });

  it('say what is wrong with a camera to the letter of S2.14 and S2.15, with code and reason besides', async () => {
    for (const [code, message] of [
      ['camera.unreachable', 'Camera service unavailable'],
      ['camera.no_picture', 'Camera not connected'],
    ] as const) {
      failing = new AppError(code, message, { reason: 'the cable is out' });
      const { status, json } = await call('operator', 'POST', '/cameras/gate/capture', {});
      assert.equal(status, 503);
      assert.deepEqual(json, {
        statusCode: 503,
        message,
        error: 'Service Unavailable',
        code,
        reason: 'the cable is out',
      });
    }
    failing = new AppError('capture.busy', 'too many', { retryAfterS: 1 });
    const busy = await call('operator', 'POST', '/cameras/gate/capture', {});
    assert.deepEqual([busy.status, busy.headers.get('Retry-After')], [503, '1']);
  });

  it('take a picture of a device once, checked against what it says, and tell who waits what is wrong with it', async () => {
    const failures: unknown[] = [];
    const brought: unknown[] = [];
    const kept: unknown[] = [];
    desk = {
      keep: async (device, { key, meta, jpeg }) => {
        if (meta.product_id === 9) throw new AppError('product.not_found', 'there is no product 9');
        kept.push([device, key, meta.product_id, jpeg.length]);
        return { image: 13, duplicate: kept.length > 1 };
      },
      claim(device, nonce) {
        if (nonce !== 'good' || device !== 'pi') throw new AppError('picture.not_asked', 'no');
        return {
          camera: 'gate',
          fail: (error) => failures.push(error),
          deliver: async ({ meta }) => {
            brought.push(meta);
            return 12;
          },
        };
      },
    };
    const meta = { camera: 'gate', captured_at: 1, width: 64, height: 48, jpeg_quality: 80 };
    const bring = async (
      nonce: string,
      change: object = {},
      jpeg: Buffer = TINY_JPEG,
      key = 'k',
      more: object = {},
    ) => {
      const form = new FormData();
      form.set('meta', JSON.stringify({ ...meta, ...change }));
      form.set('image', new Blob([new Uint8Array(jpeg)], { type: 'image/jpeg' }), 'x.jpg');
      const wanted = Object.entries({ 'X-DEVICE-KEY': key, 'X-Capture-Nonce': nonce, ...more });
      const headers = Object.fromEntries(wanted.filter(([, value]) => value !== undefined)) as Record<string, string>;
      const response = await fetch(`${door.url}/api/v1/ingest/picture`, { method: 'POST', body: form, headers });
      return [response.status, await response.json()];
    };
    assert.deepEqual(await bring('good'), [201, { ok: true, image_id: 12, duplicate: false }]);
    assert.equal((await bring('bad'))[0], 403);
    assert.equal((await bring('good', {}, TINY_JPEG, 'other key'))[0], 401);
    assert.deepEqual([brought.length, failures.length], [1, 0]);
    assert.equal((await bring('good', { camera: 'porch' }))[0], 403);
    for (const [change, jpeg] of [
      [{ width: 65 }, TINY_JPEG],
      [{ height: 'tall' }, TINY_JPEG],
      [{}, Buffer.from('no picture')],
      [{}, TINY_JPEG.subarray(0, 200)],
    ] as const)
      assert.equal((await bring('good', change, jpeg))[0], 400);
    assert.deepEqual([brought.length, failures.length], [1, 5]);

    // One that the device took by itself, under a key of its own.
    const own = { 'X-Capture-Nonce': undefined, 'Idempotency-Key': 'a'.repeat(32) };
    const bringOwn = (change: object = {}, jpeg: Buffer = TINY_JPEG, headers: object = {}) =>
      bring('', change, jpeg, 'k', { ...own, ...headers });
    assert.deepEqual(await bringOwn({ product_id: 7 }), [201, { ok: true, image_id: 13, duplicate: false }]);
    assert.deepEqual(await bringOwn({ product_id: 7 }), [200, { ok: true, image_id: 13, duplicate: true }]);
    assert.deepEqual(kept[0], ['pi', 'a'.repeat(32), 7, TINY_JPEG.length]);
    assert.equal(
      (await bringOwn({}, TINY_JPEG, { 'Idempotency-Key': undefined }))[0],
      403,
      'neither asked nor its own',
    );
    for (const [change, jpeg, headers, status, code] of [
      [{ product_id: 9 }, TINY_JPEG, {}, 404, 'product.not_found'],
      [{ product_id: 'seven' }, TINY_JPEG, {}, 400, 'frame.malformed'],
      [{ description: 'x'.repeat(501) }, TINY_JPEG, {}, 400, 'frame.malformed'],
      [{ description: 'half \ud800' }, TINY_JPEG, {}, 400, 'frame.malformed'],
      [{ asked: { note: 'x'.repeat(20_000) } }, TINY_JPEG, {}, 400, 'frame.malformed'],
      [{ width: 65 }, TINY_JPEG, {}, 400, 'frame.malformed'],
      [{}, Buffer.from('no picture'), {}, 400, 'frame.malformed'],
      [{ camera: 'porch' }, TINY_JPEG, {}, 403, 'camera.foreign'],
      [{}, TINY_JPEG, { 'Idempotency-Key': 'short' }, 400, 'request.invalid'],
      [{}, TINY_JPEG, { 'Idempotency-Key': `${'a'.repeat(31)}/` }, 400, 'request.invalid'],
    ] as const) {
      const [came, body] = await bringOwn(change, jpeg, headers);
      assert.deepEqual([came, body.code, body.ok], [status, code, false], JSON.stringify([change, headers]));
    }
    assert.equal(kept.length, 2);
  });
});
