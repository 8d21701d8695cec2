import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { readCommand, UsageError } from '../../../../runtime/cli/admin/arguments.ts';
import { createAdminWork } from '../../../../runtime/cli/admin/work.ts';
import { createAdminSocket } from '../../../../runtime/cli/admin-socket.ts';
import { openFolder } from '../../../../runtime/db/embedded-folder.ts';
import type { EmbeddedDb } from '../../../../runtime/db/pglite.ts';
import { createUserStore } from '../../../../runtime/db/users.repo.ts';
import { Accounts } from '../../../../runtime/http/auth/accounts.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { lockDataDir } from '../../../../runtime/lib/data-dir-lock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import type { Part } from '../../../../runtime/lib/part.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { putMigratedPglite } from '../../../support/pglite-image.ts';
import { until } from '../../../support/until.ts';

const ADMIN = join(import.meta.dirname, '../../../../runtime/cli/admin.ts');

async function admin(dataDir: string, ...args: string[]) {
  const { PATH, NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE, DATA_DIR: dataDir, INIT_CWD: join(dataDir, '..') };
  const child = spawn(process.execPath, [ADMIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, out, err };
}

async function openData(dataDir: string): Promise<EmbeddedDb> {
  return openFolder(join(dataDir, 'db'), { log: silentLog, interrupted: false });
}

/** A data folder as a server leaves it, with the user `admin`. */
async function usedData() {
  const dataDir = join(await temporaryFolder('redeye-admin'), 'data');
  await mkdir(dataDir, { mode: 0o700 });
  await putMigratedPglite(join(dataDir, 'db'));
  await writeFile(join(dataDir, 'secrets.json'), '{}');
  const db = await openData(dataDir);
  await accountsOn(db).ensureAdmin('the first password');
  return { dataDir, db };
}

const accountsOn = (db: EmbeddedDb) =>
  new Accounts({ store: createUserStore(db), clock: systemClock, log: silentLog, key: Buffer.alloc(32, 7) });

describe('the command line of npm run admin', () => {
  it('is understood', () => {
    assert.deepEqual(readCommand(['status', '--json']), { name: 'status', json: true });
    assert.deepEqual(readCommand(['reset-password']), { name: 'reset-password', user: 'admin' });
    assert.deepEqual(readCommand(['reset-password', 'anna']), { name: 'reset-password', user: 'anna' });
    assert.deepEqual(readCommand(['backup', 'x.tar.gz', '--images']), {
      name: 'backup',
      file: 'x.tar.gz',
      images: true,
    });
    assert.deepEqual(readCommand(['restore', 'x.tar.gz']), { name: 'restore', file: 'x.tar.gz' });
  });

  it('is refused where it makes no sense', () => {
    const wrong = [
      [],
      ['dance'],
      ['backup'],
      ['restore'],
      ['backup', 'a', 'b'],
      ['status', 'now'],
      ['status', '--images'],
      ['restore', 'a', '--images'],
      ['backup', 'a', '--fast'],
    ];
    for (const args of wrong) assert.throws(() => readCommand(args), UsageError, args.join(' '));
  });
});

describe('npm run admin while the server is stopped', function () {
  this.timeout(120_000);
  let dataDir: string;
  before(async () => {
    const used = await usedData();
    await used.db.close();
    dataDir = used.dataDir;
  });

  it('says what it can be used for, with exit code 2', async () => {
    const { code, err } = await admin(dataDir, 'dance');
    assert.equal(code, 2);
    assert.match(err, /^redeye admin: there is no command "dance"\n\nusage: /);
  });

  it('tells of errors in one line, with exit code 1', async () => {
    const { code, out, err } = await admin(join(dataDir, 'none'), 'status');
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /^redeye admin: DATA_DIR: there is no folder .*\n$/);
  });

  it('tells the status, makes a backup, restores it and gives a new password', async () => {
    const status = await admin(dataDir, 'status');
    assert.equal(status.code, 0, status.err);
    assert.match(status.out, /^state +stopped\n/);
    assert.match(status.out, /^queue +queued 0, running 0, done 0, failed 0, dead 0$/m);

    const backup = await admin(dataDir, 'backup', 'mine.tar.gz');
    assert.equal(backup.code, 0, backup.err);
    const file = join(dataDir, '..', 'mine.tar.gz');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const again = await admin(dataDir, 'backup', 'mine.tar.gz');
    assert.deepEqual([again.code, again.err], [1, `redeye admin: ${file} is there already: choose another name\n`]);

    const reset = await admin(dataDir, 'reset-password');
    assert.equal(reset.code, 0, reset.err);
    const [, password = ''] = /^New password of admin: (\S{16}) /.exec(reset.out) ?? [];
    let db = await openData(dataDir);
    assert.equal((await accountsOn(db).checkPassword('admin', password, '')).mustChangePassword, true);
    const { rows } = await db.query("select actor, object from audit where action = 'user.password_reset'");
    assert.deepEqual(rows, [{ actor: 'admin-socket', object: 'user:admin' }]);
    await db.close();

    const restored = await admin(dataDir, 'restore', 'mine.tar.gz');
    assert.equal(restored.code, 0, restored.err);
    assert.match(restored.out, /^Restored the backup of .*\nWhat was there before is in .*db\.replaced-/);
    db = await openData(dataDir);
    await accountsOn(db).checkPassword('admin', 'the first password', '');
    await db.close();
    assert.ok(!(await readdir(dataDir)).includes('lock'));
  });

  it('keeps off while another process holds the data', async () => {
    const lock = await lockDataDir(dataDir, { pid: process.pid, clock: systemClock });
    for (const args of [['reset-password'], ['restore', 'mine.tar.gz']]) {
      const { code, err } = await admin(dataDir, ...args);
      assert.equal(code, 1);
      assert.match(err, new RegExp(`in use by process ${process.pid}`));
    }
    await lock.release();
  });

  it('tells the rest of the status when the database does not open', async () => {
    const broken = await usedData();
    await broken.db.close();
    await writeFile(join(broken.dataDir, 'db', 'PG_VERSION'), '');
    const { code, out } = await admin(broken.dataDir, 'status', '--json');
    assert.equal(code, 0);
    const { database, disk, queue } = JSON.parse(out);
    assert.match(database.trouble, /PG_VERSION is empty/);
    assert.deepEqual([queue, disk.free_bytes > 0], [null, true]);
    assert.equal((await admin(broken.dataDir, 'backup', 'x.tar.gz')).code, 1);
    assert.ok(!(await readdir(join(broken.dataDir, '..'))).some((name) => name.includes('x.tar.gz')));
  });
});

describe('npm run admin while the server runs', function () {
  this.timeout(120_000);
  let dataDir: string;
  let db: EmbeddedDb;
  let socket: Part;
  let path: string;
  let ended = 0;
  before(async () => {
    ({ dataDir, db } = await usedData());
    const lock = await lockDataDir(dataDir, { pid: process.pid, clock: systemClock });
    path = join(dataDir, 'admin.sock');
    const live = { pid: 4711, url: 'http://127.0.0.1:1880', flows: () => 'running' };
    const parts = {
      db,
      embedded: db,
      dataDir,
      flowsDir: join(dataDir, 'flows'),
      version: '1',
      clock: systemClock,
      live,
    };
    await writeFile(path, 'left behind by a process that was killed');
    const end = async () => {
      ended += 1;
      await socket.stop();
      await db.close();
      await lock.release();
    };
    const work = createAdminWork(parts);
    socket = createAdminSocket({ path, work, end: () => void end(), clock: systemClock, log: silentLog });
    await socket.start();
  });
  after(async () => {
    await socket.stop();
    await socket.stop();
    assert.ok(!(await readdir(dataDir)).includes('admin.sock'));
  });
  const say = async (bytes: string): Promise<string> => {
    const client = connect(path);
    client.write(bytes);
    return text(client);
  };

  it('is asked through a socket that only its owner can open', async () => {
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const { out, code } = await admin(dataDir, 'status');
    assert.equal(code, 0);
    assert.match(out, /^state +running \(process 4711\)\n/);
    assert.match(out, /^flows +running$/m);
  });

  it('ends every session of who gets a new password', async () => {
    const accounts = accountsOn(db);
    const login = await accounts.login({ email: 'admin', password: 'the first password' }, 'ip');
    await accounts.userOfToken(login.access_token);
    const { out } = await admin(dataDir, 'reset-password', 'ADMIN');
    const [, password = ''] = /^New password of admin: (\S+) /.exec(out) ?? [];
    await assert.rejects(accounts.userOfToken(login.access_token), { code: 'auth.invalid' });
    await assert.rejects(accounts.refresh(login.refresh_token), { code: 'auth.invalid' });
    const again = await accounts.login({ email: 'admin', password }, 'ip');
    assert.equal(again.user.must_change_password, true);
    await accounts.userOfToken(again.access_token);
    const nobody = await admin(dataDir, 'reset-password', 'nobody');
    assert.deepEqual([nobody.code, nobody.err], [1, 'redeye admin: there is no user "nobody"\n']);
  });

  it('gives a backup that can be restored elsewhere', async () => {
    const { code, err } = await admin(dataDir, 'backup', 'live.tar.gz');
    assert.equal(code, 0, err);
    const file = join(dataDir, '..', 'live.tar.gz');
    const fresh = join(await temporaryFolder('redeye-admin'), 'data');
    const restored = await admin(fresh, 'restore', file);
    assert.equal(restored.code, 0, restored.err);
    const copy = await openData(fresh);
    assert.deepEqual((await copy.query('select name from users')).rows, [{ name: 'admin' }]);
    await copy.close();
    assert.equal(await readFile(join(fresh, 'secrets.json'), 'utf8'), '{}');
  });

  it('refuses what it does not understand, and goes on', async () => {
    for (const line of ['nonsense', '{}', '{"ask":"dance"}', '{"ask":"status","more":1}', '[]', 'x'.repeat(5000)]) {
      const answer = JSON.parse(await say(`${line}\n`));
      assert.deepEqual([answer.ok, answer.code], [false, 'request.invalid'], line.slice(0, 20));
    }
    const silent = connect(path);
    await once(silent, 'connect');
    assert.equal(JSON.parse(await say('{"ask":"status"}\n')).ok, true);
    silent.destroy();
  });

  it('outlives whoever goes away in the middle', async () => {
    const client = connect(path);
    client.write('{"ask":"backup","images":false}\n');
    await once(client, 'data');
    client.destroy();
    await until('the next one is served', async () => (await say('{"ask":"status"}\n')).includes('"ok":true'));
  });

  it('ends the server for a restore, once the file is known to be whole', async () => {
    const file = join(dataDir, '..', 'live.tar.gz');
    const bytes = await readFile(file);
    await writeFile(join(dataDir, '..', 'cut.tar.gz'), bytes.subarray(0, bytes.length / 2));
    const refused = await admin(dataDir, 'restore', 'cut.tar.gz');
    assert.deepEqual([refused.code, ended], [1, 0], refused.err);
    assert.match((await admin(dataDir, 'status')).out, /^state +running/);
    const restored = await admin(dataDir, 'restore', file);
    assert.deepEqual([restored.code, ended], [0, 1], restored.err);
    assert.match(restored.out, /The server was stopped for it: start it again, unless/);
    const again = await openData(dataDir);
    assert.deepEqual((await again.query('select name from users')).rows, [{ name: 'admin' }]);
    await again.close();
    assert.ok(!(await readdir(dataDir)).includes('lock'));
  });
});
