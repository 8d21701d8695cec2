import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../../support/folders.ts';

const CODE = new URL('../../../runtime/lib/compiled-code.ts', import.meta.url).href;

/** A program as ours begins, in a process of its own: Node's cache cannot be switched off again. Answers what it was told. */
async function start(root: string, dataDir: string | undefined, env: Record<string, string> = {}): Promise<string> {
  const script = `
    const { keepCompiledCode, writeCompiledCode } = await import('${CODE}');
    const place = keepCompiledCode('${join(root, 'dist')}', ${JSON.stringify(dataDir)});
    await import('${join(root, 'dist/part.mjs')}');
    writeCompiledCode();
    process.stdout.write(JSON.stringify([place ?? '', process.env.NODE_COMPILE_CACHE ?? '']));
    process.kill(process.pid, 'SIGKILL');`;
  const own = { PATH: process.env.PATH, ...env };
  const run = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env: own }).catch(
    (ended: { signal?: string; stdout: string; stderr: string }) => {
      if (ended.signal !== 'SIGKILL') throw ended;
      return ended;
    },
  );
  const [place, told] = JSON.parse(run.stdout);
  assert.equal(told, env.NODE_DISABLE_COMPILE_CACHE ? '' : place);
  return place;
}

async function product(): Promise<string> {
  const root = await temporaryFolder('redeye-compiled');
  for (const folder of ['dist', 'node_modules']) await mkdir(join(root, folder));
  await writeFile(join(root, 'package.json'), '{}');
  await writeFile(join(root, 'dist/.built'), '0123456789abcdef');
  await writeFile(join(root, 'dist/part.mjs'), 'export const part = () => 1;\n');
  return root;
}

async function filesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}

describe('compiled code', () => {
  it('is kept beside the packages, also by a program that is killed, and that of earlier builds goes', async () => {
    const root = await product();
    const before = join(root, 'node_modules/.cache/redeye/compiled-ffffffffffff');
    await mkdir(before, { recursive: true });
    await mkdir(join(root, 'node_modules/.cache/redeye/else'));
    const place = await start(root, undefined);
    assert.equal(place, join(root, 'node_modules/.cache/redeye/compiled-0123456789ab'));
    assert.ok((await filesBelow(place)) > 0);
    assert.deepEqual((await readdir(join(place, '..'))).sort(), ['compiled-0123456789ab', 'else']);
  });

  it('is kept in the data folder where the packages cannot be written', async () => {
    const root = await product();
    await writeFile(join(root, 'node_modules/.cache'), 'in the way');
    const place = await start(root, join(root, 'data'));
    assert.equal(place, join(root, 'data/cache/compiled-0123456789ab'));
    assert.ok((await filesBelow(place)) > 0);
  });

  it('is not kept where nothing can be written, or where the environment forbids it', async () => {
    const root = await product();
    assert.equal(await start(root, undefined, { NODE_DISABLE_COMPILE_CACHE: '1' }), '');
    await writeFile(join(root, 'node_modules/.cache'), 'in the way');
    assert.equal(await start(root, undefined), '');
  });
});
