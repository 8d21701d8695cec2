import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createLog } from '../../../runtime/lib/log.ts';
import { LogFile } from '../../../runtime/lib/log-file.ts';
import { temporaryFolder } from '../../support/folders.ts';

describe('the log in a file', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await temporaryFolder('log');
    path = join(folder, 'new', 'redeye.log');
  });

  it('has each line as it was printed, secrets hidden, for its owner only', async () => {
    const printed: string[] = [];
    const file = new LogFile(path);
    const log = createLog({ level: 'info', destination: { write: (line) => printed.push(line) }, onLine: file.add });
    log.child('door').info('somebody came', { password: 'hunter2' });
    log.debug('not said');
    assert.equal(await readFile(path, 'utf8'), printed.join(''));
    assert.equal(printed.length, 1);
    assert.doesNotMatch(printed.join(''), /hunter2/);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    file.close();
  });

  it('goes on behind what is there, and never takes more than two files', async () => {
    const lines = Array.from({ length: 25 }, (_, n) => `line ${String(n).padStart(2, '0')}\n`);
    for (const line of lines) {
      const file = new LogFile(path, 80);
      file.add(line);
      file.close();
    }
    assert.deepEqual((await readdir(join(folder, 'new'))).sort(), ['redeye.log', 'redeye.log.1']);
    const kept = (await readFile(`${path}.1`, 'utf8')) + (await readFile(path, 'utf8'));
    assert.equal(kept, lines.slice(-15).join(''));
  });

  it('goes on when its folder was away for a while', async () => {
    const file = new LogFile(path, 8);
    file.add('before  \n');
    await rm(join(folder, 'new'), { recursive: true });
    file.add('lost\n');
    await mkdir(join(folder, 'new'));
    file.add('after\n');
    assert.equal(await readFile(path, 'utf8'), 'after\n');
    file.close();
  });

  it('does not begin where it cannot be', () => {
    assert.throws(() => new LogFile(folder), { code: 'EISDIR' });
  });
});
