import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeBackup } from '../../../runtime/db/backup-files.ts';
import { blankIn, putBlank as putBlankInto } from '../../../runtime/db/blank-database.ts';
import { conditionOf, openFolder } from '../../../runtime/db/embedded-folder.ts';
import { type OpenedDatabase, openDatabase } from '../../../runtime/db/open.ts';
import { packFolder, unpackFolder } from '../../../runtime/db/packed-folder.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { ListLog } from '../../support/list-log.ts';
import { putMigratedPglite } from '../../support/pglite-image.ts';

describe('opening the embedded database', function () {
  this.timeout(90_000);

  /** a folder with the user `kept`, closed in order, and a backup that has only the user `saved` */
  let whole: string;
  let pack: Buffer;
  let backup: string;
  let dataDir: string;
  let log: ListLog;
  let opened: OpenedDatabase | undefined;
  const clock = new FakeClock();

  before(async () => {
    const made = await temporaryFolder('embedded');
    whole = join(made, 'db');
    backup = join(made, 'db-20261119T000000000Z.tar.gz');
    await putMigratedPglite(whole);
    const db = await openFolder(whole, { log: silentLog, interrupted: false });
    await db.query("insert into users (name, role, password_hash) values ('saved', 'viewer', '')");
    await writeBackup(db, backup);
    await db.query("update users set name = 'kept'");
    await db.close();
    pack = packFolder(whole);
  });
  beforeEach(async () => {
    dataDir = await temporaryFolder('data');
    log = new ListLog();
  });
  afterEach(async () => {
    await opened?.db.close();
    opened = undefined;
    await rm(dataDir, { recursive: true, force: true });
  });

  const open = async (options: { openTimeoutMs?: number; blanks?: string } = {}) => {
    opened = await openDatabase({ dataDir, log, clock, ...options });
    return opened;
  };
  const users = async () =>
    (await opened?.db.query<{ name: string }>('select name from users'))?.rows.map((row) => row.name);
  const inDb = (path: string) => join(dataDir, 'db', path);
  const putWhole = async () => unpackFolder(pack, join(dataDir, 'db'));
  async function putBackup(name = 'db-20261119T000000000Z.tar.gz') {
    await mkdir(join(dataDir, 'backups'), { recursive: true });
    await cp(backup, join(dataDir, 'backups', name));
  }

  it('opens one that was closed in order, and says once what it does not promise', async () => {
    await putWhole();
    const { restored, embedded } = await open();
    assert.equal(restored, undefined);
    assert.ok(embedded);
    assert.deepEqual(await users(), ['kept']);
    assert.deepEqual(
      log.lines.map((line) => line.level),
      ['warn'],
    );
    assert.match(log.of('warn')[0] ?? '', /does not force its writes to the disk/);
  });

  it('keeps what was committed when the process is killed', async () => {
    await putWhole();
    const source = new URL('../../../runtime/db/pglite.ts', import.meta.url).href;
    const script = `
      import { openPglite } from '${source}';
      const db = await openPglite({ folder: ${JSON.stringify(join(dataDir, 'db'))}, log: console });
      for (let n = 0; ; n += 1) {
        await db.query("insert into outbox (kind, key, payload) values ('n', $1, '{}')", [String(n)]);
        process.stdout.write(n + '\\n');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
      if (said.includes('30\n')) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const acknowledged = Number(said.trim().split('\n').at(-1));
    const { db, restored } = await open();
    assert.equal(restored, undefined);
    const { rows } = await db.query<{ n: number }>('select count(*) as n from outbox');
    assert.ok((rows[0]?.n ?? 0) > acknowledged && acknowledged >= 30, `${acknowledged} of ${rows[0]?.n}`);
  });

  /** Every file below a folder whose path fits gets new content. */
  async function damage(fits: RegExp, change: (bytes: Buffer) => Buffer): Promise<void> {
    let changed = 0;
    for (const name of await readdir(inDb(''), { recursive: true })) {
      if (!fits.test(name) || !(await stat(inDb(name))).isFile()) continue;
      await writeFile(inDb(name), change(await readFile(inDb(name))));
      changed += 1;
    }
    assert.ok(changed > 0);
  }
  const garbage = (bytes: Buffer) => Buffer.from(bytes.map((_, index) => (index * 7919 + 13) & 255));
  const zeros = (bytes: Buffer) => Buffer.alloc(bytes.length);
  it('recognises a damaged folder before PGlite makes a new database over it', async () => {
    const state = (value: number) =>
      Buffer.concat([Buffer.alloc(16), Buffer.from([value, 0, 0, 0]), Buffer.alloc(200)]);
    const ways: [Awaited<ReturnType<typeof conditionOf>>, () => Promise<void>][] = [
      [{ is: 'there', interrupted: false }, async () => undefined],
      [{ is: 'there', interrupted: true }, () => writeFile(inDb('global/pg_control'), state(6))],
      [{ is: 'there', interrupted: true }, () => writeFile(inDb('global/pg_control'), 'short')],
      [{ is: 'broken', why: 'PG_VERSION is missing' }, () => rm(inDb('PG_VERSION'))],
      [{ is: 'broken', why: 'global/pg_control is missing' }, () => rm(inDb('global'), { recursive: true })],
      [{ is: 'broken', why: 'global/pg_control is empty' }, () => truncate(inDb('global/pg_control'), 0)],
      [{ is: 'broken', why: 'postgresql.conf is empty' }, () => truncate(inDb('postgresql.conf'), 0)],
      [{ is: 'missing' }, () => rm(inDb(''), { recursive: true })],
      [{ is: 'missing' }, () => rm(inDb(''), { recursive: true }).then(() => mkdir(inDb('')))],
    ];
    for (const [condition, harm] of ways) {
      await mkdir(inDb('global'), { recursive: true });
      await writeFile(inDb('global/pg_control'), state(1));
      await writeFile(inDb('PG_VERSION'), '18\n');
      await writeFile(inDb('postgresql.conf'), 'x');
      await harm();
      assert.deepEqual(await conditionOf(inDb('')), condition);
      await rm(inDb(''), { recursive: true, force: true });
    }
  });

  it('tells a damaged database from a machine in trouble, and hangs on neither', async () => {
    const ways: (() => Promise<void>)[] = [
      () => damage(/pg_control$/, garbage),
      () => rm(inDb('pg_wal'), { recursive: true }),
      () => damage(/^base\/5\/\d+$/, () => Buffer.alloc(0)),
    ];
    for (const harm of ways) {
      await putWhole();
      await harm();
      await assert.rejects(openFolder(inDb(''), { log, interrupted: false }), { code: 'db.broken' });
      await rm(inDb(''), { recursive: true });
    }
  });

  const harms: Record<string, () => Promise<void>> = {
    'has lost PG_VERSION': () => rm(inDb('PG_VERSION')),
    'has zeros for its write-ahead log': () => damage(/pg_wal\/0/, zeros),
    'has garbage for its catalogue': () => damage(/^base\/5\/\d+$/, garbage),
  };
  for (const [way, harm] of Object.entries(harms)) {
    it(`sets one aside that ${way}, and restores the backup`, async () => {
      await putWhole();
      await putBackup();
      await harm();
      const { restored } = await open();
      assert.deepEqual(restored, {
        from: join(dataDir, 'backups/db-20261119T000000000Z.tar.gz'),
        setAside: join(dataDir, 'db.broken-20261120T120000Z'),
      });
      assert.deepEqual(await users(), ['saved']);
      assert.ok((await readdir(restored.setAside ?? '')).length > 0, 'nothing is deleted');
      assert.match(log.of('error').join(), /was set aside/);
      assert.match(log.of('warn').join(), /restored from a backup/);
      assert.deepEqual((await readdir(dataDir)).sort(), ['backups', 'db', 'db.broken-20261120T120000Z']);
    });
  }

  it('finds a table whose page was lost when the last run was cut short', async () => {
    await putWhole();
    await putBackup();
    const { db } = await open();
    const { rows } = await db.query<{ path: string }>("select pg_relation_filepath('users') as path");
    await db.close();
    await damage(new RegExp(`^${rows[0]?.path}$`), garbage);
    await interrupt();
    const { restored } = await open();
    assert.ok(restored?.from);
    assert.deepEqual(await users(), ['saved']);
  });

  /** Leaves the folder as a killed process would. */
  async function interrupt(): Promise<void> {
    const source = new URL('../../../runtime/db/pglite.ts', import.meta.url).href;
    const script = `
      import { openPglite } from '${source}';
      const db = await openPglite({ folder: ${JSON.stringify(join(dataDir, 'db'))}, log: console });
      await db.query("insert into outbox (kind, key, payload) values ('n', 'x', '{}')");
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await once(child, 'close');
  }

  it('takes the backup before when the newest is torn', async () => {
    await putWhole();
    await putBackup();
    await putBackup('db-20261120T000000000Z.tar.gz');
    await putBackup('db-20261120T060000000Z.tar.gz');
    await truncate(join(dataDir, 'backups/db-20261120T060000000Z.tar.gz'), 100_000);
    await writeFile(join(dataDir, 'backups/db-20261120T000000000Z.tar.gz'), 'not a backup');
    await rm(inDb('global'), { recursive: true });
    const { restored } = await open();
    assert.equal(restored?.from, join(dataDir, 'backups/db-20261119T000000000Z.tar.gz'));
    assert.equal(log.of('error').filter((line) => /cannot be used/.test(line)).length, 2);
  });

  it('restores the backup when the folder is gone altogether', async () => {
    await putBackup();
    const { restored } = await open();
    assert.deepEqual(restored, { from: join(dataDir, 'backups/db-20261119T000000000Z.tar.gz'), setAside: undefined });
    assert.deepEqual(await users(), ['saved']);
  });

  /** What a build leaves for first starts; its content tells it from one that is made on the spot. */
  async function putBlank(change = (bytes: Buffer) => bytes): Promise<string> {
    const blanks = await temporaryFolder('blanks');
    await writeFile(blankIn(blanks), change(pack));
    return blanks;
  }

  it('begins anew when there is no backup, and says so', async () => {
    await putWhole();
    await rm(inDb('PG_VERSION'));
    const { restored, db } = await open({ blanks: await putBlank() });
    assert.deepEqual(restored, { from: undefined, setAside: join(dataDir, 'db.broken-20261120T120000Z') });
    assert.match(log.of('error').join(), /no backup that opens/);
    assert.equal((await db.query('select 1')).rowCount, 1);
    assert.deepEqual(await users(), ['kept'], 'the one of the build');
  });

  it('makes a new one itself where that of the build is torn or of another version', async () => {
    const blanks = await putBlank((bytes) => bytes.subarray(0, bytes.length / 2));
    await rename(blankIn(blanks), join(blanks, 'blank-0.0.1.br'));
    assert.equal(await putBlankInto(blanks, inDb(''), log), false);
    assert.deepEqual(log.of('warn'), []);
    await rename(join(blanks, 'blank-0.0.1.br'), blankIn(blanks));
    const { db } = await open({ blanks });
    assert.match(log.of('warn').join(), /empty database of the build cannot be used/);
    const { rows } = await db.query("select tablename from pg_tables where schemaname = 'public'");
    assert.deepEqual(rows, []);
    assert.deepEqual(await readdir(dataDir), ['db']);
  });

  it('clears away a database that was being made when a start was cut short', async () => {
    unpackFolder(pack, join(dataDir, 'db.making'));
    await putWhole();
    assert.equal((await open()).restored, undefined);
    assert.deepEqual(await readdir(dataDir), ['db']);
  });

  it('sets nothing aside when the disk is full', async () => {
    await putWhole();
    const full = Object.assign(new Error('could not write: No space left on device'), { code: 'ENOSPC' });
    await assert.rejects(
      openFolder(join(dataDir, 'db'), {
        interrupted: false,
        get log(): never {
          throw full;
        },
      }),
      { code: 'db.unavailable' },
    );
  });

  it('ends a process in which the opening hangs, and sets the folder aside at the next start', async () => {
    await putWhole();
    const source = new URL('../../../runtime/db/opening-watchdog.ts', import.meta.url).href;
    const script = `
      import { watched } from '${source}';
      await watched(${JSON.stringify(join(dataDir, 'db.stuck'))}, 200, async () => { while (performance.now() < 20_000); });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: 'ignore',
    });
    const [, signal] = await once(child, 'exit');
    assert.equal(signal, 'SIGKILL');
    await putBackup();
    const { restored } = await open();
    assert.ok(restored?.from && restored.setAside);
    assert.equal((await readdir(dataDir)).includes('db.stuck'), false);
  });
});
