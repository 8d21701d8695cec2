import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Db } from '../../../runtime/db/db.ts';
import { migrate } from '../../../runtime/db/migrate.ts';
import { openPostgres } from '../../../runtime/db/postgres.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { type PostgresServer, startPostgres } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { RetentionBench, SEGMENT_BYTES } from '../../support/retention-bench.ts';

const CHILD = new URL('../../support/retain-until-killed.ts', import.meta.url).pathname;
/** Points between two writes, and the how-manieth time the process dies there. */
const POINTS: [string, number][] = [
  ['captures.deleted', 1],
  ['segment.marked', 1],
  ['segment.removed', 2],
  ['segment.rows', 1],
  ['images.marked', 1],
  ['image.removed', 5],
  ['images.deleted', 1],
  ['orphan.removed', 1],
];
const MAX_BYTES = 5 * SEGMENT_BYTES;

describe('retention in a process that is killed', () => {
  let server: PostgresServer;
  let db: Db;
  let folder: string;

  before(async () => {
    server = await startPostgres();
    db = await openPostgres({ url: server.url(), log: silentLog, clock: systemClock });
    await migrate(db, silentLog);
    folder = await temporaryFolder('retention-kill');
  });

  after(async () => {
    await db.close();
    await server.close();
  });

  /** Something for every rule; answers what must be there at the end. */
  async function fill(): Promise<{ kept: string; young: string[] }> {
    await db.query('truncate captures, jobs, events, event_images cascade');
    const bench = await RetentionBench.open(db, folder);
    await bench.addFrames(8, { hours: 30 });
    await bench.addFrames(24, { hours: 2 });
    const young = await bench.addFrames(4, { hours: 1 });
    await bench.addEvent({ days: 9 });
    await bench.addEvent({ days: 8 });
    const kept = await bench.addEvent({ days: 30, keep: true });
    await bench.writeFile('events/pi/2026-01-01/rolled-back/pre.jpg', 2);
    await bench.writeFile('events/pi/2026-01-01/rolled-back/post.jpg', 2);
    await bench.close();
    return { kept, young };
  }

  for (const [point, nth] of POINTS) {
    it(`at "${point}" (${nth}) leaves nothing that the next run does not end`, async () => {
      const { kept, young } = await fill();
      const child = spawn(process.execPath, [CHILD, server.url(), folder, point, String(nth), String(MAX_BYTES)], {
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
      const bench = await RetentionBench.open(db, folder);
      const retention = await bench.start({ maxBytes: MAX_BYTES, shareInDoubt: 1 });
      assert.equal((await retention.status()).last_run?.state, 'interrupted');
      assert.equal((await bench.run('all')).state, 'done');
      assert.deepEqual(await bench.faults(), []);
      const left = await bench.captures();
      assert.ok(young.every((id) => left.includes(id)) && left.length < 28);
      assert.deepEqual(await bench.eventsWithImages(), [kept]);
      const again = await bench.run('all');
      assert.deepEqual(
        Object.values(again.deleted).filter((count) => count > 0),
        [],
        'nothing was left over',
      );
      await bench.close();
    });
  }

  it('takes back what somebody has kept meanwhile, where the bytes are still there', async () => {
    await fill();
    const bench = await RetentionBench.open(db, folder);
    const event = await bench.addEvent({ days: 9 });
    const [frame = ''] = await bench.addFrames(1, { hours: 30 });
    await bench.addFrames(8);
    await db.query('update event_images set deleting_at = now() where event_id = $1', [event]);
    await db.query('update events set keep = true where id = $1', [event]);
    await db.query(
      `update captures set deleting_at = now() where segment = (select segment from captures where id = $1)`,
      [frame],
    );
    await db.query('update captures set kept = true where id = $1', [frame]);
    await bench.start({ shareInDoubt: 1 });
    await bench.run('all');
    assert.ok((await bench.eventsWithImages()).includes(event));
    assert.ok((await bench.captures()).includes(frame));
    assert.deepEqual(await bench.faults(), []);
    await bench.close();
  });
});
