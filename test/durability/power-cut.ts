import { appendFileSync, readlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/**
 * Loaded into the server before everything else (`NODE_OPTIONS=--import …`) by the harness, never by the product. It notes in SYNC_JOURNAL
 * how long each segment was at each sync that came true, so that a kill can be made into a power cut: what lies behind the last sync is then
 * cut off. With SYNC_TAKEN_OUT=1 the syncs only seem to happen: nothing is ever noted, and the cut takes everything.
 */
const journal = process.env.SYNC_JOURNAL ?? '';
const takenOut = process.env.SYNC_TAKEN_OUT === '1';

const handle = await open(import.meta.filename, 'r');
const prototype = Object.getPrototypeOf(handle) as FileHandle;
await handle.close();
const really = prototype.datasync;

prototype.datasync = async function datasync(this: FileHandle): Promise<void> {
  if (takenOut) return;
  // The size before the sync: what is written meanwhile is not promised by it.
  const { size } = await this.stat();
  await really.call(this);
  appendFileSync(journal, `${size} ${readlinkSync(`/proc/self/fd/${this.fd}`)}\n`);
};
