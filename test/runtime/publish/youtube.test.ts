import assert from 'node:assert/strict';
import type { AppError } from '../../../runtime/contracts/errors.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { listStreams } from '../../../runtime/db/streams.repo.ts';
import { createCipher } from '../../../runtime/lib/secrets.ts';
import { YoutubeAccount } from '../../../runtime/publish/youtube/account.ts';
import { YoutubeCalls } from '../../../runtime/publish/youtube/calls.ts';
import { YoutubeKind } from '../../../runtime/publish/youtube.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { ListLog } from '../../support/list-log.ts';
import { until } from '../../support/until.ts';
import { YoutubeStandIn } from '../../support/youtube.ts';

const ANNA = { name: 'user:anna' };

describeOnBothDatabases('a stream to YouTube', (database) => {
  let db: Db;
  let clock: FakeClock;
  let youtube: YoutubeStandIn;
  let fake: FakeHost;
  let account: YoutubeAccount;
  let kind: YoutubeKind;
  let log: ListLog;

  const start = async () => {
    fake = new FakeHost();
    log = new ListLog();
    account = new YoutubeAccount({
      db,
      cipher: createCipher(Buffer.alloc(32, 3)),
      clock,
      clientId: 'id',
      clientSecret: 'hidden',
      redirectUrl: 'http://127.0.0.1/api/v1/youtube/callback',
      apiUrl: youtube.url,
    });
    const calls = new YoutubeCalls(() => account.api(), clock);
    const onRevoked = (reason: string) => account.revoked(reason);
    kind = new YoutubeKind({ db, calls, pushes: fake.pushes, clock, log, onRevoked }, account);
    kind.load((await listStreams(db)).filter(({ type }) => type === 'youtube'));
  };
  const connect = async () => {
    const url = new URL(await account.begin('user:anna'));
    youtube.challenge = url.searchParams.get('code_challenge') ?? undefined;
    await account.finish(url.searchParams.get('state') ?? '', 'good-code', 'user:anna');
    return url;
  };
  const make = (wish: object = {}) =>
    kind.make({ name: 'gate-youtube', camera: 'gate', wish: { type: 'youtube', ...wish }, wanted: true }, ANNA);
  const figures = () => kind.figures('gate-youtube');
  /** Lets the next look at YouTube happen, and waits until it says what is expected. */
  const look = async (state: string) => {
    await until(
      `it is ${state}`,
      async () => {
        await clock.advance(10_000);
        return figures().state === state;
      },
      15_000,
    );
  };
  const spec = () => fake.pushes.specs.get('youtube.gate-youtube');

  beforeEach(async () => {
    db = await database.open();
    clock = new FakeClock();
    youtube = await new YoutubeStandIn().start();
    youtube.now = () => clock.now();
    await start();
  });
  afterEach(async () => {
    await kind.stopAll();
    await youtube.stop();
  });

  it('needs an account, which is connected with offline access, a state and PKCE, and kept encrypted', async () => {
    await assert.rejects(make(), (error: AppError) => error.code === 'stream.not_set_up');
    const url = await connect();
    assert.deepEqual(
      ['access_type', 'prompt', 'code_challenge_method'].map((name) => url.searchParams.get(name)),
      ['offline', 'consent', 'S256'],
    );
    assert.equal((await account.status()).state, 'connected');
    const { rows } = await db.query('select * from oauth_tokens');
    assert.ok(!JSON.stringify(rows).includes(youtube.refreshToken));
    const state = url.searchParams.get('state') ?? '';
    for (const [given, by] of [
      [state, 'user:anna'],
      ['made-up', 'user:anna'],
    ] as const)
      await assert.rejects(account.finish(given, 'good-code', by), (error: AppError) => error.code === 'auth.invalid');
    const other = new URL(await account.begin('user:anna')).searchParams.get('state') ?? '';
    await assert.rejects(
      account.finish(other, 'good-code', 'user:eve'),
      (error: AppError) => error.code === 'auth.invalid',
    );
  });

  it('takes other wishes for its next broadcast, and another name while it is off', async () => {
    await connect();
    await make({ title: 'At the gate', privacy: 'unlisted', description: 'Long ago' });
    await kind.change('gate-youtube', { title: 'At noon', description: null }, 'gate-youtube');
    assert.deepEqual(figures().settings, { title: 'At noon', privacy: 'unlisted' });
    assert.deepEqual(
      [...youtube.broadcasts.values()].map(({ title }) => title),
      ['At the gate'],
      'the one that is on goes on',
    );
    const renamed = kind.change('gate-youtube', {}, 'noon');
    await assert.rejects(renamed, (error: AppError) => error.code === 'stream.on');
    await kind.turn('gate-youtube', false);
    await kind.change('gate-youtube', { dvr: false }, 'noon');
    await kind.stopAll();
    await start();
    assert.deepEqual(kind.names(), ['noon']);
    assert.deepEqual(kind.figures('noon').settings, { title: 'At noon', privacy: 'unlisted', dvr: false });
    await kind.turn('noon', true);
    assert.ok([...youtube.broadcasts.values()].some(({ title }) => title === 'At noon'));
  });

  it('is begun, live once the picture is there, and completed before the push ends; the ingest is used again', async () => {
    await connect();
    await make({ title: 'At the gate', privacy: 'unlisted' });
    const [broadcast] = youtube.broadcasts.values();
    assert.deepEqual([broadcast?.title, broadcast?.status], ['At the gate', 'ready']);
    assert.equal(spec()?.url, 'rtmps://a.rtmps.stand-in.example:443/live2');
    assert.equal(spec()?.key, youtube.streams.get('s2')?.name);
    assert.ok(fake.pushes.on.has('youtube.gate-youtube'));
    await kind.turn('gate-youtube', true);
    assert.equal(youtube.broadcasts.size, 1, 'a second start is the same one');
    await clock.advance(30_000);
    assert.equal(figures().state, 'connecting', 'ready is not active');
    youtube.active.add('s2');
    await look('live');
    const { rows } = await db.query('select url, title, camera_id from videos');
    assert.deepEqual(rows, [{ url: 'https://youtube.com/watch?v=b1', title: 'At the gate', camera_id: 'gate' }]);
    await kind.turn('gate-youtube', false);
    assert.deepEqual([broadcast?.status, figures().state, spec()], ['complete', 'idle', undefined]);
    await kind.turn('gate-youtube', false);
    youtube.active.clear();
    await kind.turn('gate-youtube', true);
    assert.deepEqual([youtube.broadcasts.size, youtube.streams.size], [2, 1]);
    assert.doesNotMatch(JSON.stringify([figures(), log.lines]), /key-/);
  });

  it('is a recording of its product from its beginning on, and of none when that is gone; one that nobody saw is forgotten', async () => {
    await connect();
    const { rows: products } = await db.query<{ id: number }>(
      "insert into products (name, created_at, updated_at) values ('Drill', now(), now()) returning id",
    );
    const product_id = products[0]?.id;
    await make({ title: 'Drill, front', product_id });
    const videos = async () => (await db.query('select url, title, product_id, started_at from videos')).rows;
    const url = 'https://youtube.com/watch?v=b1';
    assert.deepEqual(await videos(), [{ url, title: 'Drill, front', product_id, started_at: null }]);
    await kind.turn('gate-youtube', false);
    assert.deepEqual([await videos(), youtube.broadcasts.size], [[], 0]);

    await kind.turn('gate-youtube', true);
    await db.query('delete from products');
    youtube.active.add('s2');
    await look('live');
    const [kept] = (await videos()) as { product_id: number | null; started_at: Date }[];
    assert.deepEqual([kept?.product_id, kept?.started_at instanceof Date], [null, true]);
  });

  it('is started by hand where auto-start does not come', async () => {
    await connect();
    await make();
    for (const one of youtube.broadcasts.values()) one.autoStart = false;
    youtube.active.add('s2');
    await look('live');
    assert.ok(youtube.calls.includes('POST liveBroadcasts/transition'));
  });

  it('leaves nothing behind when a step fails, and says why in words', async () => {
    await connect();
    for (const [call, reason, words] of [
      ['POST liveBroadcasts', 'liveStreamingNotEnabled', /not enabled for this channel/],
      ['POST liveStreams', 'quotaExceeded', /quota/],
      ['POST liveBroadcasts/bind', 'liveBroadcastBindingNotAllowed', /stand-in/],
    ] as const) {
      youtube.failing.set(call, { status: 403, reason });
      if (kind.names().length === 0) await make();
      else await kind.turn('gate-youtube', true);
      assert.deepEqual([figures().state, youtube.broadcasts.size, spec()], ['failed', 0, undefined], reason);
      assert.match(figures().reason ?? '', words);
    }
    await kind.turn('gate-youtube', true);
    assert.equal(figures().state, 'connecting');
  });

  it('asks for the account again when access was withdrawn', async () => {
    await connect();
    youtube.refreshToken = 'another';
    await make();
    assert.equal(figures().state, 'failed');
    assert.equal((await account.status()).state, 'revoked');
    await assert.rejects(account.api(), /has to be connected again/);
  });

  it('is taken up after a crash, whenever that came', async () => {
    await connect();
    await make();
    // As if the answer to the insert had been lost with the process, while another camera began one in the same second.
    await kind.stopAll();
    await db.query('update broadcasts set broadcast_id = null, ingest_id = null');
    await start();
    await until('it is taken up', () => spec() !== undefined);
    assert.equal(youtube.broadcasts.size, 1);
    youtube.active.add('s2');
    youtube.active.add('s3');
    await look('live');
    await kind.stopAll();
    await start();
    await until('it is taken up again', () => spec() !== undefined);
    assert.equal(youtube.broadcasts.size, 1);
    // Half ended: nobody wants it any more, and YouTube does not know.
    await kind.stopAll();
    await db.query(`update streams set wanted = false`);
    await start();
    await until('it is ended', () => [...youtube.broadcasts.values()].every(({ status }) => status === 'complete'));
  });

  it('waits where YouTube is not reached, and goes on with what was made before the answer was lost', async () => {
    await connect();
    youtube.isAway = true;
    await make();
    assert.equal(figures().state, 'waiting');
    assert.match(figures().reason ?? '', /not reached/);
    assert.equal(youtube.broadcasts.size, 0);
    youtube.isAway = false;
    youtube.losing.add('POST liveBroadcasts');
    await until('it is fed', async () => {
      await clock.advance(10_000);
      return spec() !== undefined;
    });
    assert.equal(youtube.losing.size, 0, 'an answer was lost');
    assert.deepEqual([youtube.broadcasts.size, youtube.streams.size], [1, 1], 'and not made twice');
  });

  it('stays on the air when the server comes back and YouTube is not reached, or says no', async () => {
    await connect();
    await make();
    youtube.active.add('s2');
    await look('live');
    for (const trouble of ['away', 'quota'] as const) {
      await kind.stopAll();
      youtube.isAway = trouble === 'away';
      youtube.units = trouble === 'quota' ? 0 : 10_000;
      await start();
      await until('it has tried', () => figures().state === 'stalled');
      youtube.isAway = false;
      youtube.units = 10_000;
      await look('live');
      assert.ok(fake.pushes.on.has('youtube.gate-youtube'), trouble);
    }
    assert.deepEqual(
      [...youtube.broadcasts.values()].map(({ status }) => status),
      ['live'],
    );
  });

  it('that two streams of one camera make at once is fed by an ingest of its own', async () => {
    await connect();
    const two = ['gate-a', 'gate-b'];
    for (const name of two) await kind.make({ name, camera: 'gate', wish: { type: 'youtube' }, wanted: true }, ANNA);
    const keys = two.map((name) => fake.pushes.specs.get(`youtube.${name}`)?.key);
    assert.deepEqual([new Set(keys).size, youtube.broadcasts.size, youtube.streams.size], [2, 2, 2]);
  });

  it('for a later time is announced at once, and fed when that has come, over a restart too', async () => {
    await connect();
    const scheduled_at = new Date(clock.now() + 3 * 3_600_000).toISOString();
    await make({ scheduled_at });
    assert.deepEqual([figures().state, spec(), youtube.broadcasts.size], ['waiting', undefined, 1]);
    assert.match(figures().reason ?? '', /^begins at 20/);
    assert.match(figures().url ?? '', /watch\?v=b1/);
    await kind.stopAll();
    await start();
    await until('it waits again', () => figures().reason?.startsWith('begins at') ?? false);
    await clock.advance(2 * 3_600_000);
    assert.equal(spec(), undefined);
    await until('it is fed', async () => {
      await clock.advance(600_000);
      return spec() !== undefined;
    });
    assert.equal(youtube.broadcasts.size, 1);
    assert.ok(clock.now() >= Date.parse(scheduled_at));
  });

  it('tells YouTube everything that was wished, and the operator what YouTube finds wrong', async () => {
    await connect();
    const wish = {
      description: 'Who comes?',
      privacy: 'public',
      made_for_kids: true,
      latency: 'ultraLow',
      dvr: false,
    } as const;
    await make({ title: 'At the gate', ...wish });
    const [broadcast] = youtube.broadcasts.values();
    const { snippet, status, contentDetails } = (broadcast?.asked ?? {}) as Record<string, Record<string, unknown>>;
    assert.deepEqual([snippet?.title, snippet?.description], ['At the gate', 'Who comes?']);
    assert.deepEqual(status, { privacyStatus: 'public', selfDeclaredMadeForKids: true });
    assert.deepEqual([contentDetails?.latencyPreference, contentDetails?.enableDvr], ['ultraLow', false]);
    youtube.active.add('s2');
    await look('live');
    const low = { severity: 'warning', reason: 'bitrateLow', description: 'The bitrate is lower than recommended.' };
    for (const [health, words] of [
      [{ status: 'ok', configurationIssues: [low] }, low.description],
      [{ status: 'bad' }, 'YouTube says that the picture arrives badly'],
      [{ status: 'good' }, null],
    ] as const) {
      youtube.health = health;
      await until(`it is told: ${words}`, async () => {
        await clock.advance(60_000);
        return figures().reason === words;
      });
    }
    const before = youtube.calls.length;
    await clock.advance(50_000);
    assert.ok(youtube.calls.length - before <= 2, 'a live one is asked about once a minute');
  });

  it('of a flow is declared, switched, told to who watches, taken up before its flow is there, and forgotten', async () => {
    await connect();
    const wish = { title: 'Mine', privacy: 'unlisted' } as const;
    const heard: string[] = [];
    kind.declare({ name: 'flow-1', camera: 'gate', wish })();
    kind.watch('flow-1', ({ state }) => heard.push(state));
    assert.equal((await kind.start('flow-1')).url, 'https://youtube.com/watch?v=b1');
    assert.ok(heard.includes('connecting'));
    kind.declare({ name: 'flow-1', camera: 'gate', wish: { ...wish, title: 'Next' } })();
    assert.equal((await kind.start('flow-1')).title, 'Mine', 'another wish holds from the next start on');
    await kind.stopAll();
    await start();
    await until('it is taken up', () => fake.pushes.on.has('youtube.flow-1'));
    assert.equal(youtube.broadcasts.size, 1);
    assert.equal((await kind.stop('flow-1')).state, 'idle');
    assert.equal((await kind.stop('flow-1')).state, 'idle');
    await kind.forget('flow-1');
    await kind.forget('flow-1');
    assert.deepEqual([kind.names(), await listStreams(db)], [[], []]);
    await make();
    await kind.forget('gate-youtube');
    assert.deepEqual(kind.names(), ['gate-youtube'], 'what the API made is not a flow’s to forget');
  });
});
