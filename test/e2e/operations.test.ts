import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ROOT } from '../support/programs.ts';
import { ServerUnderTest } from '../support/servers.ts';

describe('operating a server', function () {
  this.timeout(180_000);
  let server: ServerUnderTest;
  before(async () => {
    server = await ServerUnderTest.start();
  });
  after(() => server?.end());

  const admin = async (...args: string[]) => {
    const env = { PATH: process.env.PATH, DATA_DIR: join(server.folder, 'data'), INIT_CWD: server.folder };
    const file = join(ROOT, 'dist/runtime/cli/admin.js');
    const child = spawn(process.execPath, [file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, out, err };
  };

  it('/health, /metrics and the figures tell how it is', async () => {
    const health = await fetch(`${server.url}/health`);
    const said = await health.json();
    assert.deepEqual([health.status, said.status, said.db.kind], [200, 'ok', 'pglite'], JSON.stringify(said));
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    for (const line of [/^redeye_database_up\{kind="pglite"\} 1$/m, /^redeye_flows_state\{state="running"\} 1$/m]) {
      assert.match(metrics, line);
    }
    assert.doesNotMatch(metrics, /scrape_failures_total\{/);
    const figures = await server.api.get<{ alerts: unknown[]; database: { up: boolean } }>('/metrics');
    assert.deepEqual([figures.alerts.length, figures.database.up], [5, true]);
  });

  it('npm run admin reaches it, also after it was killed and started again', async () => {
    await server.end('SIGKILL');
    assert.match((await admin('status')).out, /^state +stopped\n/);
    await server.start();
    const { out, code, err } = await admin('status');
    assert.equal(code, 0, err);
    assert.ok(out.startsWith(`state     running (process ${server.program.pid})\n`), out);
    assert.match(out, /^flows +running$/m);
    const backup = await admin('backup', 'now.tar.gz', '--images');
    assert.equal(backup.code, 0, backup.err);
    assert.match(backup.out, /database, secrets, [1-9]\d* flow files, 0 pictures/);
    assert.ok((await stat(join(server.folder, 'now.tar.gz'))).size > 100_000);
  });
});
