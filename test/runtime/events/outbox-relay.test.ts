import assert from 'node:assert/strict';
import type { EventMessage } from '../../../runtime/contracts/events.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { EventBench, ended, KeepingSink, started, WHERE } from '../../support/event-bench.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { describeOnPostgres } from '../../support/own-postgres.ts';
import { until } from '../../support/until.ts';

describeOnBothDatabases('outbox relay', (database) => {
  let db: Db;
  let bench: EventBench;

  beforeEach(async () => {
    db = await database.open();
    bench = new EventBench(db, await temporaryFolder('redeye-outbox'));
  });
  afterEach(async () => {
    await bench.close();
  });

  const published = async () => {
    const { rows } = await db.query<{ count: number }>(
      `select count(*)::int as count from outbox where published_at is not null`,
    );
    return rows[0]?.count ?? 0;
  };

  it('delivers each event whole, in order, right after its commit', async () => {
    const events = await bench.events();
    const sink = new KeepingSink();
    await bench.relay([sink]);
    const start = started();
    await bench.commit(events, start);
    await until('the start is delivered', () => sink.messages.length === 1, 2000);
    await bench.commit(events, ended(start));
    await until('the end is delivered', () => sink.messages.length === 2, 2000);
    assert.deepEqual(sink.numbers, [1, 2]);
    const [first, second] = sink.messages;
    assert.deepEqual([first?.v, first?.phase, second?.phase], [1, 'start', 'end']);
    assert.equal(typeof first?.ts, 'number');
    assert.equal(first?.event.state, 'open');
    assert.deepEqual(second?.event, await events.get(start.event));
    await until('both are marked', async () => (await published()) === 2);
  });

  it('delivers at its start what was committed while it was not there', async () => {
    const events = await bench.events();
    await bench.happenOften(events, 120);
    const sink = new KeepingSink();
    await bench.relay([sink]);
    await until('all are delivered', () => sink.messages.length === 120);
    assert.deepEqual(
      sink.numbers,
      sink.numbers.toSorted((a, b) => a - b),
    );
    await until('all are marked', async () => (await published()) === 120);
  });

  it('repeats a message with the same number after a crash between delivery and mark', async () => {
    const events = await bench.events();
    const before = new KeepingSink();
    const relay = await bench.relay([before]);
    await bench.happen(events);
    await until('it is marked', async () => (await published()) === 1);
    await relay.stop();
    await db.query(`update outbox set published_at = null`);
    const after = new KeepingSink();
    await bench.relay([after]);
    await until('it is delivered again', () => after.messages.length === 1);
    assert.deepEqual(after.messages, before.messages);
  });

  it('tries again what a sink refused, loses nothing and keeps the order, while other sinks go on', async () => {
    const events = await bench.events();
    const good = new KeepingSink('good');
    const bad = new KeepingSink('bad');
    bad.refusal = new Error('the broker is away');
    const relay = await bench.relay([good, bad]);
    for (let count = 0; count < 3; count += 1) await bench.happen(events);
    await until('the good one has all', () => good.messages.length === 3);
    await until('the bad one was asked', () => bad.tries > 0);
    await until('its trouble is told', () => relay.trouble() === 'bad: the broker is away');
    assert.equal(await published(), 0);
    bad.refusal = undefined;
    await until('the bad one has all', () => bad.messages.length === 3);
    await until('all are marked', async () => (await published()) === 3);
    assert.equal(relay.trouble(), undefined);
    assert.deepEqual(bad.numbers, [1, 2, 3]);
    assert.deepEqual(good.numbers, [1, 2, 3], 'nothing came twice to the one that took it');
  });

  it('stops while a sink does not answer', async () => {
    const events = await bench.events();
    let asked = false;
    const relay = await bench.relay([
      {
        name: 'silent',
        deliver: () => {
          asked = true;
          return new Promise(() => {});
        },
      },
    ]);
    await bench.happen(events);
    await until('it was asked', () => asked);
    await relay.stop();
    await relay.stop();
    assert.equal(await published(), 0);
  });

  it('finds by its sweep what no wake-up told of', async () => {
    const events = await bench.events();
    const sink = new KeepingSink();
    await bench.relay([sink], { sweepMs: 30 });
    const id = await bench.happen(events);
    await until('it is delivered', () => sink.messages.length === 1);
    await db.query(
      `insert into outbox (kind, key, payload) select kind, key, payload from outbox where key = $1 limit 1`,
      [id],
    );
    await until('the one without a wake-up is delivered', () => sink.messages.length === 2);
  });

  it('forgets what was published long enough ago, and nothing else', async () => {
    const events = await bench.events();
    for (let count = 0; count < 3; count += 1) await bench.happen(events);
    await db.query(`update outbox set published_at = now() - interval '25 hours' where id = 1`);
    await db.query(`update outbox set published_at = now() - interval '23 hours' where id = 2`);
    const bad = new KeepingSink();
    bad.refusal = new Error('no');
    await bench.relay([bad]);
    await until('the old one is gone', async () => {
      const { rows } = await db.query<{ id: number }>(`select id from outbox order by id`);
      return rows.map(({ id }) => id).join() === '2,3';
    });
  });

  describe('and its subscribers', () => {
    it('hear live what is committed from now on', async () => {
      const events = await bench.events();
      await bench.relay([events.sink]);
      const heard: number[] = [];
      const release = events.subscribe(({ n }) => heard.push(n));
      await bench.happen(events);
      await until('it is heard', () => heard.length === 1);
      release();
      release();
      await bench.happen(events);
      await until('it is marked', async () => (await published()) === 2);
      assert.deepEqual(heard, [1]);
    });

    it('who come back hear what they missed and then live, without gap or repetition', async () => {
      const events = await bench.events();
      await bench.relay([events.sink]);
      await bench.happenOften(events, 130);
      const heard: number[] = [];
      events.subscribe(({ n }) => heard.push(n), { after: 3 });
      for (let count = 0; count < 20; count += 1) await bench.happen(events);
      await until('all are heard', () => heard.length >= 147);
      assert.deepEqual(
        heard,
        Array.from({ length: 147 }, (_, index) => index + 4),
      );
    });

    it('who come back to a database put back from a backup hear what happens from there on', async () => {
      const events = await bench.events();
      await bench.relay([events.sink]);
      await bench.happenOften(events, 3);
      const heard: number[] = [];
      events.subscribe(({ n }) => heard.push(n), { after: 5000 });
      await bench.happen(events);
      await until('it is heard', () => heard.length === 1);
      assert.deepEqual(heard, [4]);
    });

    it('hear nothing twice when a relay repeats itself', async () => {
      const events = await bench.events();
      const heard: EventMessage[] = [];
      events.subscribe((message) => heard.push(message));
      const relay = await bench.relay([events.sink]);
      await bench.happen(events);
      await until('it is marked', async () => (await published()) === 1);
      await relay.stop();
      await db.query(`update outbox set published_at = null`);
      await bench.relay([events.sink]);
      await until('it is marked again', async () => (await published()) === 1);
      assert.equal(heard.length, 1);
    });

    it('do not disturb one another when one throws', async () => {
      const events = await bench.events();
      await bench.relay([events.sink]);
      events.subscribe(() => {
        throw new Error('a bad listener');
      });
      const heard: number[] = [];
      events.subscribe(({ n }) => heard.push(n));
      await bench.happen(events);
      await until('the other hears it', () => heard.length === 1);
    });
  });
});

describeOnPostgres('outbox', (database) => {
  it('shows its numbers in rising order, also when transactions overlap', async () => {
    const db = await database.open();
    const bench = new EventBench(db, await temporaryFolder('redeye-outbox'));
    const events = await bench.events();
    const none = { images: new Map(), missing: new Map() };
    const recorded = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const first = db.tx(async (q) => {
      await events.record(q, WHERE, [started()], none);
      recorded.resolve();
      await go.promise;
    });
    await recorded.promise;
    const second = db.tx((q) => events.record(q, WHERE, [started()], none));
    await until('the second waits for the first', async () => {
      const { rows } = await db.query(`select 1 from pg_locks where locktype = 'advisory' and not granted`);
      return rows.length === 1;
    });
    const sink = new KeepingSink();
    await bench.relay([sink]);
    go.resolve();
    await Promise.all([first, second]);
    await until('both are delivered', () => sink.messages.length === 2);
    assert.deepEqual(sink.numbers, [1, 2]);
    await bench.close();
  });
});
