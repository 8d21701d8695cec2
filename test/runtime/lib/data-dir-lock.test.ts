import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { lockDataDir } from '../../../runtime/lib/data-dir-lock.ts';
import { temporaryFolder } from '../../support/folders.ts';

const isLocked = (pid: number) => (error: unknown) =>
  error instanceof AppError && error.code === 'data_dir.locked' && error.message.includes(String(pid));

describe('the lock of the data folder', () => {
  let folder: string;
  const children: ChildProcess[] = [];
  const lock = (options: Partial<Parameters<typeof lockDataDir>[1]> = {}) =>
    lockDataDir(folder, { pid: process.pid, clock: systemClock, ...options });

  beforeEach(async () => {
    folder = await temporaryFolder('lock');
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** A process of its own that locks the folder when told so, says how that went, and stays. */
  function starter(): { child: ChildProcess; locks(): Promise<string> } {
    const source = new URL('../../../runtime/', import.meta.url);
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { lockDataDir } from '${new URL('lib/data-dir-lock.ts', source).href}';
         import { systemClock } from '${new URL('lib/clock.ts', source).href}';
         process.stdout.write('ready\\n');
         process.stdin.once('data', () => lockDataDir(${JSON.stringify(folder)}, { pid: process.pid, clock: systemClock })
           .then(() => process.stdout.write('mine\\n'), (error) => process.stdout.write(error.code + '\\n')));`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    children.push(child);
    const ready = once(child.stdout, 'data');
    return {
      child,
      async locks() {
        await ready;
        const said = once(child.stdout, 'data');
        child.stdin.write('go\n');
        return String((await said)[0]).trim();
      },
    };
  }

  it('names the process that holds it, and lets the next one in after the release', async () => {
    const first = await lock();
    await assert.rejects(lock({ pid: process.ppid }), isLocked(process.pid));
    await first.release();
    await first.release();
    const second = await lock();
    await first.release();
    await assert.rejects(lock({ pid: process.ppid }), isLocked(process.pid), 'a late release takes nothing away');
    await second.release();
    assert.deepEqual(await readdir(folder), []);
  });

  it('holds off a second process, and is taken over once the first was killed', async () => {
    const first = starter();
    assert.equal(await first.locks(), 'mine');
    await assert.rejects(lock(), isLocked(first.child.pid ?? 0));
    const ended = once(first.child, 'exit');
    first.child.kill('SIGKILL');
    await ended;
    await (await lock()).release();
  });

  it('goes to exactly one of many that start at once, on a free folder and on a stale lock', async () => {
    for (const stale of [true, false]) {
      if (stale) await writeFile(join(folder, 'lock'), lockOf(2 ** 22 + 1, 'long ago'));
      const starters = Array.from({ length: 4 }, starter);
      const answers = await Promise.all(starters.map((each) => each.locks()));
      assert.equal(answers.filter((answer) => answer === 'mine').length, 1, String(answers));
      assert.equal(answers.filter((answer) => answer === 'data_dir.locked').length, 3, String(answers));
      assert.deepEqual(await readdir(folder), ['lock']);
      await Promise.all(
        starters.map(async ({ child }) => {
          const ended = once(child, 'exit');
          child.kill('SIGKILL');
          await ended;
        }),
      );
    }
  });

  it('goes to exactly one of many in one process that find the same stale lock', async () => {
    const pids = Array.from({ length: 20 }, (_, index) => 100 + index);
    const processStart = (pid: number) => (pid < 1000 ? 'now' : undefined);
    for (let round = 0; round < 20; round += 1) {
      await writeFile(join(folder, 'lock'), lockOf(2 ** 22 + 1, 'long ago'));
      const results = await Promise.allSettled(pids.map((pid) => lock({ pid, processStart })));
      assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1);
      assert.deepEqual(await readdir(folder), ['lock']);
    }
  });

  it('is taken over when another program has the pid by now, our own one included', async () => {
    const processStart = () => 'boot-2:77';
    await writeFile(join(folder, 'lock'), lockOf(4711, 'boot-1:77'));
    await (await lock({ processStart })).release();
    await writeFile(join(folder, 'lock'), lockOf(process.pid, 'boot-1:77'));
    await (await lock({ processStart })).release();
    await writeFile(join(folder, 'lock'), lockOf(4711, 'boot-2:77'));
    await assert.rejects(lock({ processStart }), isLocked(4711));
  });

  it('is taken over when a power cut left it empty or torn', async () => {
    for (const text of ['', '{"pid":', 'null', '{}', '\0\0\0']) {
      await writeFile(join(folder, 'lock'), text);
      await (await lock()).release();
      assert.deepEqual(await readdir(folder), []);
    }
  });

  it('gets past a takeover whose process died in the middle', async () => {
    await writeFile(join(folder, 'lock'), lockOf(2 ** 22 + 1, 'long ago'));
    const { token } = JSON.parse(await readFile(join(folder, 'lock'), 'utf8')) as { token: string };
    await writeFile(join(folder, `lock.${token}`), lockOf(2 ** 22 + 2, 'long ago'));
    await (await lock()).release();
    assert.deepEqual(await readdir(folder), []);
  });

  it('says so when the folder is not there', async () => {
    await assert.rejects(lockDataDir(join(folder, 'missing'), { pid: 1, clock: systemClock }), { code: 'ENOENT' });
  });

  function lockOf(pid: number, start: string): string {
    return JSON.stringify({ token: '01935b00-0000-7000-8000-000000000001', pid, start, since: 0 });
  }
});
