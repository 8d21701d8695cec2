import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAllowedPath } from '../../../../runtime/cli/admin/contents.ts';
import { readTar, TarWriter } from '../../../../runtime/cli/admin/tar.ts';
import { temporaryFolder } from '../../../support/folders.ts';

const AT = Date.UTC(2026, 10, 20, 12);

async function packed(files: Record<string, Uint8Array | Blob>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const tar = new TarWriter(async (chunk) => void chunks.push(chunk), AT);
  for (const [path, content] of Object.entries(files)) await tar.add(path, content);
  await tar.end();
  return Buffer.concat(chunks);
}

async function* slices(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpacked(bytes: Buffer, size = 1000): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const { path, content } of readTar(slices(bytes, size))) {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    files[path] = Buffer.concat(parts).toString();
  }
  return files;
}

describe('tar files of backups', () => {
  const long = `events/${'d'.repeat(63)}/2026-11-20/${'e'.repeat(36)}/during.jpg`;
  const files = {
    'manifest.json': Buffer.from('{}'),
    [long]: Buffer.from('x'.repeat(512)),
    'flows/server/Grüße.json': Buffer.alloc(0),
    'database/pglite.tar': new Blob(['y'.repeat(1300)]),
  };

  it('come back as they went in, however they are cut into pieces', async () => {
    const bytes = await packed(files);
    for (const size of [1, 511, 512, 10_000]) {
      assert.deepEqual(await unpacked(bytes, size), {
        'manifest.json': '{}',
        [long]: 'x'.repeat(512),
        'flows/server/Grüße.json': '',
        'database/pglite.tar': 'y'.repeat(1300),
      });
    }
  });

  it('are understood by tar itself, and the other way round', async () => {
    const folder = await temporaryFolder('tar');
    await writeFile(join(folder, 'ours.tar'), await packed(files));
    execFileSync('tar', ['-xf', 'ours.tar'], { cwd: folder });
    assert.equal(await readFile(join(folder, long), 'utf8'), 'x'.repeat(512));
    await mkdir(join(folder, 'in'));
    await writeFile(join(folder, 'in', 'a.txt'), 'theirs');
    execFileSync('tar', ['--format=ustar', '-cf', 'theirs.tar', 'in/a.txt'], { cwd: folder });
    assert.deepEqual(await unpacked(await readFile(join(folder, 'theirs.tar'))), { 'in/a.txt': 'theirs' });
  });

  it('refuse to be cut short, damaged, or more than plain files', async () => {
    const bytes = await packed(files);
    for (const end of [0, 100, 700, 2000, bytes.length - 1024]) {
      await assert.rejects(unpacked(bytes.subarray(0, end)), { code: 'db.broken' }, `${end}`);
    }
    const damaged = Buffer.from(bytes);
    damaged[3] = 0x21;
    await assert.rejects(unpacked(damaged), { code: 'db.broken' });
    const folder = await temporaryFolder('tar');
    execFileSync('ln', ['-s', '/etc/passwd', 'link'], { cwd: folder });
    execFileSync('tar', ['--format=ustar', '-cf', 'link.tar', 'link'], { cwd: folder });
    await assert.rejects(unpacked(await readFile(join(folder, 'link.tar'))), { code: 'db.broken' });
  });

  it('refuse a path that they cannot hold', async () => {
    await assert.rejects(packed({ [`flows/server/${'x'.repeat(200)}`]: Buffer.alloc(0) }), { code: 'request.invalid' });
  });

  it('may hold our paths only, and none that leads elsewhere', () => {
    for (const path of [
      'manifest.json',
      'secrets.json',
      'database/pglite.tar',
      'database/captures/000012.jsonl',
      'flows/edge/a b.json',
      'node-red/lib/flows/x.json',
      long,
    ]) {
      assert.equal(isAllowedPath(path), true, path);
    }
    for (const path of [
      '',
      '/etc/passwd',
      '../secrets.json',
      'flows/server/../../../x',
      'flows/other/x.json',
      'node-red//x',
      'node-red/./x',
      'node-red/a\\b',
      'node-red/a\0b',
      'events/',
      'database/../x',
      'secrets.json/x',
      `events/${'x'.repeat(256)}`,
    ]) {
      assert.equal(isAllowedPath(path), false, JSON.stringify(path));
    }
  });
});
