import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Compile, isBuilt, makeDist } from '../../../runtime/cli/dist.ts';
import { temporaryFolder } from '../../support/folders.ts';

describe('dist', () => {
  let root: string;
  let compile: Compile;
  let compiled: number;

  async function put(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }

  beforeEach(async () => {
    root = await temporaryFolder('dist');
    compiled = 0;
    await put('nodes/cam/cam.ts', 'export default 1;');
    await put('nodes/cam/cam.html', '<p>form</p>');
    await put('nodes/cam/locales/en-US/cam.json', '{}');
    await put('nodes/package.json', '{"name":"x"}');
    await put('nodes/README.md', '# not shipped');
    await put('runtime/db/migrations/0001-first.sql', 'select 1;');
    await put('flows/server/main.json', '[]');
    await put('flows/examples/cam.json', '[]');
    await put('dist/nodes/cam/cam.js', 'old');
    compile = () => {
      compiled += 1;
      return true;
    };
  });

  it('copies forms, locales, manifest, migrations, flows and examples, and no notes', async () => {
    const report = makeDist(root, compile);
    assert.equal(report.ok, true);
    for (const path of [
      'nodes/cam/cam.html',
      'nodes/cam/locales/en-US/cam.json',
      'nodes/package.json',
      'nodes/examples/cam.json',
      'runtime/db/migrations/0001-first.sql',
      'flows/server/main.json',
    ]) {
      assert.ok(existsSync(join(root, 'dist', path)), path);
    }
    assert.equal(existsSync(join(root, 'dist/nodes/README.md')), false);
  });

  it('has nothing to do while the sources stay as they are, even with new times', async () => {
    makeDist(root, compile);
    await put('nodes/cam/cam.html', '<p>form</p>');
    assert.equal(isBuilt(root), true);
    await put('nodes/cam/cam.html', '<p>other form</p>');
    assert.equal(isBuilt(root), false);
  });

  it('writes only what changed', async () => {
    makeDist(root, compile);
    const before = await stat(join(root, 'dist/nodes/package.json'));
    await put('nodes/cam/cam.html', '<p>other form</p>');
    assert.equal(makeDist(root, compile).copied, 1);
    assert.equal((await stat(join(root, 'dist/nodes/package.json'))).mtimeMs, before.mtimeMs);
    assert.equal(await readFile(join(root, 'dist/nodes/cam/cam.html'), 'utf8'), '<p>other form</p>');
  });

  it('builds again when an output was deleted, and makes the compiler forget its notes', async () => {
    makeDist(root, compile);
    await put('dist/.tsbuildinfo', '{}');
    await rm(join(root, 'dist/nodes/cam/cam.js'));
    assert.equal(isBuilt(root), false);
    makeDist(root, compile);
    assert.equal(existsSync(join(root, 'dist/.tsbuildinfo')), false);
    assert.equal(compiled, 2);
  });

  it('removes what has lost its source', async () => {
    await put('dist/nodes/gone/gone.js', 'x');
    await put('dist/flows/server/gone.json', '[]');
    assert.equal(makeDist(root, compile).removed, 2);
    assert.equal(existsSync(join(root, 'dist/nodes/gone/gone.js')), false);
  });

  it('is not taken for built after type errors', () => {
    assert.equal(makeDist(root, () => false).ok, false);
    assert.equal(isBuilt(root), false);
  });
});
