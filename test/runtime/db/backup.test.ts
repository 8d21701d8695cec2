import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backups, createBackups } from '../../../runtime/db/backup.ts';
import { listBackups, restoreBackup, writeBackup } from '../../../runtime/db/backup-files.ts';
import { migrate } from '../../../runtime/db/migrate.ts';
import { type EmbeddedDb, openPglite } from '../../../runtime/db/pglite.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { emptyPglite } from '../../support/databases.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { ListLog } from '../../support/list-log.ts';
import { until } from '../../support/until.ts';

const HOUR = 3_600_000;

describe('backups of the embedded database', function () {
  this.timeout(90_000);

  let db: EmbeddedDb;
  let folder: string;
  let clock: FakeClock;
  let log: ListLog;
  let backups: Backups | undefined;

  before(async () => {
    db = await openPglite({ log: silentLog, from: await emptyPglite() });
    await migrate(db, silentLog);
  });
  after(() => db.close());
  beforeEach(async () => {
    folder = join(await temporaryFolder('backups'), 'backups');
    clock = new FakeClock();
    log = new ListLog();
  });
  afterEach(() => backups?.stop());

  const create = (options: Partial<Parameters<typeof createBackups>[0]> = {}) => {
    backups = createBackups({ db, folder, clock, log, everyMs: 6 * HOUR, keep: 2, ...options });
    return backups;
  };
  const change = () => db.query("insert into audit (actor, action, object) values ('a', 'b', 'c')");
  const there = (count: number) => until(`${count} backups`, async () => (await listBackups(folder)).length === count);

  it('gives everything back', async () => {
    await db.query("insert into users (name, role, password_hash) values ('Grüße', 'viewer', '')");
    const file = join(folder, 'mine.tar.gz');
    const bytes = await writeBackup(db, file);
    assert.ok(bytes > 100_000);
    const target = join(await temporaryFolder('restored'), 'db');
    assert.deepEqual(await restoreBackup(file, target, { clock, log }), { setAside: undefined });
    const copy = await openPglite({ folder: target, log });
    assert.deepEqual((await copy.query('select name from users')).rows, [{ name: 'Grüße' }]);
    await copy.close();
    const second = await restoreBackup(file, target, { clock, log });
    assert.equal(second.setAside, `${target}.replaced-20261120T120000Z`);
    assert.deepEqual((await readdir(join(target, '..'))).sort(), ['db', 'db.replaced-20261120T120000Z']);
  });

  it('moves nothing for a file that is no backup', async () => {
    const target = await temporaryFolder('target');
    await writeFile(join(target, 'PG_VERSION'), '18\n');
    const file = join(target, 'bad.tar.gz');
    await writeFile(file, 'bad');
    await assert.rejects(restoreBackup(file, target, { clock, log }), { code: 'db.broken' });
    assert.deepEqual((await readdir(target)).sort(), ['PG_VERSION', 'bad.tar.gz']);
  });

  it('are made at their times, the first soon, and only the newest are kept', async () => {
    await change();
    await create().start();
    await clock.advance(5 * 60_000);
    await there(1);
    const [first] = await listBackups(folder);
    for (const count of [2, 2]) {
      await change();
      await until('the timer runs again', async () => {
        await clock.advance(HOUR);
        return (await listBackups(folder)).at(0)?.path !== first?.path && (await listBackups(folder)).length === count;
      });
    }
    await until('the first is gone', async () => {
      await change();
      await clock.advance(HOUR);
      return (await listBackups(folder)).every((file) => file.path !== first?.path);
    });
    assert.equal((await listBackups(folder)).length, 2);
  });

  it('are not made while nothing changed', async () => {
    await change();
    const parts = create();
    assert.ok(await parts.run());
    await clock.advance(1);
    assert.equal(await parts.run(), undefined);
    await change();
    assert.ok(await parts.run());
  });

  it('go on from the last one after a restart', async () => {
    await change();
    await create().run();
    await backups?.stop();
    await clock.advance(5 * HOUR);
    await change();
    await create().start();
    await clock.advance(HOUR - 1000);
    assert.equal((await listBackups(folder)).length, 1);
    await clock.advance(1000);
    await there(2);
  });

  it('log a failure and try again', async () => {
    await change();
    const file = join(await temporaryFolder('blocked'), 'backups');
    await writeFile(file, 'a file where the folder should be');
    const blocked = create({ folder: file });
    await assert.rejects(blocked.run());
    assert.equal((await create().run())?.startsWith(folder), true);
  });

  it('clear away what a write that was cut short left, and nothing else', async () => {
    await create().run();
    const names = ['.db-20261120T000000000Z.tar.gz.0123456789ab.tmp', 'notes.txt', 'mine.tar.gz'];
    for (const name of names) await writeFile(join(folder, name), 'x');
    await create().start();
    const left = await readdir(folder);
    assert.deepEqual(
      names.map((name) => left.includes(name)),
      [false, true, true],
    );
  });

  it('say when the database is too large for them', async () => {
    await change();
    assert.equal(await create({ maxBytes: 1000 }).run(), undefined);
    assert.match(log.of('warn').join(), /move it to PostgreSQL/);
  });
});
