import assert from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCipher, openSecrets } from '../../../runtime/lib/secrets.ts';
import { temporaryFolder } from '../../support/folders.ts';

describe('secrets', () => {
  it('are made once, kept, and readable by their owner only', async () => {
    const folder = await temporaryFolder();
    const first = await openSecrets(folder, ['a', 'b']);
    const again = await openSecrets(folder, ['a', 'b', 'c']);
    assert.deepEqual([again.a, again.b], [first.a, first.b]);
    assert.equal(again.c.length, 32);
    assert.notDeepEqual(first.a, first.b);
    assert.equal((await stat(join(folder, 'secrets.json'))).mode & 0o777, 0o600);
  });

  it('are never replaced when their file is damaged', async () => {
    const folder = await temporaryFolder();
    for (const text of ['{"a":', '{"a":"short"}', '[]']) {
      await writeFile(join(folder, 'secrets.json'), text);
      await assert.rejects(openSecrets(folder, ['a']), { code: 'setting.invalid' });
    }
  });
});

describe('the cipher', () => {
  const cipher = createCipher(Buffer.alloc(32, 7));

  it('gives back what it sealed, and seals the same text differently each time', () => {
    const one = cipher.seal('rtsp://user:pass@10.0.0.9/é');
    assert.equal(cipher.open(one), 'rtsp://user:pass@10.0.0.9/é');
    assert.notEqual(one, cipher.seal('rtsp://user:pass@10.0.0.9/é'));
    assert.ok(!one.includes('pass'));
  });

  it('does not open what was changed or sealed with another key', () => {
    const sealed = cipher.seal('secret');
    const middle = Math.floor(sealed.length / 2);
    const changed = sealed.slice(0, middle) + (sealed[middle] === 'A' ? 'B' : 'A') + sealed.slice(middle + 1);
    assert.throws(() => cipher.open(changed));
    assert.throws(() => createCipher(Buffer.alloc(32, 8)).open(sealed));
  });
});
