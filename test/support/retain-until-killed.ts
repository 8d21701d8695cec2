/**
 * Runs retention once and ends itself with SIGKILL at a point of it: `node retain-until-killed.ts URL FOLDER POINT NTH MAX_BYTES`.
 * It ends with 0 where that point is never reached.
 */
import { join } from 'node:path';
import { openPostgres } from '../../runtime/db/postgres.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { createRetention } from '../../runtime/retention/retention.ts';
import { NODE_ID, openFrames } from './intake-fixture.ts';

const [url = '', folder = '', point = '', nth = '1', maxBytes = '0'] = process.argv.slice(2);
const db = await openPostgres({ url, log: silentLog, clock: systemClock });
const { store } = await openFrames(db, join(folder, 'segments'), { attach: false });
let seen = 0;
const retention = createRetention({
  db,
  clock: systemClock,
  log: silentLog,
  store,
  nodeId: NODE_ID,
  folder,
  limits: {
    eventImagesDays: 7,
    stagingHours: 24,
    maxBytes: Number(maxBytes),
    minFreeBytes: 0,
    unfinishedBytes: 1e9,
    shareInDoubt: 1,
  },
  freeBytes: async () => 1e12,
  onPoint(what) {
    if (what !== point) return;
    seen += 1;
    if (seen === Number(nth)) process.kill(process.pid, 'SIGKILL');
  },
});
await retention.start();
await retention.host.run({ dryRun: false, work: 'all' });
process.exit(0);
