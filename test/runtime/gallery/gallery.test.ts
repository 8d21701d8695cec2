import assert from 'node:assert/strict';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { CameraRecord } from '../../../runtime/contracts/api.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { PictureMeta } from '../../../runtime/contracts/gallery.ts';
import type { CommandService } from '../../../runtime/contracts/services.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { DeviceWords } from '../../../runtime/fleet/device-words.ts';
import { createGallery, type Gallery, type GalleryOptions } from '../../../runtime/gallery/gallery.ts';
import { errorBody } from '../../../runtime/http/errors.ts';
import { writeNewFileDurably } from '../../../runtime/lib/files.ts';
import { uuidv7 } from '../../../runtime/lib/ids.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeHost, TINY_JPEG } from '../../support/fake-host.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';

const ANNA = { name: 'user:anna' };
const META: PictureMeta = { camera: 'pi-cam', captured_at: 1_795_000_000_000, width: 64, height: 48, jpeg_quality: 80 };
const GONE = { code: 'camera.unreachable', message: 'Camera service unavailable' };
const NO_PICTURE = { code: 'camera.no_picture', message: 'Camera not connected' };

type Request = CommandService['request'];

describeOnBothDatabases('the gallery', (database) => {
  let db: Db;
  let clock: FakeClock;
  let folder: string;
  let cameras: FakeHost['cameras'];
  let gallery: Gallery;
  let asked: { name: string; args: Record<string, unknown> }[];
  let request: Request;
  let full: boolean;
  let broken: AppError | undefined;
  let presence: { state: string; changed: (device: string, isThere: boolean) => void };
  let words: DeviceWords;
  const open: Gallery[] = [];

  const record = (id: string): CameraRecord => {
    const device = id === 'pi-cam' ? 'pi' : 'server';
    const common = {
      headers: [],
      has_key: false,
      name: id,
      driver: 'sim',
      state: 'live',
      last_frame: null,
      description: null,
      created_at: '2026-11-20T12:00:00.000Z',
      updated_at: '2026-11-20T12:00:00.000Z',
    };
    return { id, device, ...common };
  };
  const make = async () => {
    const made = createGallery({
      db: {
        ...db,
        kind: db.kind,
        tx: (work) => db.tx(work),
        query: (text, values) =>
          broken && text.startsWith('insert into images') ? Promise.reject(broken) : db.query(text, values),
      } as Db,
      folder,
      clock,
      log: silentLog,
      newId: uuidv7,
      cameras,
      commands: {
        request: (device, name, args, options) => {
          asked.push({ name, args });
          return request(device, name, args, options);
        },
      },
      fleet: {
        cameras: async (device?: string) =>
          ['gate', 'pi-cam'].map(record).filter((one) => device === undefined || one.device === device),
        camera: async (id: string) => {
          if (['gate', 'porch', 'pi-cam'].includes(id)) return record(id);
          throw new AppError('camera.not_found', `There is no camera "${id}".`);
        },
        device: async () => ({ state: presence.state, disabled: false }),
        onPresence(listener: (device: string, isThere: boolean) => void) {
          presence.changed = listener;
          return () => undefined;
        },
        words,
        onCamerasChanged: () => () => undefined,
      } as unknown as GalleryOptions['fleet'],
      writeFile: (path, data) =>
        full
          ? Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
          : writeNewFileDurably(path, data),
      isStreaming: (camera) => camera === 'porch',
      timeoutMs: 30_000,
    });
    open.push(made);
    await made.start();
    return made;
  };
  const files = async () =>
    (await readdir(join(folder, 'images'), { recursive: true })).filter((name) => /jpg/.test(name));
  const nonce = () => String(asked.at(-1)?.args.nonce);
  /** A device that brings a picture when it is asked. */
  const bringing =
    (jpeg = TINY_JPEG, meta: PictureMeta = META): Request =>
    async (device) => {
      const id = await gallery.desk.claim(device, nonce()).deliver({ jpeg, meta });
      return { image_id: id };
    };

  beforeEach(async () => {
    db = await database.open();
    clock = new FakeClock();
    folder = await temporaryFolder('gallery');
    cameras = new FakeHost().cameras;
    cameras.ids = ['gate', 'porch'];
    asked = [];
    full = false;
    broken = undefined;
    presence = { state: 'online', changed: () => undefined };
    words = new DeviceWords();
    request = () => Promise.reject(new AppError('device.offline', 'The device "pi" is not connected.'));
    gallery = await make();
  });
  afterEach(async () => {
    for (const made of open.splice(0)) await made.stop();
  });

  it('keeps a picture as row and file, with what it was taken with; bytes come back as they were', async () => {
    const { id: product_id } = await gallery.createProduct({ name: 'Kettle' }, ANNA);
    const image = await gallery.capture('gate', { exposure: 200, product_id, description: 'x' }, ANNA);
    assert.deepEqual(
      [image.camera, image.device, image.product_id, image.exposure, image.gain, image.width, image.size],
      ['gate', 'server', product_id, 200, 1, 64, TINY_JPEG.length],
    );
    assert.deepEqual(await gallery.imageBytes(image.id), TINY_JPEG);
    assert.deepEqual(await gallery.image(image.id), image);
    assert.equal((await gallery.product(product_id, { cameras: ['gate'], user: 0 })).images, 1);
    assert.deepEqual(
      cameras.applied.map(({ change }) => change),
      [{ exposure: 200 }, { exposure: 100 }],
      'the camera is set back',
    );
    await gallery.deleteProduct(product_id, ANNA);
    assert.equal((await gallery.image(image.id)).product_id, null);
  });

  it('asks a camera that tells with the picture how it was taken for nothing else, and makes a lost folder again', async () => {
    let settingsAsked = 0;
    const { capture, settings } = cameras;
    cameras.settings = (camera) => {
      settingsAsked += 1;
      return settings.call(cameras, camera);
    };
    await gallery.capture('gate', {}, ANNA);
    assert.equal(settingsAsked, 1, 'this one does not tell');
    cameras.capture = async (...asked) => ({ ...(await capture.apply(cameras, asked)), exposure: 42, gain: 3 });
    await rm(join(folder, 'images'), { recursive: true });
    const image = await gallery.capture('gate', {}, ANNA);
    assert.deepEqual([image.exposure, image.gain, settingsAsked], [42, 3, 1]);
    assert.deepEqual(await gallery.imageBytes(image.id), TINY_JPEG);
  });

  it('names two pictures of one millisecond apart', async () => {
    request = bringing();
    const names = [];
    for (let n = 0; n < 3; n += 1) names.push((await gallery.capture('pi-cam', {}, ANNA)).filename);
    assert.equal(new Set(names).size, 3);
    assert.equal(
      names[0],
      `capture_${new Date(META.captured_at)
        .toISOString()
        .replace(/\D/g, '')
        .replace(/^(.{8})(.{6})/, '$1_$2_')}.jpg`,
    );
  });

  it("takes a device's picture once, under the id that it was given, and from nobody else", async () => {
    request = async (device, _name, _args) => {
      assert.throws(() => gallery.desk.claim('other', nonce()), { code: 'picture.not_asked' });
      const ticket = gallery.desk.claim(device, nonce());
      assert.throws(() => gallery.desk.claim(device, nonce()), { code: 'picture.not_asked' });
      await ticket.deliver({ jpeg: TINY_JPEG, meta: { ...META, exposure: 5 } });
      return {};
    };
    const image = await gallery.capture('pi-cam', { gain: 2 }, ANNA);
    assert.deepEqual([image.camera, image.device, image.exposure], ['pi-cam', 'pi', 5]);
    assert.deepEqual(
      [asked[0]?.name, asked[0]?.args.camera, asked[0]?.args.gain, nonce().length],
      ['capture', 'pi-cam', 2, 43],
    );
  });

  it('says in the words of seed 002 what is wrong with a device, and the next picture works', async () => {
    const wrongs: [Request, { code: string; message: string }, RegExp][] = [
      [request, GONE, /not connected/],
      [() => Promise.reject(new AppError('command.timeout', 'silent')), GONE, /silent/],
      [() => Promise.reject(refusal('camera.unreachable', 'the cable is out')), GONE, /the cable is out/],
      [() => Promise.reject(refusal('command.interrupted', 'it ended')), GONE, /it ended/],
      [() => Promise.reject(refusal('camera.no_picture', 'it is dark')), NO_PICTURE, /it is dark/],
      [() => Promise.reject(refusal('something.new', 'who knows')), NO_PICTURE, /who knows/],
      [async () => ({}), NO_PICTURE, /none came/],
    ];
    for (const [wrong, error, reason] of wrongs) {
      request = wrong;
      await assert.rejects(gallery.capture('pi-cam', {}, ANNA), (thrown: AppError) => {
        assert.deepEqual({ code: thrown.code, message: thrown.message }, error);
        assert.match(String(thrown.details.reason), reason);
        return true;
      });
    }
    request = () => Promise.reject(refusal('camera.setting_invalid', 'gain must be from 1 to 2'));
    await assert.rejects(gallery.capture('pi-cam', { gain: 9 }, ANNA), {
      code: 'camera.setting_invalid',
      message: 'gain must be from 1 to 2',
    });
    request = bringing();
    assert.equal((await gallery.capture('pi-cam', {}, ANNA)).id, 1);
    assert.equal((await files()).length, 1);
  });

  it('tells who waits at once when a device brings something that is no picture', async () => {
    request = async (device) => {
      gallery.desk.claim(device, nonce()).fail(new AppError('frame.malformed', 'the JPEG is truncated'));
      return new Promise(() => undefined);
    };
    await assert.rejects(gallery.capture('pi-cam', {}, ANNA), {
      ...NO_PICTURE,
      details: { reason: 'the JPEG is truncated' },
    });
  });

  it('believes no camera of its own that lies about its JPEG', async () => {
    for (const [jpeg, reason] of [
      [TINY_JPEG.subarray(0, TINY_JPEG.length - 40), /truncated|few bytes|end/],
      [Buffer.from('<html>500</html>'), /not a JPEG/],
      [
        await sharp({ create: { width: 96, height: 48, channels: 3, background: 'red' } })
          .jpeg()
          .toBuffer(),
        /96x48/,
      ],
    ] as const) {
      cameras.jpeg = jpeg;
      await assert.rejects(gallery.capture('gate', {}, ANNA), (thrown: AppError) => {
        assert.deepEqual({ code: thrown.code, message: thrown.message }, NO_PICTURE);
        assert.match(String(thrown.details.reason), reason);
        return true;
      });
    }
    cameras.jpeg = TINY_JPEG;
    await gallery.capture('gate', {}, ANNA);
    assert.equal((await files()).length, 1);
  });

  it('gives a slow camera 30 s, others meanwhile their pictures, and the next one works', async () => {
    cameras.hanging.add('gate');
    const slow = gallery.capture('gate', {}, ANNA);
    const failed = assert.rejects(slow, { ...GONE, details: { reason: 'no picture within 30 s' } });
    await gallery.capture('porch', {}, ANNA);
    await clock.advance(29_000);
    cameras.hanging.clear();
    const queued = gallery.capture('gate', {}, ANNA);
    await clock.advance(2_000);
    await failed;
    assert.equal((await queued).camera, 'gate');
  });

  it('takes the pictures of one camera in turn, lets eight wait, and refuses the next', async () => {
    cameras.hanging.add('gate');
    const all = Array.from({ length: 9 }, () => gallery.capture('gate', {}, ANNA));
    const ends = Promise.allSettled(all);
    await until('the first one runs', () => cameras.captured.length === 1);
    await assert.rejects(gallery.capture('gate', {}, ANNA), { code: 'capture.busy' });
    assert.equal(cameras.captured.length, 1);
    await clock.advance(31_000);
    assert.ok((await ends).every(({ status }) => status === 'rejected'));
    cameras.hanging.clear();
    await gallery.capture('gate', {}, ANNA);
  });

  it('keeps nothing for somebody who went', async () => {
    const gone = new AbortController();
    cameras.hanging.add('gate');
    const cut = gallery.capture('gate', {}, ANNA, gone.signal);
    await until('it runs', () => cameras.captured.length === 1);
    gone.abort(new Error('the asker went'));
    await assert.rejects(cut, /the asker went/);
    assert.deepEqual(await files(), []);
  });

  it('asks nothing of the camera for a product that is not there', async () => {
    await assert.rejects(gallery.capture('gate', { product_id: 99 }, ANNA), { code: 'product.not_found' });
    await assert.rejects(gallery.capture('attic', {}, ANNA), { code: 'camera.not_found' });
    assert.deepEqual(cameras.captured, []);
  });

  it('says what is known of a picture whose row the database does not take, and saves it when that is back', async () => {
    const { id: product_id } = await gallery.createProduct({ name: 'Kettle' }, ANNA);
    broken = new AppError('db.unavailable', 'the database does not answer');
    await assert.rejects(gallery.capture('gate', { exposure: 40, product_id }, ANNA), (error: AppError) => {
      assert.equal(error.code, 'image.unsaved');
      const { filename, captured_at, ...image } = error.details.image as Record<string, unknown>;
      assert.match(String(filename), /^capture_\d{8}_\d{6}_\d{3}\.jpg$/);
      assert.equal(new Date(String(captured_at)).toISOString(), captured_at);
      assert.deepEqual(
        [image.exposure, image.width, image.size, image.product_id],
        [40, 64, TINY_JPEG.length, product_id],
      );
      assert.ok(!JSON.stringify(image).includes('images/'), 'where its file lies is nobody’s business');
      const shown = errorBody(error);
      assert.deepEqual([shown.statusCode, (shown.image as typeof image).size], [503, TINY_JPEG.length]);
      return true;
    });
    assert.equal((await files()).length, 1);
    await clock.advance(10_000);
    assert.deepEqual((await gallery.images({ limit: 5, cameras: null })).items, [], 'still broken');
    broken = undefined;
    await gallery.deleteProduct(product_id, ANNA);
    await clock.advance(10_000);
    const saved = await until('it is saved', async () => (await gallery.images({ limit: 5, cameras: null })).items[0]);
    assert.deepEqual([saved.exposure, saved.product_id], [40, null], 'its product went meanwhile');
    assert.deepEqual(await gallery.imageBytes(saved.id), TINY_JPEG);
    await clock.advance(60_000);
    assert.equal((await gallery.images({ limit: 5, cameras: null })).items.length, 1);
  });

  it('takes what a device captured by itself once for its key, linked to its product, whoever asks twice and when', async () => {
    const { id: product_id } = await gallery.createProduct({ name: 'Kettle' }, ANNA);
    const [key, asked] = ['a'.repeat(32), { product_id, description: 'late', shelf: 4 }];
    const meta = { ...META, gain: 2, driver: 'sim', product_id, description: 'late', asked };
    const bring = (change: Partial<typeof meta> = {}, jpeg = TINY_JPEG, by = 'pi', under = key) =>
      gallery.desk.keep(by, { key: under, jpeg, meta: { ...meta, ...change } });
    // At the same time, and again when the first answer was lost.
    const together = await Promise.all([bring(), bring(), bring()]);
    const again = await bring();
    const ids = new Set([...together, again].map(({ image }) => image));
    assert.deepEqual([ids.size, together.filter(({ duplicate }) => !duplicate).length], [1, 1]);
    assert.deepEqual([again.duplicate, (await files()).length], [true, 1]);
    const image = await gallery.image(again.image);
    assert.deepEqual(
      [image.camera, image.device, image.product_id, image.user_id, image.description, image.gain, image.exposure],
      ['pi-cam', 'pi', product_id, null, 'late', 2, null],
    );
    assert.deepEqual(image.metadata, { driver: 'sim', jpeg_quality: 80, asked, device_image_id: key });
    assert.deepEqual(await gallery.imageBytes(image.id), TINY_JPEG);

    await assert.rejects(bring({}, Buffer.concat([TINY_JPEG, TINY_JPEG])), { code: 'request.invalid' });
    assert.notEqual((await bring({}, TINY_JPEG, 'other')).image, image.id, "another device's key is another key");
    await assert.rejects(bring({ product_id: 9999 }, TINY_JPEG, 'pi', 'b'.repeat(32)), { code: 'product.not_found' });
    // What was stored is told even when its product went meanwhile.
    await gallery.deleteProduct(product_id, ANNA);
    assert.equal((await bring()).image, image.id);
    broken = new AppError('db.unavailable', 'the database does not answer');
    await assert.rejects(bring({ product_id: undefined as never }, TINY_JPEG, 'pi', 'c'.repeat(32)), {
      code: 'db.unavailable',
    });
    broken = undefined;
    assert.equal((await bring({ product_id: undefined as never }, TINY_JPEG, 'pi', 'c'.repeat(32))).duplicate, false);
    assert.equal((await gallery.images({ limit: 10, cameras: null })).items.length, 3);
  });

  it('says that the disk is full, or broken, keeps no row, and tells the device', async () => {
    full = true;
    await assert.rejects(gallery.capture('gate', {}, ANNA), { code: 'disk.full', details: { retryAfterS: 30 } });
    full = false;
    await rm(join(folder, 'images'), { recursive: true });
    await writeFile(join(folder, 'images'), 'in the way');
    let told: unknown;
    request = (device) => {
      const delivered = gallery.desk.claim(device, nonce()).deliver({ jpeg: TINY_JPEG, meta: META });
      delivered.catch((error) => {
        told = error;
      });
      return delivered.then(() => ({}));
    };
    await assert.rejects(gallery.capture('pi-cam', {}, ANNA), { code: 'disk.failed' });
    await until('the device is told', () => told);
    assert.equal((told as AppError).code, 'disk.failed');
    assert.deepEqual((await gallery.images({ limit: 10, cameras: null })).items, []);
    await rm(join(folder, 'images'));
    request = bringing();
    await gallery.capture('pi-cam', {}, ANNA);
  });

  it('ends at the next start what was cut: marked pictures go, old files without a row too, young ones stay', async () => {
    const kept = await gallery.capture('gate', {}, ANNA);
    const marked = await gallery.capture('gate', {}, ANNA);
    await db.query('update images set deleting_at = now() where id = $1', [marked.id]);
    const day = join(folder, 'images', '2026-01-01');
    await mkdir(day, { recursive: true });
    for (const name of ['old.jpg', 'young.jpg']) await writeFile(join(day, name), 'x');
    const at = (ms: number) => new Date(clock.now() - ms);
    await utimes(join(day, 'old.jpg'), at(2 * 3_600_000), at(2 * 3_600_000));
    await utimes(join(day, 'young.jpg'), at(60_000), at(60_000));
    await assert.rejects(gallery.image(marked.id), { code: 'image.not_found' });
    await (await make()).stop();
    assert.deepEqual(
      (await files()).filter((name) => name.includes('2026-01-01')),
      ['2026-01-01/young.jpg'],
    );
    assert.equal((await files()).length, 2);
    assert.deepEqual(await gallery.imageBytes(kept.id), TINY_JPEG);
    await gallery.deleteImage(kept.id, ANNA);
    assert.equal((await files()).length, 1);
    await assert.rejects(gallery.deleteImage(kept.id, ANNA), { code: 'image.not_found' });
  });

  it('lists what fits: by camera, product, time and person, by cursor or by page, within the cameras of who asks', async () => {
    request = bringing();
    const { id: product } = await gallery.createProduct({ name: 'Kettle' }, ANNA);
    for (const [camera, body] of [
      ['gate', {}],
      ['porch', { product_id: product }],
      ['gate', { product_id: product, description: 'the lid, open' }],
      ['pi-cam', {}],
    ] as const)
      await gallery.capture(camera, body, ANNA);
    const ids = async (query: object) =>
      (await gallery.images({ limit: 10, cameras: null, ...query })).items.map(({ id }) => id);
    assert.deepEqual(await ids({}), [4, 3, 2, 1]);
    assert.deepEqual(await ids({ cameras: ['gate'] }), [3, 1]);
    assert.deepEqual(await ids({ cameras: [] }), []);
    assert.deepEqual(await ids({ camera: 'porch' }), [2]);
    assert.deepEqual(await ids({ device: 'pi' }), [4]);
    assert.deepEqual(await ids({ product }), [3, 2]);
    assert.deepEqual(await ids({ user: 7 }), []);
    assert.deepEqual([await ids({ description: 'LID' }), await ids({ description: '%' })], [[3], []]);
    assert.equal((await gallery.images({ limit: 1, page: 1, cameras: null, description: 'lid' })).total, 1);
    assert.deepEqual(await ids({ to: META.captured_at + 1, from: META.captured_at }), [4]);
    const first = await gallery.images({ limit: 3, cameras: null });
    assert.equal(first.next, '2');
    assert.deepEqual(await ids({ limit: 3, cursor: '2' }), [1]);
    const second = await gallery.images({ limit: 3, page: 2, cameras: null });
    assert.deepEqual([second.items.map(({ id }) => id), second.total], [[1], 4]);
    await assert.rejects(gallery.images({ limit: 3, cursor: 'x', cameras: null }), { code: 'request.invalid' });
    const limited = { limit: 10, cameras: ['porch'], user: 0 };
    assert.deepEqual(
      (await gallery.products(limited)).items.map(({ images }) => images),
      [1],
    );
    assert.deepEqual((await gallery.products({ ...limited, cameras: ['pi-cam'] })).items, []);
    await assert.rejects(gallery.product(product, { cameras: ['pi-cam'], user: 0 }), { code: 'product.not_found' });
  });

  it('writes recordings down once per YouTube id, lists and forgets them', async () => {
    const { id: productId } = await gallery.createProduct({ name: 'Kettle' }, ANNA);
    const url = 'https://youtu.be/abc';
    const first = await gallery.putVideo({
      url,
      youtubeId: 'abc',
      title: 'Live',
      description: 'Front view',
      camera: 'gate',
      productId,
      startedAt: 1000,
    });
    const again = await gallery.putVideo({ url, youtubeId: 'abc', endedAt: 5000, metadata: { views: 2 } });
    assert.equal(again.id, first.id);
    assert.deepEqual(
      [again.title, again.product_id, again.started_at, again.ended_at, again.metadata],
      ['Live', productId, '1970-01-01T00:00:01.000Z', '1970-01-01T00:00:05.000Z', { views: 2 }],
    );
    assert.equal((await gallery.product(productId, { cameras: null, user: 0 })).videos, 1);
    assert.deepEqual((await gallery.videos({ limit: 5, cameras: ['porch'] })).items, []);
    const found = async (description: string) =>
      (await gallery.videos({ limit: 5, cameras: null, description })).items.length;
    assert.deepEqual([await found('front'), await found('back')], [1, 0]);
    assert.equal((await gallery.videos({ limit: 5, page: 1, cameras: ['gate'] })).total, 1);
    await gallery.deleteVideo(first.id, ANNA);
    await assert.rejects(gallery.video(first.id), { code: 'video.not_found' });
  });

  it('answers settings from memory, asks a device once for many, and again when they are old', async () => {
    const settings = { exposure: 3, ranges: {}, available_resolutions: [] };
    request = async () => ({ settings: { ...settings }, streaming: true });
    const answers = await Promise.all(Array.from({ length: 20 }, () => gallery.settings('pi-cam')));
    assert.ok(answers.every(({ exposure, streaming, connected }) => exposure === 3 && streaming && connected));
    assert.equal(asked.length, 1);
    settings.exposure = 4;
    await clock.advance(31_000);
    assert.equal((await gallery.settings('pi-cam')).exposure, 3, 'the old answer once more');
    await until('the new one', async () => (await gallery.settings('pi-cam')).exposure === 4);
    assert.equal(asked.length, 2);
    settings.exposure = 9;
    assert.equal((await gallery.applySettings('pi-cam', { exposure: 9 }, ANNA)).exposure, 9);
    assert.equal((await gallery.settings('pi-cam')).exposure, 9);
    assert.deepEqual(asked.at(-1)?.args, { camera: 'pi-cam', change: { exposure: 9 } });
    const { streaming } = await gallery.settings('porch');
    assert.equal(streaming, true);
  });

  it('asks a device for settings once it names its cameras, not before its flows run, and anew when it was away', async () => {
    request = async () => ({ settings: { exposure: 3, ranges: {}, available_resolutions: [] } });
    const info = (...cameras: string[]) =>
      words.say({ device: 'pi', kind: 'info', at: clock.now(), info: { cameras: cameras.map((id) => ({ id })) } });
    presence.changed('pi', presence.state !== 'offline');
    info();
    assert.equal((await gallery.settings('gate')).exposure, 100, 'time passes');
    assert.deepEqual(asked, []);
    info('pi-cam');
    await until('it is asked', () => asked.length === 1);
    assert.equal((await gallery.settings('pi-cam')).exposure, 3);
    presence.changed('pi', presence.state !== 'offline');
    assert.equal((await gallery.settings('pi-cam')).exposure, 3);
    assert.equal(asked.length, 1, 'another word of one that is there changes nothing');
    presence.state = 'offline';
    presence.changed('pi', presence.state !== 'offline');
    await until('what was known is forgotten', async () => {
      await gallery.settings('pi-cam');
      return asked.length === 2;
    });
  });

  it('asks the devices of a crowd at a walk: ten a second, each once', async () => {
    request = async () => ({ settings: { exposure: 3, ranges: {}, available_resolutions: [] } });
    const come = (device: string) =>
      words.say({ device, kind: 'info', at: clock.now(), info: { cameras: [{ id: 'pi-cam' }] } });
    for (const device of ['pi', 'away-1', 'pi', 'away-2', 'pi']) come(device);
    await until('the first is asked at once', () => asked.length === 1);
    await clock.advance(199);
    assert.equal(asked.length, 1, 'the next in line has no camera');
    await clock.advance(1);
    await until('who came again has its turn again, once', () => asked.length === 2);
    await clock.advance(10_000);
    assert.equal(asked.length, 2);
  });

  it('says why settings cannot be had, and has them when the camera is back', async () => {
    await assert.rejects(gallery.settings('pi-cam'), GONE);
    request = () => new Promise(() => undefined);
    const late = assert.rejects(gallery.settings('pi-cam'), GONE);
    await until('it was asked', () => asked.length === 2);
    await clock.advance(31_000);
    await late;
    request = async () => ({ settings: { exposure: 'bright' } });
    await assert.rejects(gallery.settings('pi-cam'));
    request = async () => ({ settings: { exposure: 3, ranges: {}, available_resolutions: [] } });
    assert.equal((await gallery.settings('pi-cam')).exposure, 3);
    cameras.failing = new AppError('camera.unreachable', 'no route to it');
    await assert.rejects(gallery.applySettings('gate', { gain: 2 }, ANNA), {
      ...GONE,
      details: { reason: 'no route to it' },
    });
  });
});

function refusal(code: string, reason: string): AppError {
  return new AppError('command.refused', `The device "pi" refused: ${reason}`, { device: 'pi', code, reason });
}
