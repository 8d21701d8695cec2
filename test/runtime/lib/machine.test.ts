import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { diskSpace, machineState, writeTrouble } from '../../../runtime/lib/machine.ts';
import { temporaryFolder } from '../../support/folders.ts';

describe('this machine', () => {
  const zones = async (texts: string[]) => {
    const folder = await temporaryFolder('thermal');
    for (const [n, text] of texts.entries()) {
      await mkdir(join(folder, `thermal_zone${n}`));
      await writeFile(join(folder, `thermal_zone${n}`, 'temp'), text);
    }
    return folder;
  };

  it('is as hot as its hottest sensor that makes sense', async () => {
    assert.equal(
      (await machineState(await zones(['48312\n', '61700\n', '0\n', '-273000\n', 'n/a']))).temperatureC,
      61.7,
    );
  });

  it('has no temperature where nothing measures it', async () => {
    assert.equal((await machineState('/nonexistent')).temperatureC, null);
    assert.equal((await machineState(await zones([]))).temperatureC, null);
  });

  it('tells of memory, load and disk', async () => {
    const state = await machineState();
    assert.equal(state.cpuLoad.length, 3);
    assert.ok(state.memoryAvailableBytes > 0 && state.memoryAvailableBytes <= state.memoryTotalBytes);
    const { freeBytes, totalBytes } = await diskSpace(await temporaryFolder('disk'));
    assert.ok(freeBytes > 0 && freeBytes <= totalBytes);
  });

  it('finds out by trying whether a folder can be written, and leaves nothing', async () => {
    const folder = await temporaryFolder('probe');
    assert.equal(await writeTrouble(folder), undefined);
    assert.deepEqual(await readdir(folder), []);
    assert.equal(await writeTrouble(join(folder, 'none')), 'ENOENT');
  });
});
