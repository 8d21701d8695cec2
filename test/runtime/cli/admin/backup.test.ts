import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packBackup } from '../../../../runtime/cli/admin/pack.ts';
import { restoreFrom } from '../../../../runtime/cli/admin/restore.ts';
import { TarWriter } from '../../../../runtime/cli/admin/tar.ts';
import type { Db } from '../../../../runtime/db/db.ts';
import { openFolder } from '../../../../runtime/db/embedded-folder.ts';
import { migrate } from '../../../../runtime/db/migrate.ts';
import type { EmbeddedDb } from '../../../../runtime/db/pglite.ts';
import { openPostgres } from '../../../../runtime/db/postgres.ts';
import { createGallery, type GalleryOptions } from '../../../../runtime/gallery/gallery.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { uuidv7 } from '../../../../runtime/lib/ids.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { emptyPglite, startPostgres } from '../../../support/databases.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FakeHost, TINY_JPEG } from '../../../support/fake-host.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { putMigratedPglite } from '../../../support/pglite-image.ts';
import type { PostgresServer } from '../../../support/postgres-server.ts';

const VERSION = '9.9.9';
const clock = new FakeClock();
const TIME = '20261120T120000Z';
/** Everything that a careless way through JSON would lose. */
const ROWS = `
  insert into users (name, role, password_hash, cameras) values ('Grüße "x" \\ ', 'viewer', '', '{a,"b c"}');
  insert into devices (id, name, rssi, info, last_seq) values ('pi', E'two\\nlines', 0.1, '{"a":[1,null,"\\u00e9"]}', 9007199254740991);
  insert into device_keys (id, device_id, hash) values ('k', 'pi', '\\x00ff10');
  insert into cameras (id, device_id, name) values ('pi-cam', 'pi', '');
  insert into captures (id, device_id, camera_id, seq, captured_at, received_at, width, height, jpeg_quality, size, crc32, node_id,
                        segment, segment_offset)
    select gen_random_uuid(), 'pi', 'pi-cam', n, '2026-11-20T12:00:00.123456Z', now(), 1, 1, 80, 1, 4294967295, 'n', 1, n
      from generate_series(1, 250) as n;
  insert into jobs (camera_id, device_id, seq, capture_id) select camera_id, device_id, seq, id from captures limit 3;
  delete from jobs where seq = 3;
`;

const rowsOf = async (db: Db): Promise<Record<string, unknown>> => {
  const tables = ['users', 'devices', 'device_keys', 'cameras', 'captures', 'jobs', 'audit'];
  const found: Record<string, unknown> = {};
  for (const table of tables) {
    found[table] = (await db.query(`select t.*, t::text as whole from ${table} as t order by 1`)).rows;
  }
  return found;
};

describe('backup and restore', function () {
  this.timeout(120_000);
  let postgres: PostgresServer;
  let count = 0;
  before(async () => {
    postgres = await startPostgres();
  });

  const newDatabase = async (): Promise<string> => {
    count += 1;
    const root = await openPostgres({ url: postgres.url(), log: silentLog, clock: systemClock });
    await root.query(`create database backup_${count}`);
    await root.close();
    return postgres.url(`backup_${count}`);
  };
  const onPostgres = (url: string) => openPostgres({ url, log: silentLog, clock: systemClock });
  const embeddedIn = async (dataDir: string): Promise<EmbeddedDb> => {
    const folder = join(dataDir, 'db');
    if (!(await readdir(dataDir)).includes('db')) await putMigratedPglite(folder);
    return openFolder(folder, { log: silentLog, interrupted: false });
  };
  const dataFolder = async (mark: string) => {
    const dataDir = await temporaryFolder('redeye-data');
    const put = async (path: string, text: string) => {
      await mkdir(join(dataDir, path, '..'), { recursive: true });
      await writeFile(join(dataDir, path), text);
    };
    await put('secrets.json', `{"tokens":"${mark}"}`);
    await put('flows/server/frames.json', `["${mark}"]`);
    await put('flows/edge/capture.json', '[]');
    await put('flows/README.md', 'somebody’s git checkout');
    await put('node-red/credentials.json', `{"$":"${mark}"}`);
    await put('node-red/lib/flows/mine.json', '[]');
    await put('node-red/node_modules/big/index.js', 'x');
    await put('node-red/sessions.json', `{"session":"${mark}"}`);
    await put(`events/pi/2026-11-20/${mark}/pre.jpg`, 'jpeg');
    await put('segments/00000001.seg', 'frames');
    await put('signing-key.json', `{"v":1,"private_key":"${mark}"}`);
    await put(`bundles/${(mark === 'old' ? 'a' : 'b').repeat(64)}`, mark);
    await put(`bundles/.${'c'.repeat(64)}.0123456789ab.tmp`, 'half written');
    return dataDir;
  };
  const open = async (dataDir: string, url?: string) => {
    const embedded = url === undefined ? await embeddedIn(dataDir) : undefined;
    const db: Db = embedded ?? (await onPostgres(url ?? ''));
    return { db, embedded };
  };
  const pack = async (dataDir: string, opened: { db: Db; embedded?: EmbeddedDb | undefined }, images = false) => {
    const file = join(await temporaryFolder('redeye-backup'), 'backup.tar.gz');
    const parts = { ...opened, dataDir, flowsDir: join(dataDir, 'flows'), version: VERSION, clock };
    const summary = await packBackup(createWriteStream(file), parts, { images });
    return { file, summary };
  };
  const restore = async (file: string, dataDir: string, databaseUrl?: string) =>
    restoreFrom(file, {
      dataDir,
      flowsDir: join(dataDir, 'flows'),
      databaseUrl,
      clock,
      log: silentLog,
      emptyDatabase: await emptyPglite(),
    });

  const ways = [
    ['embedded', 'embedded'],
    ['PostgreSQL', 'PostgreSQL'],
    ['embedded', 'PostgreSQL'],
    ['PostgreSQL', 'embedded'],
  ] as const;
  for (const [from, to] of ways) {
    it(`gives everything back, from ${from} to ${to}`, async () => {
      const source = await dataFolder('old');
      const sourceUrl = from === 'PostgreSQL' ? await newDatabase() : undefined;
      const opened = await open(source, sourceUrl);
      await migrate(opened.db, silentLog);
      await opened.db.query(ROWS);
      const expected = await rowsOf(opened.db);
      const { file, summary } = await pack(source, opened, true);
      await opened.db.close();
      assert.deepEqual(summary, { database: from === 'PostgreSQL' ? 'postgres' : 'pglite', flows: 2, images: 1 });

      const target = await dataFolder('new');
      const targetUrl = to === 'PostgreSQL' ? await newDatabase() : undefined;
      const before = await open(target, targetUrl);
      await migrate(before.db, silentLog);
      await before.db.query("insert into users (name, role, password_hash) values ('earlier', 'admin', '')");
      if (to === 'PostgreSQL') await before.db.query('create table foreign_table (id integer)');
      await before.db.close();
      const { setAside, ...said } = await restore(file, target, targetUrl);
      assert.deepEqual(said, { version: VERSION, madeAt: '2026-11-20T12:00:00.000Z', flows: 2, images: 1 });

      const after = await open(target, targetUrl);
      assert.deepEqual(await rowsOf(after.db), expected);
      await migrate(after.db, silentLog);
      const { rows } = await after.db.query<{ id: number }>(
        "insert into users (name, role, password_hash) values ('later', 'viewer', '') returning id",
      );
      // A copy of a living database skips some: they are logged ahead.
      assert.ok((rows[0]?.id ?? 0) >= 2, 'numbers go on where they were');
      if (to === 'PostgreSQL') {
        const { rows: earlier } = await after.db.query(`select name from redeye_replaced_${TIME.toLowerCase()}.users`);
        assert.deepEqual(earlier, [{ name: 'earlier' }]);
        await after.db.query('select id from foreign_table');
        assert.deepEqual(setAside, [
          `schema redeye_replaced_${TIME.toLowerCase()} of the database`,
          join(target, `replaced-${TIME}`),
        ]);
      } else {
        assert.deepEqual(setAside, [join(target, `db.replaced-${TIME}`), join(target, `replaced-${TIME}`)]);
      }
      await after.db.close();

      const text = (path: string) => readFile(join(target, path), 'utf8');
      assert.equal(await text('secrets.json'), '{"tokens":"old"}');
      assert.equal((await stat(join(target, 'secrets.json'))).mode & 0o777, 0o600);
      assert.equal(await text('signing-key.json'), '{"v":1,"private_key":"old"}');
      assert.equal((await stat(join(target, 'signing-key.json'))).mode & 0o777, 0o600);
      assert.equal(await text(`replaced-${TIME}/signing-key.json`), '{"v":1,"private_key":"new"}');
      assert.deepEqual(
        [await text(`bundles/${'a'.repeat(64)}`), await text(`bundles/${'b'.repeat(64)}`)],
        ['old', 'new'],
      );
      assert.equal(await text('flows/server/frames.json'), '["old"]');
      assert.equal(await text('flows/README.md'), 'somebody’s git checkout');
      assert.equal(await text('node-red/credentials.json'), '{"$":"old"}');
      assert.equal(await text('node-red/node_modules/big/index.js'), 'x');
      assert.equal(await text('events/pi/2026-11-20/old/pre.jpg'), 'jpeg');
      assert.equal(await text('events/pi/2026-11-20/new/pre.jpg'), 'jpeg');
      assert.ok(!(await readdir(join(target, 'node-red'))).includes('sessions.json'), 'sessions end');
      assert.equal(await text(`replaced-${TIME}/secrets.json`), '{"tokens":"new"}');
      assert.equal(await text(`replaced-${TIME}/flows/server/frames.json`), '["new"]');
      assert.ok(!(await readdir(target)).includes('restoring'));
    });
  }

  it('brings pictures that were asked for back: they are listed and served as they were', async () => {
    const galleryOn = (db: Db, folder: string) =>
      createGallery({
        db,
        folder,
        clock,
        log: silentLog,
        newId: uuidv7,
        cameras: new FakeHost().cameras,
        commands: { request: () => Promise.reject(new Error('no device here')) },
        fleet: {
          cameras: async () => [],
          camera: async (id: string) => ({ id, device: 'server', driver: 'sim' }),
          onPresence: () => () => undefined,
          words: { watch: () => () => undefined },
          onCamerasChanged: () => () => undefined,
        } as unknown as GalleryOptions['fleet'],
        isStreaming: () => false,
        timeoutMs: 30_000,
      });
    const source = await dataFolder('old');
    const opened = await open(source);
    await migrate(opened.db, silentLog);
    const first = galleryOn(opened.db, source);
    await first.start();
    const taken = await first.capture('gate', { description: 'front' }, { name: 'user:anna' });
    await first.stop();
    const { file, summary } = await pack(source, opened, true);
    await opened.db.close();
    assert.equal(summary.images, 2, "the event's and the one that was asked for");

    const target = await dataFolder('new');
    await restore(file, target);
    const after = await open(target);
    const second = galleryOn(after.db, target);
    await second.start();
    const { items } = await second.images({ cameras: null, limit: 50 });
    assert.deepEqual(items, [taken]);
    assert.deepEqual(await second.imageBytes(taken.id), TINY_JPEG);
    await second.stop();
    await after.db.close();
  });

  describe('when something is wrong', () => {
    let source: string;
    let file: string;
    before(async () => {
      source = await dataFolder('old');
      const opened = await open(source, await newDatabase());
      await migrate(opened.db, silentLog);
      await opened.db.query(ROWS);
      file = (await pack(source, opened)).file;
      await opened.db.close();
    });
    const untouched = async (target: string) => {
      assert.equal(await readFile(join(target, 'secrets.json'), 'utf8'), '{"tokens":"new"}');
      const names = await readdir(target);
      assert.deepEqual(
        names.filter((name) => /restoring|replaced|db\./.test(name)),
        [],
      );
    };

    it('a file that is cut short, anywhere, changes nothing', async () => {
      const target = await dataFolder('new');
      const { size } = await stat(file);
      const whole = await readFile(file);
      for (const end of [0, 10, size >> 1, size - 30, size - 1]) {
        const torn = join(await temporaryFolder('torn'), 'torn.tar.gz');
        await writeFile(torn, whole);
        await truncate(torn, end);
        await assert.rejects(restore(torn, target), { code: 'db.broken' }, `${end} of ${size}`);
        await untouched(target);
      }
    });

    it('what is no backup of ours, or wants to write elsewhere, changes nothing', async () => {
      const target = await dataFolder('new');
      const craft = async (files: Record<string, string>) => {
        const chunks: Uint8Array[] = [];
        const tar = new TarWriter(async (chunk) => void chunks.push(chunk), 0);
        for (const [path, text] of Object.entries(files)) await tar.add(path, Buffer.from(text));
        await tar.end();
        const path = join(await temporaryFolder('crafted'), 'x.tar.gz');
        await writeFile(path, gzipSync(Buffer.concat(chunks)));
        return path;
      };
      const manifest = JSON.stringify({
        product: 'redeye',
        format: 1,
        version: '1',
        made_at: '2026',
        database: 'tables',
        images: false,
      });
      const tables = (more: object) => JSON.stringify({ migration: 1, tables: [], sequences: {}, ...more });
      const bad: [Record<string, string>, string][] = [
        [{}, 'db.broken'],
        [{ 'secrets.json': '{}' }, 'db.broken'],
        [{ 'manifest.json': '{' }, 'db.broken'],
        [{ 'manifest.json': manifest.replace('"format":1', '"format":2') }, 'db.broken'],
        [{ 'manifest.json': manifest, '../outside': 'x' }, 'db.broken'],
        [{ 'manifest.json': manifest }, 'db.broken'],
        [{ 'manifest.json': manifest, 'database/tables.json': tables({ migration: 9999 }) }, 'db.newer'],
        [{ 'manifest.json': manifest, 'database/tables.json': tables({ tables: ['pg_class'] }) }, 'db.broken'],
        [{ 'manifest.json': manifest, 'database/tables.json': tables({ sequences: { 'x; drop': 1 } }) }, 'db.broken'],
      ];
      for (const [files, code] of bad) {
        await assert.rejects(restore(await craft(files), target, await newDatabase()), { code }, JSON.stringify(files));
        await untouched(target);
      }
      await assert.rejects(restore(join(target, 'none.tar.gz'), target), { code: 'request.invalid' });
      await untouched(target);
    });

    it('a server that is connected to the database from elsewhere stops it', async () => {
      const target = await dataFolder('new');
      const url = await newDatabase();
      const server = await onPostgres(url);
      await migrate(server, silentLog);
      await assert.rejects(restore(file, target, url), { code: 'data_dir.locked' });
      await untouched(target);
      assert.deepEqual((await server.query('select name from users')).rows, []);
      await server.close();
    });
  });
});
