import assert from 'node:assert/strict';
import { join } from 'node:path';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { listStreams } from '../../../runtime/db/streams.repo.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { createCipher } from '../../../runtime/lib/secrets.ts';
import { Pushes } from '../../../runtime/media/push/pushes.ts';
import { HlsKind } from '../../../runtime/publish/hls.ts';
import { createPushTable } from '../../../runtime/publish/push-memory.ts';
import { pushKind } from '../../../runtime/publish/rtmp.ts';
import { StreamBook } from '../../../runtime/publish/streams.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { openDoor } from '../../support/http-door.ts';
import { until } from '../../support/until.ts';

const ANNA = { name: 'user:anna', ip: '10.0.0.7' };
const RTMP = { type: 'rtmp', url: 'rtmps://live.example/app', key: 'k3y-of-anna' } as const;

describeOnBothDatabases('streams to others', (database) => {
  let db: Db;
  let fake: FakeHost;
  let pushes: Pushes;
  let hls: HlsKind;
  let book: StreamBook;
  let folder: string;

  /** A server's part, as after a start; no camera gives anything, so nothing is ever connected. */
  const start = async () => {
    fake = new FakeHost();
    fake.cameras.ids = ['gate', 'porch'];
    pushes = new Pushes({
      streams: async () => {
        throw new AppError('camera.unreachable', 'the camera is away');
      },
      clock: systemClock,
      log: silentLog,
      ffmpegPath: 'ffmpeg',
      folder,
      resolve: (camera) => fake.cameras.resolve(camera),
      memory: createPushTable(db, createCipher(Buffer.alloc(32, 7))),
      caFile: '/etc/ssl/cert.pem',
    });
    hls = new HlsKind(fake.live, db);
    book = new StreamBook({
      db,
      kinds: { hls, rtmp: pushKind(pushes, 'rtmp'), whip: pushKind(pushes, 'whip') },
      missing: { youtube: 'no account' },
      youtube: {} as never,
      livekit: {} as never,
    });
    await pushes.start();
    hls.load((await listStreams(db)).filter(({ type }) => type === 'hls'));
  };
  const end = async () => {
    hls.stop();
    await pushes.stop();
  };

  beforeEach(async () => {
    db = await database.open();
    folder = join(await temporaryFolder('streams'), 'keys');
    await start();
  });
  afterEach(end);

  it('are made several of one camera, with a name of their own, and stay over a restart as they were', async () => {
    const first = await book.create('gate', { ...RTMP }, ANNA);
    const second = await book.create('gate', { ...RTMP, started: false, sound: 'none' }, ANNA);
    const third = await book.create('gate', { type: 'hls' }, ANNA);
    assert.deepEqual([first.id, second.id, third.id], ['gate-rtmp', 'gate-rtmp-2', 'gate-hls']);
    assert.deepEqual([first.wanted, second.wanted, third.wanted], [true, false, true]);
    assert.deepEqual([first.url, first.made_by, first.camera], ['rtmps://live.example/app', 'user:anna', 'gate']);
    assert.deepEqual(fake.live.kept(), ['gate hls']);
    await end();
    await start();
    const found = await book.list('gate');
    assert.deepEqual(
      found.map(({ id, wanted, made_by }) => [id, wanted, made_by]),
      [
        ['gate-hls', true, 'user:anna'],
        ['gate-rtmp', true, 'user:anna'],
        ['gate-rtmp-2', false, 'user:anna'],
      ],
    );
    assert.deepEqual(fake.live.kept(), ['gate hls']);
    assert.deepEqual(await book.list('porch'), []);
    await until('it tries', async () => (await book.get('gate-rtmp')).reason === 'the camera is away');
  });

  it('go by WHIP too, as a type of their own that a restart does not change', async () => {
    const made = await book.create('gate', { type: 'whip', url: 'https://live.example/w', key: 'k3y-of-anna' }, ANNA);
    assert.deepEqual([made.id, made.type, made.url], ['gate-whip', 'whip', 'whips://live.example/w']);
    for (const wrong of [
      { type: 'whip', url: 'rtmp://h/app/key' },
      { type: 'rtmp', url: 'whips://h/w/key' },
    ] as const)
      await assert.rejects(book.create('gate', wrong, ANNA), (error: AppError) => error.code === 'push.invalid');
    await end();
    await start();
    assert.deepEqual(
      (await book.list()).map(({ id, type }) => [id, type]),
      [['gate-whip', 'whip']],
    );
    await book.remove('gate-whip', ANNA);
    assert.deepEqual(await listStreams(db), []);
  });

  it('keep address and key encrypted, and give neither back', async () => {
    const made = await book.create(
      'gate',
      { ...RTMP, url: 'rtmps://live.example/app/in-the-path', key: undefined },
      ANNA,
    );
    const again = await book.create('gate', { ...RTMP }, ANNA);
    const { rows } = await db.query(
      "select s.*, (select string_agg(details::text, ',') from audit) as said from streams s",
    );
    const said = JSON.stringify([made, again, rows, await book.list()]);
    assert.doesNotMatch(said, /k3y-of-anna|in-the-path/);
  });

  it('are those of flows too: the API switches what a flow has declared, and the flow hears of it', async () => {
    const heard: string[] = [];
    pushes.watch('gate-out', ({ state }) => heard.push(state));
    const release = pushes.declare({ name: 'gate-out', camera: 'gate', url: 'rtmp://h/app/key' }, { started: false });
    assert.deepEqual(
      (await book.list()).map(({ id, made_by, wanted }) => [id, made_by, wanted]),
      [['gate-out', 'flow', false]],
    );
    assert.equal((await book.turn('gate-out', true, ANNA)).wanted, true);
    assert.equal(heard[0], 'connecting');
    await end();
    await start();
    assert.deepEqual(await book.list(), [], 'it is there while its flow is');
    pushes.declare({ name: 'gate-out', camera: 'gate', url: 'rtmp://h/app/key' }, { started: false });
    assert.equal((await book.get('gate-out')).wanted, true, 'and on, since it was');
    await book.turn('gate-out', false, ANNA);
    assert.equal(pushes.status('gate-out').state, 'idle');
    release();
    const { rows } = await db.query<{ action: string }>(
      `select action from audit where object = 'stream/gate-out' order by id`,
    );
    assert.deepEqual(
      rows.map(({ action }) => action),
      ['stream.start', 'stream.stop'],
    );
  });

  it('take another address, key or sound, keep what is not named, and start over only when that matters', async () => {
    await book.create('gate', { ...RTMP }, ANNA);
    const begun = pushes.specOf('gate-rtmp');
    const secret = async () => (await listStreams(db)).map(({ name, secret }) => [name, secret]);
    const before = await secret();
    const same = await book.change('gate-rtmp', { sound: 'auto', insecure: false }, ANNA);
    assert.deepEqual(same.settings, { sound: 'auto', insecure: false });
    const changed = await book.change('gate-rtmp', { url: 'rtmps://live.example/other', sound: 'none' }, ANNA);
    assert.deepEqual([changed.url, changed.settings.sound], ['rtmps://live.example/other', 'none']);
    assert.equal(pushes.specOf('gate-rtmp').key, RTMP.key, 'the key stays');
    assert.notDeepEqual(await secret(), before);
    await book.change('gate-rtmp', { key: 'n3w-key' }, ANNA);
    assert.deepEqual(
      [pushes.specOf('gate-rtmp').key, pushes.specOf('gate-rtmp').url, begun.url],
      ['n3w-key', 'rtmps://live.example/other', RTMP.url],
    );
    await end();
    await start();
    const found = await book.get('gate-rtmp');
    assert.deepEqual([found.url, found.settings.sound, found.wanted], ['rtmps://live.example/other', 'none', true]);
    assert.equal(pushes.specOf('gate-rtmp').key, 'n3w-key');
    const { rows } = await db.query<{ said: string }>(
      `select details::text as said from audit where action = 'stream.change' order by id`,
    );
    assert.equal(rows.length, 3);
    assert.match(rows[1]?.said ?? '', /"url", "sound"/);
    assert.doesNotMatch(JSON.stringify(rows), /n3w-key|live\.example/);
  });

  it('take another name, and what is on goes on under it', async () => {
    const made = await book.create('gate', { ...RTMP }, ANNA);
    await until('it tries', async () => (await book.get('gate-rtmp')).reason === 'the camera is away');
    const { since, restarts } = await book.get('gate-rtmp');
    const renamed = await book.change('gate-rtmp', { name: 'to-the-club' }, ANNA);
    assert.deepEqual(
      [renamed.id, renamed.since, renamed.restarts, renamed.created_at, renamed.made_by, renamed.wanted],
      ['to-the-club', since, restarts, made.created_at, 'user:anna', true],
    );
    await assert.rejects(book.get('gate-rtmp'), { code: 'stream.not_found' });
    await book.create('gate', { type: 'hls' }, ANNA);
    await book.change('gate-hls', { name: 'ready' }, ANNA);
    assert.deepEqual(fake.live.kept(), ['gate hls']);
    await end();
    await start();
    assert.deepEqual(
      (await book.list()).map(({ id, wanted }) => [id, wanted]),
      [
        ['ready', true],
        ['to-the-club', true],
      ],
    );
    assert.equal(pushes.specOf('to-the-club').key, RTMP.key);
  });

  it('are not changed into what cannot be, and stay as they were', async () => {
    await book.create('gate', { ...RTMP }, ANNA);
    await book.create('gate', { type: 'hls', name: 'ready' }, ANNA);
    pushes.declare({ name: 'of-flow', camera: 'gate', url: 'rtmp://h/app/key' }, { started: false });
    const before = await book.list();
    for (const [id, change, code, field] of [
      ['gate-rtmp', { url: 'file:///etc/passwd' }, 'push.invalid', 'url'],
      ['gate-rtmp', { url: 'whips://live.example/w' }, 'push.invalid', 'url'],
      ['gate-rtmp', { key: null }, 'push.invalid', 'key'],
      // Who may not read the key must not have it sent to themselves, or in the clear.
      ['gate-rtmp', { url: 'rtmps://mallory.example/app' }, 'push.invalid', 'key'],
      ['gate-rtmp', { url: 'rtmp://live.example/app' }, 'push.invalid', 'key'],
      ['gate-rtmp', { name: 'other', url: 'rtmps://mallory.example/app' }, 'push.invalid', 'key'],
      ['gate-rtmp', { room: 'hall' }, 'request.invalid', 'room'],
      ['ready', { url: 'rtmp://h/app/key' }, 'request.invalid', 'url'],
      ['gate-rtmp', { name: 'ready' }, 'stream.exists', 'name'],
      ['of-flow', { name: 'mine' }, 'stream.of_flow', undefined],
      ['nothing', { name: 'mine' }, 'stream.not_found', undefined],
    ] as const)
      await assert.rejects(
        book.change(id, change, ANNA),
        (error: AppError) => error.code === code && error.details.field === field,
        `${id} ${JSON.stringify(change)}`,
      );
    const still = ({ id, url, settings }: (typeof before)[number]) => [id, url, settings];
    assert.deepEqual((await book.list()).map(still), before.map(still));
    const given = await book.change('gate-rtmp', { url: 'rtmp://club.example/app', key: 'club-key' }, ANNA);
    assert.equal(given.url, 'rtmp://club.example/app');
  });

  it('refuse a name that is taken, a kind that is not set up, and what is no destination', async () => {
    await book.create('gate', { ...RTMP, name: 'mine' }, ANNA);
    const refused = async (work: Promise<unknown>, code: string) =>
      assert.rejects(work, (error: AppError) => error.code === code, code);
    await refused(book.create('porch', { ...RTMP, name: 'mine' }, ANNA), 'stream.exists');
    await refused(book.create('gate', { type: 'youtube' }, ANNA), 'stream.not_set_up');
    await refused(book.create('gate', { ...RTMP, url: 'file:///etc/passwd' }, ANNA), 'push.invalid');
    await refused(book.create('gate', { type: 'rtmp' }, ANNA), 'request.invalid');
    await refused(book.turn('nothing', true, ANNA), 'stream.not_found');
    await book.remove('mine', ANNA);
    await refused(book.get('mine'), 'stream.not_found');
    assert.deepEqual(await listStreams(db), []);
  });

  it('are told and changed over HTTP by those who may see the camera', async () => {
    const fleet = { camera: async (id: string) => ({ id }), deviceOfKey: async () => undefined };
    const door = await openDoor({ published: book, fleet: fleet as never });
    try {
      const operator = await door.userToken('operator');
      const viewer = await door.userToken('viewer');
      const made = await door.call('POST', '/api/v1/cameras/gate/streams', { token: operator, body: RTMP });
      assert.deepEqual([made.status, made.json.id, made.json.key], [201, 'gate-rtmp', undefined]);
      const denied = await door.call('POST', '/api/v1/cameras/gate/streams', { token: viewer, body: RTMP });
      assert.equal(denied.status, 403);
      const unknown = { ...RTMP, key_file: '/etc/shadow' };
      assert.equal(
        (await door.call('POST', '/api/v1/cameras/gate/streams', { token: operator, body: unknown })).status,
        400,
      );
      const listed = await door.call('GET', '/api/v1/cameras/gate/streams', { token: viewer });
      assert.deepEqual([listed.json.items.length, listed.json.next], [1, null]);
      const change = { url: 'rtmps://live.example/second' };
      assert.equal(
        (await door.call('PATCH', '/api/v1/streams/gate-rtmp', { token: viewer, body: change })).status,
        403,
      );
      const elsewhere = await door.userToken('operator', ['porch']);
      const hidden = await door.call('PATCH', '/api/v1/streams/gate-rtmp', { token: elsewhere, body: change });
      assert.deepEqual([hidden.status, hidden.json.code], [404, 'stream.not_found']);
      for (const body of [{}, { type: 'hls' }, { camera: 'porch' }, { name: 'No Name' }])
        assert.equal((await door.call('PATCH', '/api/v1/streams/gate-rtmp', { token: operator, body })).status, 400);
      const changed = await door.call('PATCH', '/api/v1/streams/gate-rtmp', { token: operator, body: change });
      assert.deepEqual([changed.status, changed.json.url], [200, 'rtmps://live.example/second']);
      const off = await door.call('POST', '/api/v1/streams/gate-rtmp/stop', { token: operator });
      assert.deepEqual([off.status, off.json.wanted, off.json.state], [200, false, 'idle']);
      assert.equal((await door.call('DELETE', '/api/v1/streams/gate-rtmp', { token: operator })).status, 204);
      const gone = await door.call('GET', '/api/v1/streams/gate-rtmp', { token: viewer });
      assert.deepEqual([gone.status, gone.json.code], [404, 'stream.not_found']);
    } finally {
      await door.close();
    }
  });
});
