import assert from 'node:assert/strict';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { until } from '../../support/until.ts';

const hasCode = (code: string) => (error: unknown) => (error as { code?: unknown }).code === code;

describeOnBothDatabases('db', (database) => {
  let db: Db;

  beforeEach(async () => {
    db = await database.open();
  });

  const addUser = (name: string, q: Pick<Db, 'query'> = db) =>
    q.query("insert into users (name, role, password_hash) values ($1, 'viewer', '') returning id", [name]);
  const names = async () =>
    (await db.query<{ name: string }>('select name from users order by id')).rows.map((row) => row.name);

  it('gives bigint as number, timestamptz as Date, bytea as Buffer and jsonb as its value', async () => {
    const at = new Date('2026-11-20T12:34:56.789Z');
    const bytes = Buffer.from([0, 1, 92, 39, 255]);
    const { rows, rowCount } = await db.query<Record<string, unknown>>(
      `select $1::int8 as big, $2::timestamptz as at, $3::bytea as bytes, $4::text::jsonb as json,
              $5::bool as flag, $6::real as part, $7::uuid as id, null::int8 as nothing, count(*) as many,
              array[1, null, 9007199254740991]::int8[] as bigs, array['a', null]::text[] as texts, now() as now`,
      [
        Number.MAX_SAFE_INTEGER,
        at,
        bytes,
        JSON.stringify({ a: [1, 'ü', null] }),
        true,
        0.5,
        '01935b00-0000-7000-8000-000000000001',
      ],
    );
    assert.equal(rowCount, 1);
    const { now, ...rest } = rows[0] ?? {};
    assert.ok(now instanceof Date);
    assert.deepEqual(rest, {
      big: Number.MAX_SAFE_INTEGER,
      at,
      bytes,
      json: { a: [1, 'ü', null] },
      flag: true,
      part: 0.5,
      id: '01935b00-0000-7000-8000-000000000001',
      nothing: null,
      many: 1,
      bigs: [1, null, Number.MAX_SAFE_INTEGER],
      texts: ['a', null],
    });
    assert.ok(Buffer.isBuffer(rest['bytes']));
  });

  it('takes plain arrays for unnest, with quotes, commas, braces, backslashes, nulls and every script', async () => {
    const texts = ['a"b', 'c,d', '{}', 'NULL', null, '', 'back\\slash', "it's", 'Grüße 漢字 🐎', ' spaced '];
    const numbers = texts.map((_, index) => (index === 3 ? null : index * 1e12));
    const dates = texts.map((_, index) => new Date(index * 86_400_000));
    const buffers = texts.map((_, index) => Buffer.from([index, 0, 255]));
    const { rows } = await db.query<{ text: string; number: number; at: Date; bytes: Buffer; flag: boolean }>(
      `select * from unnest($1::text[], $2::int8[], $3::timestamptz[], $4::bytea[], $5::bool[])
         as t (text, number, at, bytes, flag)`,
      [texts, numbers, dates, buffers, texts.map((text) => text === '{}')],
    );
    assert.deepEqual(
      rows.map((row) => row.text),
      texts,
    );
    assert.deepEqual(
      rows.map((row) => row.number),
      numbers,
    );
    assert.deepEqual(
      rows.map((row) => row.at),
      dates,
    );
    assert.deepEqual(
      rows.map((row) => row.bytes),
      buffers,
    );
    assert.deepEqual(rows.filter((row) => row.flag).length, 1);
    assert.deepEqual((await db.query('select unnest($1::text[])', [[]])).rows, []);
  });

  it('keeps text arrays and jsonb columns whole', async () => {
    const cameras = ['a "quoted" one', 'b,c', 'ü'];
    await db.query(
      "insert into users (name, role, password_hash, cameras) values ('anna', 'viewer', '', $1), ('ben', 'viewer', '', $2)",
      [cameras, null],
    );
    const details = { text: 'null \\ " {', list: [], deep: { n: 1.5 } };
    await db.query("insert into audit (actor, action, object, details) values ('a', 'b', 'c', $1::text::jsonb)", [
      JSON.stringify(details),
    ]);
    const users = await db.query('select cameras from users order by name');
    assert.deepEqual(users.rows, [{ cameras }, { cameras: null }]);
    assert.deepEqual((await db.query('select details from audit')).rows, [{ details }]);
  });

  it('counts the rows that a statement touched or answered', async () => {
    await addUser('anna');
    await addUser('ben');
    assert.equal((await db.query('select * from users')).rowCount, 2);
    assert.equal((await db.query('update users set email = name where name = $1', ['anna'])).rowCount, 1);
    assert.equal((await db.query('update users set email = name where false')).rowCount, 0);
    assert.equal((await db.query('delete from users returning id')).rowCount, 2);
  });

  it('runs several statements of a text without parameters and answers the last', async () => {
    const { rows } = await db.query<{ n: number }>(
      "insert into outbox (kind, key, payload) values ('a;b', 'k', '{}'); select count(*) as n from outbox;",
    );
    assert.deepEqual(rows, [{ n: 1 }]);
    await assert.rejects(db.query("insert into outbox (kind, key, payload) values ('x', 'k', '{}'); select 1 / 0"));
    assert.equal((await db.query('select * from outbox')).rowCount, 1, 'all of them or none');
  });

  it("keeps PostgreSQL's code and constraint in an error", async () => {
    await addUser('anna');
    await assert.rejects(addUser('ANNA'), (error: Error & { code?: string; constraint?: string }) => {
      assert.equal(error.code, '23505');
      assert.equal(error.constraint, 'users_name');
      return true;
    });
    await assert.rejects(db.query('select * from nowhere'), hasCode('42P01'));
    assert.equal((await db.query('select 1 as one')).rowCount, 1, 'goes on after an error');
  });

  it('prepares a named statement once and answers it anew each time, with any number of values', async () => {
    const sum = async (values: number[]) => {
      const text = 'select sum(n)::int as sum from unnest($1::int[]) as t(n)';
      return (await db.query<{ sum: number | null }>(text, [values], { prepared: 'sum' })).rows[0]?.sum;
    };
    for (let n = 1; n < 12; n += 1) assert.equal(await sum(Array.from({ length: n }, () => n)), n * n);
    assert.equal(await sum([]), null);
    if (db.kind === 'pglite') return;
    const prepared = await db.tx(async (q) => {
      await q.query('select sum(n)::int as sum from unnest($1::int[]) as t(n)', [[1]], { prepared: 'sum' });
      return (await q.query("select 1 from pg_prepared_statements where name = 'sum'")).rowCount;
    });
    assert.equal(prepared, 1);
  });

  it('commits a transaction whole, and answers what the work answered', async () => {
    const answer = await db.tx(async (q) => {
      await addUser('anna', q);
      await addUser('ben', q);
      return 'both';
    });
    assert.equal(answer, 'both');
    assert.deepEqual(await names(), ['anna', 'ben']);
  });

  it('rolls back when the work throws, and throws that on', async () => {
    const why = new Error('changed my mind');
    const work = db.tx(async (q) => {
      await addUser('anna', q);
      throw why;
    });
    await assert.rejects(work, why);
    assert.deepEqual(await names(), []);
  });

  it('does not pretend to commit after a statement failed and the work went on', async () => {
    const work = db.tx(async (q) => {
      await addUser('anna', q);
      await q.query('select 1 / 0').catch(() => 'never mind');
    });
    await assert.rejects(work, hasCode('25P02'));
    assert.deepEqual(await names(), []);
  });

  it('keeps transactions that run at once apart', async () => {
    await addUser('0');
    const add = async () => {
      await db.tx(async (q) => {
        const { rows } = await q.query<{ name: string }>('select name from users for update');
        await q.query('update users set name = $1', [String(Number(rows[0]?.name) + 1)]);
      });
    };
    await Promise.all(Array.from({ length: 20 }, add));
    assert.deepEqual(await names(), ['20']);
  });

  it('does not show what a transaction has not committed yet', async () => {
    const started = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const work = db.tx(async (q) => {
      await addUser('anna', q);
      started.resolve();
      await go.promise;
      throw new Error('no');
    });
    await started.promise;
    const seen = names();
    go.resolve();
    await assert.rejects(work, /no/);
    assert.deepEqual(await seen, []);
  });

  it('refuses to be asked from inside a transaction instead of waiting for itself', async () => {
    await db.tx(async () => {
      await assert.rejects(names(), /inside a transaction/);
      await assert.rejects(
        db.tx(async () => undefined),
        /inside a transaction/,
      );
    });
    let later: Promise<string[]> | undefined;
    const go = Promise.withResolvers<void>();
    await db.tx(async () => {
      later = go.promise.then(names);
    });
    go.resolve();
    assert.deepEqual(await later, [], 'what it left behind is free once it has ended');
  });

  it('takes nothing for a transaction that has ended', async () => {
    const kept = await db.tx(async (q) => q);
    await assert.rejects(kept.query('select 1'), AppError);
  });

  it('delivers notifications of committed transactions, to every listener until it ends', async () => {
    const heard: string[] = [];
    const end = await db.listen('Odd "name"', (payload) => heard.push(payload));
    const endOther = await db.listen('Odd "name"', (payload) => heard.push(`2: ${payload}`));
    await db.query("select pg_notify('Odd \"name\"', 'plain')");
    await until('both heard it', () => heard.length === 2);
    const work = db.tx(async (q) => {
      await q.query("select pg_notify('Odd \"name\"', 'rolled back')");
      throw new Error('no');
    });
    await assert.rejects(work);
    await endOther();
    await db.tx((q) => q.query("select pg_notify('Odd \"name\"', 'committed')"));
    await until('one heard it', () => heard.length === 3);
    assert.deepEqual(heard.sort(), ['2: plain', 'committed', 'plain']);
    await end();
    await end();
    await db.query("select pg_notify('Odd \"name\"', 'nobody')");
    const last = await db.listen('last', (payload) => heard.push(payload));
    await db.query("select pg_notify('last', 'end')");
    await until('the later one is there', () => heard.includes('end'));
    await last();
    assert.equal(heard.includes('nobody'), false);
  });

  it('survives a listener that throws', async () => {
    const heard: string[] = [];
    const endBad = await db.listen('c', () => {
      throw new Error('bad listener');
    });
    const end = await db.listen('c', (payload) => heard.push(payload));
    await db.query("select pg_notify('c', 'x')");
    await until('the other one heard it', () => heard.includes('x'));
    await endBad();
    await end();
  });

  it('is handed out empty, with its counters set back', async () => {
    await addUser('anna');
    await db.query("insert into devices (id, name) values ('pi', 'Pi')");
    const again = await database.open();
    const { rows } = await again.query<{ id: number }>(
      "insert into users (name, role, password_hash) values ('x', 'viewer', '') returning id",
    );
    assert.deepEqual(rows, [{ id: 1 }]);
    assert.equal((await again.query('select * from devices')).rowCount, 0);
    await assert.rejects(db.query('select 1'), hasCode('db.unavailable'), 'the one before is closed');
  });
});
