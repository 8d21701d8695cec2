import assert from 'node:assert/strict';
import { IngressState, IngressState_Status } from '@livekit/protocol';
import type { AppError } from '../../../../runtime/contracts/errors.ts';
import type { RoomStatus } from '../../../../runtime/contracts/rooms.ts';
import type { Db } from '../../../../runtime/db/db.ts';
import { listStreams } from '../../../../runtime/db/streams.repo.ts';
import { LivekitServer, type LivekitSettings } from '../../../../runtime/publish/livekit/server.ts';
import { LivekitKind } from '../../../../runtime/publish/livekit.ts';
import { describeOnBothDatabases } from '../../../support/databases.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeHost } from '../../../support/fake-host.ts';
import { ListLog } from '../../../support/list-log.ts';
import { LivekitStandIn } from '../../../support/livekit.ts';
import { until } from '../../../support/until.ts';

const ANNA = { name: 'user:anna' };
const WHERE = { room: 'gate', participant: 'camera-gate-livekit' };

describeOnBothDatabases('a stream into a room of LiveKit', (database) => {
  let db: Db;
  let clock: FakeClock;
  let livekit: LivekitStandIn;
  let fake: FakeHost;
  let log: ListLog;
  let kind: LivekitKind;
  let fed: boolean;

  const start = async (settings: Partial<LivekitSettings> = {}) => {
    fake = new FakeHost();
    fake.cameras.ids = ['gate', 'porch'];
    log = new ListLog();
    const { url, apiKey, apiSecret } = livekit;
    const server = new LivekitServer({ url, apiKey, apiSecret, ...settings });
    const resolve = (camera: string) => fake.cameras.resolve(camera);
    kind = new LivekitKind({ db, server, pushes: fake.pushes, clock, log, resolve, random: () => 0.5 });
    kind.load((await listStreams(db)).filter(({ type }) => type === 'livekit'));
  };
  const make = (wish: object = {}) =>
    kind.make({ name: 'gate-livekit', camera: 'gate', wish: { type: 'livekit', ...wish }, wanted: true }, ANNA);
  const status = () => kind.status('gate-livekit');
  const spec = () => fake.pushes.specs.get('livekit.gate-livekit');
  /** Lets time pass until it is so. */
  const comes = (words: string, isSo: (now: RoomStatus) => boolean) =>
    until(words, async () => {
      await clock.advance(1000);
      return isSo(status());
    });

  beforeEach(async () => {
    db = await database.open();
    clock = new FakeClock();
    fed = false;
    livekit = await new LivekitStandIn().start();
    livekit.isFed = () => fed;
    await start();
  });
  afterEach(async () => {
    await kind.stopAll();
    await livekit.stop();
  });

  it('has an ingress with an identity, by WHIP without transcoding, and is live once LiveKit publishes', async () => {
    await make();
    const [made] = livekit.ingresses.values();
    assert.deepEqual(
      [made?.name, made?.roomName, made?.participantIdentity, made?.inputType, made?.enableTranscoding],
      ['gate-livekit', 'gate', 'camera-gate-livekit', 1, false],
    );
    assert.deepEqual([spec()?.url, spec()?.key], [livekit.whipBase.replace('http', 'whip'), made?.streamKey]);
    fake.pushes.change({ state: 'live', bitsPerSecond: 2_000_000 });
    await comes('LiveKit is asked', () => livekit.calls.filter((call) => call === 'ListIngress').length > 2);
    assert.deepEqual(
      [status().state, status().reason],
      ['connecting', 'LiveKit has the picture and is about to publish it'],
    );
    assert.equal(kind.roomOf('gate'), undefined);
    fed = true;
    await comes('it is live', ({ state }) => state === 'live');
    assert.deepEqual([kind.roomOf('gate'), kind.camerasIn('gate')], [WHERE, ['gate']]);
    assert.equal(kind.figures('gate-livekit').bits_per_second, 2_000_000);
    await kind.turn('gate-livekit', false);
    assert.deepEqual([status().state, spec(), livekit.ingresses.size], ['idle', undefined, 1]);
    const { streamKey = '?' } = made ?? {};
    const { rows } = await db.query('select * from streams');
    assert.ok(!JSON.stringify([rows, log.lines, kind.figures('gate-livekit'), status()]).includes(streamKey));
  });

  it('goes into another room with an ingress there, the old one deleted, and takes another name while it is off', async () => {
    await make();
    const [first] = livekit.ingresses.keys();
    await kind.change('gate-livekit', { sound: 'none' }, 'gate-livekit');
    assert.deepEqual([spec()?.sound, [...livekit.ingresses.keys()]], ['none', [first]]);
    await kind.change('gate-livekit', { room: 'hall' }, 'gate-livekit');
    const now = () => [...livekit.ingresses.values()].map(({ name, roomName }) => [name, roomName]);
    assert.deepEqual([now(), status().wanted], [[['gate-livekit', 'hall']], true]);
    const other = kind.change('gate-livekit', { via: 'rtmp' }, 'hall-cam');
    await assert.rejects(other, (error: AppError) => error.code === 'stream.on');
    await kind.turn('gate-livekit', false);
    await kind.change('gate-livekit', { room: null }, 'hall-cam');
    assert.deepEqual([kind.names(), livekit.ingresses.size], [['hall-cam'], 0]);
    assert.deepEqual(kind.figures('hall-cam').settings, { room: 'gate', via: 'whip', sound: 'none' });
    await kind.stopAll();
    await start();
    await kind.turn('hall-cam', true);
    assert.deepEqual(now(), [['hall-cam', 'gate']]);
  });

  it('takes the ingress of that room and name again: after a stop, a restart, and one that others made', async () => {
    await make({ room: 'plastination', via: 'rtmp' });
    const [made] = livekit.ingresses.values();
    assert.deepEqual([made?.inputType, spec()?.url, made?.roomName], [0, livekit.rtmpBase, 'plastination']);
    await kind.turn('gate-livekit', false);
    await kind.turn('gate-livekit', true);
    await kind.stopAll();
    await start();
    await comes('it is on again', () => spec() !== undefined);
    assert.deepEqual([livekit.ingresses.size, spec()?.key], [1, made?.streamKey]);
    if (made) {
      made.enabled = false;
      made.participantMetadata = '';
    }
    await kind.turn('gate-livekit', false);
    await kind.turn('gate-livekit', true);
    assert.equal(made?.enabled, true, 'one that was switched off is switched on');
    await kind.remove('gate-livekit');
    assert.equal(livekit.ingresses.size, 1, 'what others made is not deleted');
    assert.deepEqual(await listStreams(db), []);
  });

  it('makes another one where somebody deleted it, and deletes its own when it is removed', async () => {
    await make();
    fed = true;
    fake.pushes.change({ state: 'live' });
    await comes('it is live', ({ state }) => state === 'live');
    const before = spec()?.key;
    livekit.deleteAll();
    fake.pushes.change({ state: 'waiting', reason: 'the destination knows no such ingress; was it deleted?' });
    await comes('there is another', () => livekit.ingresses.size === 1);
    await comes('it is fed', () => spec()?.key !== before);
    assert.ok(log.lines.some(({ message }) => /was deleted/.test(message)));
    await kind.remove('gate-livekit');
    assert.equal(livekit.ingresses.size, 0);
  });

  it('says in words what is wrong: wrong key, no Redis, host gone; and goes on when it is well', async () => {
    livekit.hasRedis = false;
    await make();
    assert.deepEqual([status().state, /has no Redis/.test(status().reason ?? '')], ['failed', true]);
    livekit.hasRedis = true;
    await livekit.stop();
    await comes('it is not reached', ({ reason }) => /not reached/.test(reason ?? ''));
    assert.equal(status().state, 'waiting');
    await livekit.start();
    await comes('it has its ingress', () => spec() !== undefined);
    await kind.stopAll();
    await start({ apiSecret: 'quite another secret, also long enough' });
    await comes('it says so', ({ reason }) => /does not take our key/.test(reason ?? ''));
    assert.equal(status().state, 'failed');
    assert.doesNotMatch(JSON.stringify([status(), log.lines]), /quite another/);
  });

  it('stays live while LiveKit’s API is away, and says that it is not looked after', async () => {
    await make();
    fed = true;
    fake.pushes.change({ state: 'live' });
    await comes('it is live', ({ state }) => state === 'live');
    await livekit.stop();
    await comes('it is said', ({ reason }) => /not reached/.test(reason ?? ''));
    assert.equal(status().state, 'live');
    await livekit.start();
    await comes('it is well', ({ state, reason }) => state === 'live' && reason === undefined);
    const [info] = livekit.ingresses.values();
    if (info) info.state = new IngressState({ status: IngressState_Status.ENDPOINT_ERROR, error: 'no video track' });
    await comes('LiveKit’s trouble is told', ({ reason }) =>
      /cannot use what it gets: no video track/.test(reason ?? ''),
    );
    assert.equal(status().state, 'stalled');
  });

  it('is not made where LiveKit is not set up; of a flow it says so', async () => {
    await kind.stopAll();
    await start({ apiSecret: undefined });
    await assert.rejects(
      make(),
      (error: AppError) => error.code === 'stream.not_set_up' && /LIVEKIT_API_SECRET/.test(error.message),
    );
    kind.declare({ name: 'show', camera: '', room: '', via: 'whip', sound: 'auto' }, { started: true });
    await until('it says so', () => /not set up/.test(kind.status('show').reason ?? ''));
    assert.deepEqual([kind.status('show').camera, kind.status('show').room], ['gate', 'gate']);
    await kind.forget('show');
    assert.deepEqual(kind.names(), []);
  });
});
