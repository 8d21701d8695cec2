/**
 * Accepts frames into a database and a folder for as long as it lives: `node accept-until-killed.ts URL FOLDER FIRST_SEQ`. It prints a line `seq id` for
 * each frame only once that is acknowledged. Its parent ends it with SIGKILL in the middle of the work.
 */
import { openPostgres } from '../../runtime/db/postgres.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { bytesOf, incoming, openFrames } from './intake-fixture.ts';

const SENDERS = 16;
const [url = '', folder = '', first = '0'] = process.argv.slice(2);
const db = await openPostgres({ url, log: silentLog, clock: systemClock });
const { frames, replay } = await openFrames(db, folder, { segmentBytes: 1_000_000 });
process.stdout.write(`ready ${replay.restored}\n`);
let next = Number(first);

async function send(): Promise<never> {
  for (;;) {
    const seq = next;
    next += 1;
    const answer = await frames.accept(incoming(seq, { jpeg: bytesOf(`frame ${seq}`, 2000 + ((seq * 977) % 60_000)) }));
    process.stdout.write(`${seq} ${answer.frameId}\n`);
  }
}

await Promise.all(Array.from({ length: SENDERS }, send));
