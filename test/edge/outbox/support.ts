import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Outbox, type OwnPicture } from '../../../edge/outbox/outbox.ts';
import type { Log } from '../../../runtime/contracts/host.ts';
import { silentLog } from '../../../runtime/lib/log.ts';

/** An id as the device gives them, of its own for each label. */
export function idOf(label: string): string {
  return createHash('sha256').update(label).digest('hex').slice(0, 32);
}

/** A picture whose bytes tell which one it is. */
export function picture(label: string, bytes = 100): OwnPicture {
  const jpeg = Buffer.alloc(bytes, 0x41);
  jpeg.write(label);
  const meta = { camera: 'pi-cam', captured_at: 1_795_000_000_000, width: 4, height: 3, jpeg_quality: 80 };
  return { meta: { ...meta, description: label }, jpeg };
}

/** An outbox in `data/outbox`. */
export function outboxIn(data: string, options: { maxBytes?: number; maxCount?: number; log?: Log } = {}): Outbox {
  const { maxBytes = 1_000_000, maxCount, log = silentLog } = options;
  return new Outbox({ folder: join(data, 'outbox'), maxBytes, ...(maxCount !== undefined && { maxCount }), log });
}
