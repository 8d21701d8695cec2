import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Db } from '../../../runtime/db/db.ts';
import { migrate } from '../../../runtime/db/migrate.ts';
import { openPostgres } from '../../../runtime/db/postgres.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { type PostgresServer, startPostgres } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { bytesOf, incoming, openFrames } from '../../support/intake-fixture.ts';

const KILLS = 5;
const CHILD = new URL('../../support/accept-until-killed.ts', import.meta.url).pathname;

describe('frames in a process that is killed', () => {
  let server: PostgresServer;
  let db: Db;

  before(async () => {
    server = await startPostgres();
    db = await openPostgres({ url: server.url(), log: silentLog, clock: systemClock });
    await migrate(db, silentLog);
  });

  after(async () => {
    await db.close();
    await server.close();
  });

  /** Runs the child until it has acknowledged so many frames, and kills it in mid-batch. */
  async function acceptAndKill(folder: string, firstSeq: number, enough: number, acknowledged: Map<number, string>) {
    const child = spawn(process.execPath, [CHILD, server.url(), folder, String(firstSeq)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const gone = once(child, 'exit');
    let count = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [seq = '', id = ''] = line.split(' ');
      if (seq === 'ready') continue;
      acknowledged.set(Number(seq), id);
      count += 1;
      if (count === enough) child.kill('SIGKILL');
    }
    assert.deepEqual(await gone, [null, 'SIGKILL']);
  }

  it('are all there, once, with their bytes, when they were acknowledged', async () => {
    const folder = await temporaryFolder('kill');
    const acknowledged = new Map<number, string>();
    for (let kill = 0; kill < KILLS; kill += 1) {
      await acceptAndKill(folder, kill * 1_000_000, 40 + kill * 37, acknowledged);
    }
    const parts = await openFrames(db, folder);
    const { rows } = await db.query<{ id: string; seq: number; jobs: number }>(
      'select c.id, c.seq, (select count(*)::int from jobs j where j.capture_id = c.id) as jobs from captures c',
    );
    const stored = new Map(rows.map((row) => [row.seq, row]));
    assert.equal(stored.size, rows.length);
    assert.ok(acknowledged.size >= 40 * KILLS);
    for (const [seq, id] of acknowledged) assert.equal(stored.get(seq)?.id, id, `frame ${seq} was acknowledged`);
    for (const { id, seq, jobs } of rows) {
      const jpeg = bytesOf(`frame ${seq}`, 2000 + ((seq * 977) % 60_000));
      assert.ok((await parts.frames.image(id)).equals(jpeg), `bytes of frame ${seq}`);
      assert.equal(jobs, 1);
      // Whoever got no answer sends again, and hears that the frame is there.
      if (acknowledged.has(seq)) continue;
      assert.equal((await parts.frames.accept(incoming(seq, { jpeg }))).outcome, 'duplicate');
    }
    await parts.stop();
  }).timeout(60_000);
});
