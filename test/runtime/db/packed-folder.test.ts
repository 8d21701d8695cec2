import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packFolder, unpackFolder } from '../../../runtime/db/packed-folder.ts';
import { temporaryFolder } from '../../support/folders.ts';

describe('a packed folder', () => {
  let folder: string;
  let from: string;

  beforeEach(async () => {
    folder = await temporaryFolder('packed');
    from = join(folder, 'from');
    await mkdir(join(from, 'base/1'), { recursive: true });
    await mkdir(join(from, 'pg_notify'));
    await writeFile(join(from, 'empty'), '');
    await writeFile(join(from, 'base/1/one'), Buffer.alloc(100_000, 'same'));
    await writeFile(join(from, 'base/two'), Buffer.alloc(100_000, 'same'));
    await writeFile(join(from, 'base/three'), Buffer.from([0, 255, 10, 13]));
  });

  it('comes out with every folder and every byte, for its owner only', async () => {
    const to = join(folder, 'deep/to');
    unpackFolder(packFolder(from), to);
    assert.deepEqual(
      (await readdir(to, { recursive: true })).sort(),
      (await readdir(from, { recursive: true })).sort(),
    );
    for (const path of ['empty', 'base/1/one', 'base/two', 'base/three']) {
      assert.deepEqual(await readFile(join(to, path)), await readFile(join(from, path)), path);
      assert.equal((await stat(join(to, path))).mode & 0o777, 0o600);
    }
    assert.equal((await stat(join(to, 'base'))).mode & 0o777, 0o700);
  });

  it('holds the same bytes once', async () => {
    const one = packFolder(join(from, 'base/1')).length;
    await writeFile(join(from, 'base/1/again'), Buffer.alloc(100_000, 'same'));
    assert.ok(packFolder(join(from, 'base/1')).length < one + 40);
  });

  it('is refused when it is torn, and never written over what is there', async () => {
    const pack = packFolder(from);
    for (const length of [0, 3, 20, pack.length - 1])
      assert.throws(() => unpackFolder(pack.subarray(0, length), join(folder, `of-${length}`)), `${length} bytes`);
    assert.throws(() => unpackFolder(pack, from), { code: 'EEXIST' });
    assert.deepEqual(await readFile(join(from, 'base/three')), Buffer.from([0, 255, 10, 13]));
  });
});
