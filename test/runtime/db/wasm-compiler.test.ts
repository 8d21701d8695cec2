import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../../support/folders.ts';
import { putMigratedPglite } from '../../support/pglite-image.ts';

const PGLITE = new URL('../../../runtime/db/pglite.ts', import.meta.url).href;
const LOG = new URL('../../../runtime/lib/log.ts', import.meta.url).href;

describe('the compiler of the embedded database', () => {
  it('leaves the process below 300 MB when the database opens and is asked, where it took 630', async () => {
    const folder = join(await temporaryFolder('redeye-wasm'), 'db');
    await putMigratedPglite(folder);
    const script = `
      const { openPglite } = await import('${PGLITE}');
      const { silentLog } = await import('${LOG}');
      const db = await openPglite({ folder: '${folder}', log: silentLog });
      for (let n = 0; n < 20; n += 1) await db.query('select count(*) from devices where id = $1', [String(n)]);
      await db.close();
      const { readFileSync } = await import('node:fs');
      process.stdout.write(/VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);`;
    // Not getrusage: its maximum begins with what the parent had when it forked.
    const run = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    const mb = Number(run.stdout) / 1024;
    assert.ok(mb > 50 && mb < 300, `${mb} MB`);
  });
});
