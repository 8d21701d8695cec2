import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isConsoleBuilt, makeConsole, viteBundle } from '../../../runtime/cli/build-console.ts';
import { temporaryFolder } from '../../support/folders.ts';

describe('building the console', () => {
  async function project(): Promise<{ root: string; write: (file: string, text: string) => Promise<void> }> {
    const root = await temporaryFolder('redeye-console');
    const write = async (file: string, text: string) => {
      await mkdir(dirname(join(root, file)), { recursive: true });
      await writeFile(join(root, file), text);
    };
    await write('runtime/console/main.ts', 'one');
    await write('runtime/contracts/api.ts', 'shape');
    await write('dist/console/index.html', '<html>');
    return { root, write };
  }

  it('is not done again until a source of it, or of the contracts, is another', async () => {
    const { root, write } = await project();
    assert.equal(isConsoleBuilt(root), false);
    assert.equal(
      makeConsole(root, () => true),
      true,
    );
    assert.equal(isConsoleBuilt(root), true);
    await write('runtime/console/events/new.vue', '<template />');
    assert.equal(isConsoleBuilt(root), false);
    makeConsole(root, () => true);
    await write('runtime/contracts/api.ts', 'other shape');
    assert.equal(isConsoleBuilt(root), false);
  });

  it('does not take a bundle that failed for a good one', async () => {
    const { root } = await project();
    makeConsole(root, () => true);
    assert.equal(
      makeConsole(root, () => false),
      false,
    );
    assert.equal(isConsoleBuilt(root), false);
  });

  it('knows where there is no bundler', async () => {
    assert.equal(viteBundle((await project()).root), undefined);
  });
});
