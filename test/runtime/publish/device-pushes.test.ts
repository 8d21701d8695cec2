import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PushOrders } from '../../../edge/agent/push-orders.ts';
import { ServerHttp } from '../../../edge/agent/server-http.ts';
import type { ToChild } from '../../../edge/ipc.ts';
import { OrderedPushes } from '../../../edge/runtime/ordered-pushes.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { listStreams } from '../../../runtime/db/streams.repo.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { newBoxKeys, openSealed } from '../../../runtime/lib/sealed-box.ts';
import { createCipher } from '../../../runtime/lib/secrets.ts';
import { createPushFile } from '../../../runtime/media/push/memory.ts';
import { Pushes } from '../../../runtime/media/push/pushes.ts';
import { DevicePushes } from '../../../runtime/publish/device-pushes.ts';
import { PlacedPushes } from '../../../runtime/publish/placed-pushes.ts';
import { createPushTable } from '../../../runtime/publish/push-memory.ts';
import { pushKind } from '../../../runtime/publish/rtmp.ts';
import { StreamBook } from '../../../runtime/publish/streams.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { KEY, openIngest } from '../../support/ingest-door.ts';
import { ListLog } from '../../support/list-log.ts';
import { RtmpIngest } from '../../support/rtmp-ingest.ts';
import { type Clip, FakeStreams, recordClip } from '../../support/stream-fixture.ts';
import { until } from '../../support/until.ts';
import { WhipReceiver } from '../../support/whip-receiver.ts';

const ANNA = { name: 'user:anna', ip: '10.0.0.7' };
const SECRET = 'k3y-for-the-pi';
const FIGURES = { bytes: 0, bitsPerSecond: 0, uptimeMs: 0, restarts: 0, discarded: 0 };

describeOnBothDatabases('pushes that a device runs', (database) => {
  let db: Db;
  let folder: string;
  let clip: Clip;
  let rtmp: RtmpIngest;
  let log: ListLog;
  let nudged: string[];
  let server: Awaited<ReturnType<typeof startServer>>;
  let pi: Awaited<ReturnType<typeof startPi>> | undefined;
  const sealing = newBoxKeys();

  const startServer = async () => {
    const cipher = createCipher(Buffer.alloc(32, 7));
    const devices = new DevicePushes({
      db,
      cipher,
      clock: systemClock,
      log,
      async nudge(device) {
        nudged.push(device);
        if (!pi) throw new AppError('device.offline', 'it is away');
        pi.orders.hurry();
      },
    });
    const own = new Pushes({
      streams: async () => {
        throw new AppError('camera.unreachable', 'not the server’s');
      },
      clock: systemClock,
      log,
      ffmpegPath: 'ffmpeg',
      folder: join(folder, 'server-keys'),
      resolve: (camera) => camera,
      memory: createPushTable(db, cipher),
      caFile: '/etc/ssl/cert.pem',
    });
    devices.load(await listStreams(db));
    await own.start();
    const placed = new PlacedPushes(own, devices, (camera) => (camera.startsWith('pi-') ? 'pi' : undefined));
    const book = new StreamBook({
      db,
      kinds: { rtmp: pushKind(placed, 'rtmp'), whip: pushKind(placed, 'whip') },
      missing: {},
      youtube: {} as never,
      livekit: {} as never,
    });
    const door = await openIngest({ devicePushes: devices });
    return {
      devices,
      own,
      placed,
      book,
      door,
      async stop() {
        await door.close();
        await own.stop();
        await devices.written();
      },
    };
  };

  /** Agent and flow process of the device, as far as pushes go, with real ffmpeg; its own clock is an hour late. */
  const startPi = async (port: number) => {
    const clock = { ...systemClock, now: () => Date.now() - 3_600_000 };
    const streams = new FakeStreams();
    streams.play('pi-cam', clip);
    const pushes = new Pushes({
      streams: async () => streams,
      clock,
      log,
      ffmpegPath: 'ffmpeg',
      folder: join(folder, 'pi-keys'),
      resolve: (camera) => camera,
      memory: createPushFile(join(folder, 'pi', 'pushes.json')),
      caFile: '/etc/ssl/cert.pem',
    });
    const http = new ServerHttp({ url: `http://127.0.0.1:${port}/`, key: KEY, clock });
    const toChild = (message: ToChild) => {
      if (message.type === 'pushes') setImmediate(() => ordered.hear(message.pushes));
    };
    const orders = new PushOrders({
      device: 'pi',
      call: http.call,
      sealing: { publicKey: sealing.publicKey, open: (box) => openSealed(sealing, box) },
      toChild,
      clock,
      log,
    });
    const ordered = new OrderedPushes({
      pushes,
      send: (message) => message.type === 'pushes' && setImmediate(() => orders.hear(message.pushes)),
      clock,
      log,
    });
    await pushes.start();
    ordered.start();
    await orders.start();
    return {
      pushes,
      orders,
      async stop() {
        await orders.stop();
        ordered.stop();
        await pushes.stop();
        await streams.close();
        http.close();
      },
    };
  };
  const stopPi = async () => {
    await pi?.stop();
    pi = undefined;
  };
  const stateOf = async (id: string) => (await server.book.get(id)).state;
  const isPushed = () =>
    rtmp.probe(SECRET).then(
      (found) => found.some(({ codec_name }) => codec_name === 'h264'),
      () => false,
    );

  before(async () => {
    clip = await recordClip({ seconds: 2 });
    rtmp = await RtmpIngest.start();
  });
  after(() => rtmp.kill());

  beforeEach(async () => {
    db = await database.open();
    folder = await temporaryFolder('device-pushes');
    log = new ListLog();
    nudged = [];
    server = await startServer();
  });
  afterEach(async () => {
    await stopPi();
    await server.stop();
  });

  it('go from the device itself, over restarts of either side, and end there when they are deleted', async () => {
    const made = await server.book.create('pi-cam', { type: 'rtmp', url: rtmp.url, key: SECRET }, ANNA);
    assert.deepEqual(
      [made.state, made.reason, made.made_by, made.pushed_by],
      ['waiting', 'pi has not taken it up yet', 'user:anna', 'device'],
    );
    pi = await startPi(server.door.port);
    await until('it is live', async () => (await stateOf('pi-cam-rtmp')) === 'live', 30_000);
    assert.ok(await isPushed());
    const live = await server.book.get('pi-cam-rtmp');
    assert.equal(live.pushed_by, 'device');
    assert.ok(Math.abs(Date.parse(live.since ?? '') - Date.now()) < 60_000, 'told in this server’s time');
    assert.deepEqual(server.own.list(), [], 'the server pushes nothing');

    // The server goes: nothing on the device changes; and comes back, on another port of this machine.
    const { pid } = pi.pushes.status('server.pi-cam-rtmp');
    await server.stop();
    server = await startServer();
    assert.equal((await server.book.get('pi-cam-rtmp')).wanted, true);
    assert.equal(pi.pushes.status('server.pi-cam-rtmp').pid, pid);

    // The device goes, and begins again by itself while the server is not there.
    await stopPi();
    pi = await startPi(1);
    await until('it pushes again', () => pi?.pushes.status('server.pi-cam-rtmp').state === 'live', 30_000);
    await stopPi();
    pi = await startPi(server.door.port);
    await until('the server knows', async () => (await stateOf('pi-cam-rtmp')) === 'live', 30_000);

    await server.book.turn('pi-cam-rtmp', false, ANNA);
    await until('it ends', () => pi?.pushes.status('server.pi-cam-rtmp').state === 'idle');
    await server.book.remove('pi-cam-rtmp', ANNA);
    await until('it is forgotten', () => pi?.pushes.list().length === 0);
    const kept = () => readFile(join(folder, 'pi', 'pushes.json'), 'utf8');
    await until('its key is off the disk', async () => !(await kept()).includes(SECRET));
  });

  it('go by WHIP from the device itself, over its restart, and end there when they are switched off', async () => {
    const receiver = await new WhipReceiver().start();
    try {
      receiver.keys.add(SECRET);
      const made = await server.book.create('pi-cam', { type: 'whip', url: receiver.url, key: SECRET }, ANNA);
      pi = await startPi(server.door.port);
      await until('it is live', async () => (await stateOf(made.id)) === 'live', 30_000);
      assert.equal((await server.book.get(made.id)).pushed_by, 'device');
      assert.deepEqual(server.own.list(), [], 'the server pushes nothing');
      await until('pictures come', () => (receiver.last?.rtp.pictures.length ?? 0) > 25);
      await stopPi();
      assert.equal(receiver.last?.ended, true);
      pi = await startPi(1);
      const isThere = () => receiver.sessions.length === 2 && (receiver.last?.rtp.pictures.length ?? 0) > 25;
      await until('it is there again, without the server', isThere, 30_000);
      await stopPi();
      pi = await startPi(server.door.port);
      await until('the server knows', async () => (await stateOf(made.id)) === 'live', 30_000);
      await server.book.turn(made.id, false, ANNA);
      await until('it has ended', () => receiver.last?.ended === true);
      assert.ok(!JSON.stringify([await server.book.list(), log.lines]).includes(SECRET));
    } finally {
      await stopPi();
      await receiver.stop();
    }
  });

  it('have their keys in no row, command, audit entry, log or answer, and only for the device that runs them', async () => {
    const wish = { type: 'rtmp', url: `${rtmp.url}/${SECRET}` } as const;
    const made = await server.book.create('pi-cam', wish, ANNA);
    await until('the device is told', () => nudged.includes('pi'));
    const report = { v: 1, ts: 1, sealing_key: sealing.publicKey, pushes: [] };
    const own = await server.door.postJson(report, {}, '/device/pushes');
    const [order] = (own.body as never as { pushes: { name: string; sealed: string }[] }).pushes;
    assert.deepEqual(
      [order?.name, JSON.parse(openSealed(sealing, order?.sealed ?? '')).url],
      ['pi-cam-rtmp', `${rtmp.url}/${SECRET}`],
    );
    const other = await server.door.postJson(report, { 'X-DEVICE-KEY': 'cam_zero_secret' }, '/device/pushes');
    assert.deepEqual((other.body as never as { pushes: [] }).pushes, []);
    for (const [headers, status] of [
      [{ 'X-DEVICE-KEY': 'made-up' }, 401],
      [{ 'X-DEVICE-KEY': 'cam_off_secret' }, 403],
    ] as const)
      assert.equal((await server.door.postJson(report, headers, '/device/pushes')).status, status);
    assert.equal((await server.door.postJson({ ...report, sealing_key: 'x' }, {}, '/device/pushes')).status, 400);
    const tables = ['streams', 'commands', 'audit', 'outbox'];
    const rows = await Promise.all(tables.map(async (table) => (await db.query(`select * from ${table}`)).rows));
    const said = JSON.stringify([made, own.body, other.body, rows, log.lines, await server.book.list()]);
    assert.ok(!said.includes(SECRET));
  });

  it('are told by the device’s word while that is fresh, and what it says of older orders does not count', async () => {
    await server.book.create('pi-cam', { type: 'rtmp', url: rtmp.url, key: SECRET }, ANNA);
    const push = { name: 'pi-cam-rtmp', state: 'live' as const, since: 0, ...FIGURES };
    const ask = (revision?: string) =>
      server.devices.exchange('pi', {
        v: 1,
        ts: 0,
        ...(revision && { revision }),
        sealing_key: sealing.publicKey,
        pushes: [push],
      });
    const { revision, pushes } = await ask();
    assert.equal(pushes?.length, 1);
    assert.equal(await stateOf('pi-cam-rtmp'), 'waiting');
    assert.equal((await ask(revision)).pushes, undefined, 'nothing new');
    assert.equal(await stateOf('pi-cam-rtmp'), 'live');
    await server.book.turn('pi-cam-rtmp', false, ANNA);
    assert.equal((await ask(revision)).pushes?.[0]?.wanted, false);
    assert.equal(await stateOf('pi-cam-rtmp'), 'idle');
    await server.stop();
    server = await startServer();
    assert.equal((await ask(revision)).pushes?.length, 1, 'another process answers everything');
  });

  it('have another address, key and name from the next order on, over a restart of the server', async () => {
    await server.book.create('pi-cam', { type: 'rtmp', url: 'rtmps://live.example/app', key: SECRET }, ANNA);
    const ordered = async () => {
      const report = { v: 1, ts: 0, sealing_key: sealing.publicKey, pushes: [] } as const;
      const { pushes = [] } = await server.devices.exchange('pi', { ...report, pushes: [] });
      return pushes.map(({ name, wanted, sealed }) => {
        const { url, key, sound } = JSON.parse(openSealed(sealing, sealed));
        return { name, wanted, url, key, sound };
      });
    };
    await ordered();
    await server.book.change('pi-cam-rtmp', { url: 'rtmps://live.example/b', sound: 'none', name: 'club' }, ANNA);
    const expected = [{ name: 'club', wanted: true, url: 'rtmps://live.example/b', key: SECRET, sound: 'none' }];
    assert.deepEqual(await ordered(), expected);
    assert.ok(nudged.includes('pi'));
    await server.stop();
    server = await startServer();
    assert.deepEqual(await ordered(), expected);
    const { id, made_by, pushed_by } = await server.book.get('club');
    assert.deepEqual([id, made_by, pushed_by], ['club', 'user:anna', 'device']);
  });

  it('run on the server where that is asked for, and of a camera of its own', async () => {
    const far = await server.book.create(
      'pi-cam',
      { type: 'rtmp', url: rtmp.url, key: SECRET, pushed_by: 'server', started: false },
      ANNA,
    );
    const near = await server.book.create('gate', { type: 'rtmp', url: rtmp.url, key: SECRET, started: false }, ANNA);
    assert.deepEqual(
      server.own.list().map(({ name }) => name),
      [far.id, near.id],
    );
    assert.deepEqual([server.devices.list(), nudged], [[], []]);
    assert.deepEqual([far.pushed_by, near.pushed_by], ['server', 'server']);
    await assert.rejects(
      server.book.create('pi-cam', { type: 'rtmp', url: 'file:///etc/passwd' }, ANNA),
      (error: AppError) => error.code === 'push.invalid',
    );
  });

  it('are kept on the device in a file that only its owner reads, and an order that was tampered with is not run', async () => {
    await server.book.create('pi-cam', { type: 'rtmp', url: rtmp.url, key: SECRET, started: false }, ANNA);
    pi = await startPi(server.door.port);
    await until('it is kept', () => pi?.pushes.list().length === 1);
    const file = join(folder, 'pi', 'pushes.json');
    await until('it is written', () =>
      stat(file).then(
        ({ mode }) => (mode & 0o777) === 0o600,
        () => false,
      ),
    );
    const orders = new PushOrders({
      device: 'zero',
      call: async () => {
        const { pushes, revision } = await server.devices.exchange('pi', {
          v: 1,
          ts: 0,
          sealing_key: sealing.publicKey,
          pushes: [],
        });
        return { status: 200, headers: {}, body: Buffer.from(JSON.stringify({ v: 1, revision, pushes })) };
      },
      sealing: { publicKey: sealing.publicKey, open: (box) => openSealed(sealing, box) },
      toChild: (message) => heard.push(message),
      clock: systemClock,
      log,
    });
    const heard: ToChild[] = [];
    await orders.start();
    await until('it was heard', () => heard.length > 0);
    await orders.stop();
    assert.deepEqual(heard[0], { type: 'pushes', pushes: [] }, 'what is for another device');
    assert.ok(!JSON.stringify(log.lines).includes(SECRET));
  });
});
