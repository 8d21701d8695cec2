import { join } from 'node:path';
import type { SpooledFrame } from '../../../edge/spool/record.ts';
import { Reservation } from '../../../edge/spool/reservation.ts';
import { Spool } from '../../../edge/spool/spool.ts';
import type { Clock, Log } from '../../../runtime/contracts/host.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';

/** A frame whose bytes tell which one it is. */
export function frame(label: string, bytes = 100): SpooledFrame {
  const jpeg = Buffer.alloc(bytes, 0x41);
  jpeg.write(label);
  return { meta: { camera: 'pi-cam', capturedAt: 1_700_000_000_000, width: 4, height: 3, jpegQuality: 80 }, jpeg };
}

/** What `frame` wrote into the bytes. */
export function labelOf(spooled: SpooledFrame): string {
  return spooled.jpeg.toString('latin1').replace(/A+$/, '');
}

/** A spool in `data/spool`, its counter in `data/sequence.json`. */
export function spoolIn(
  data: string,
  options: { maxBytes?: number; settled?: boolean; clock?: Clock; log?: Log } = {},
): Spool {
  return new Spool({
    folder: join(data, 'spool'),
    reservation: new Reservation(join(data, 'sequence.json')),
    maxBytes: options.maxBytes ?? 1_000_000,
    clock: options.clock ?? systemClock,
    log: options.log ?? silentLog,
  });
}

/** A log that keeps its lines. */
export function noting(lines: { level: string; message: string; fields?: Record<string, unknown> }[]): Log {
  const at = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    lines.push({ level, message, fields });
  };
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return log;
}
