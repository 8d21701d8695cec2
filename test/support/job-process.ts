import { openPostgres } from '../../runtime/db/postgres.ts';
import { createJobQueue } from '../../runtime/jobs/queue.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';

/** A worker process for tests: takes jobs of the database whose URL it is given, says so, keeps its leases, and finishes none. */
const [url = ''] = process.argv.slice(2);
const db = await openPostgres({ url, log: silentLog, clock: systemClock });
const queue = createJobQueue({
  db,
  clock: systemClock,
  log: silentLog,
  owner: `test:${process.pid}`,
  leaseMs: 600,
  readFrame: async (id) => ({
    frame: {
      id,
      device: 'pi',
      camera: 'pi-cam',
      seq: 0,
      capturedAt: 0,
      receivedAt: 0,
      width: 1,
      height: 1,
      jpegQuality: 1,
    },
    jpeg: Buffer.alloc(0),
  }),
});
await queue.start();
queue.work({ concurrency: 1 }, (job) => {
  process.stdout.write(`working on seq ${job.seq}\n`);
  setInterval(() => void queue.renew(job), 100);
});
