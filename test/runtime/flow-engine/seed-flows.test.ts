import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../runtime/contracts/host.ts';
import { seedFlows } from '../../../runtime/flow-engine/seed-flows.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { temporaryFolder } from '../../support/folders.ts';

describe('shipped flows', () => {
  let root: string;
  let warnings: string[];
  const log: Log = { ...silentLog, warn: (text) => warnings.push(text) };

  const ship = (file: string, text: string) => writeFile(join(root, 'shipped', file), text);
  const edit = (file: string, text: string) => writeFile(join(root, 'flows', file), text);
  const read = (file: string) => readFile(join(root, 'flows', file), 'utf8');
  const seed = () =>
    seedFlows({
      shippedDir: join(root, 'shipped'),
      flowsDir: join(root, 'flows'),
      memoryFile: join(root, 'user/shipped.json'),
      log,
    });

  beforeEach(async () => {
    root = await temporaryFolder('seed');
    warnings = [];
    for (const folder of ['shipped/server', 'shipped/edge', 'flows/server', 'flows/edge']) {
      await mkdir(join(root, folder), { recursive: true });
    }
    await ship('server/main.json', '[1]');
    await ship('server/extra.json', '[2]');
    await ship('edge/pi.json', '[3]');
  });

  it('are put in place at the first start', async () => {
    assert.deepEqual((await seed()).added, ['edge/pi.json', 'server/extra.json', 'server/main.json']);
    assert.equal(await read('server/main.json'), '[1]');
    assert.deepEqual(await seed(), { added: [], updated: [], removed: [], kept: [] });
  });

  it('follow an upgrade where nobody touched them, are kept and named where somebody did', async () => {
    await seed();
    await edit('server/extra.json', '[2, "mine"]');
    await ship('server/main.json', '[1.1]');
    await ship('server/extra.json', '[2.1]');
    await ship('server/new.json', '[4]');
    assert.deepEqual(await seed(), {
      added: ['server/new.json'],
      updated: ['server/main.json'],
      removed: [],
      kept: ['server/extra.json'],
    });
    assert.equal(await read('server/extra.json'), '[2, "mine"]');
    assert.match(warnings.join(), /edited here are kept.*server\/extra\.json/);
    assert.deepEqual((await seed()).kept, [], 'said once');
    await edit('server/extra.json', '[2]');
    assert.deepEqual((await seed()).updated, ['server/extra.json'], 'taken back to what it was, it follows again');
  });

  it('stay deleted when somebody deleted them', async () => {
    await seed();
    await rm(join(root, 'flows/server/extra.json'));
    await ship('server/extra.json', '[2.1]');
    await seed();
    await seed();
    assert.equal(existsSync(join(root, 'flows/server/extra.json')), false);
  });

  it('go when the product no longer ships them, unless edited', async () => {
    await seed();
    await edit('server/extra.json', '[2, "mine"]');
    await rm(join(root, 'shipped/server/extra.json'));
    await rm(join(root, 'shipped/server/main.json'));
    assert.deepEqual((await seed()).removed, ['server/main.json']);
    assert.equal(await read('server/extra.json'), '[2, "mine"]');
  });

  it('are not mixed into a folder that holds flows of its own', async () => {
    await edit('server/own.json', '[9]');
    assert.deepEqual((await seed()).added, []);
    await ship('server/later.json', '[5]');
    assert.deepEqual((await seed()).added, ['server/later.json']);
  });

  it('survive a crash between placing and remembering', async () => {
    await seed();
    const memory = await readFile(join(root, 'user/shipped.json'));
    await ship('server/main.json', '[1.1]');
    await seed();
    await writeFile(join(root, 'user/shipped.json'), memory);
    await seed();
    await ship('server/main.json', '[1.2]');
    assert.deepEqual((await seed()).updated, ['server/main.json']);
  });

  it('overwrite nothing when what was shipped is no longer known', async () => {
    await seed();
    await edit('server/main.json', '["mine"]');
    await writeFile(join(root, 'user/shipped.json'), '{');
    await seed();
    assert.equal(await read('server/main.json'), '["mine"]');
    assert.match(warnings.join(), /no longer known/);
  });

  it('say nothing of an order of tabs that differs', async () => {
    await ship('server/_index.json', '{"order":[]}');
    await seed();
    await edit('server/_index.json', '{"order":["own.json"]}');
    await ship('server/_index.json', '{"order":["main.json"]}');
    assert.deepEqual((await seed()).kept, []);
  });
});
