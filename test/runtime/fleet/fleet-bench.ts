import { AppError } from '../../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../../runtime/contracts/host.ts';
import type { Actor } from '../../../runtime/contracts/services.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { createFleet, type Fleet } from '../../../runtime/fleet/fleet.ts';
import { FakeClock } from '../../support/fake-clock.ts';

export const ANNA: Actor = { name: 'user:anna', ip: '10.0.0.7' };

/** A fleet with everything it is handed, and what it told. */
export interface FleetBench {
  fleet: Fleet;
  clock: FakeClock;
  /** `[device, version]` */
  notified: [string, number][];
  revoked: string[];
  warnings: string[];
}

/** A server process on this database; several of them share it as several processes would. */
export function fleetOn(db: Db, options: { clock?: FakeClock; pepper?: string; cipherKey?: string } = {}): FleetBench {
  const clock = options.clock ?? new FakeClock();
  const notified: [string, number][] = [];
  const revoked: string[] = [];
  const warnings: string[] = [];
  const prefix = `sealed(${options.cipherKey ?? 'k'}):`;
  const fleet = createFleet({
    db,
    clock: clock as Clock,
    log: listeningLog(warnings),
    site: 'home',
    pepper: Buffer.from(options.pepper ?? 'pepper'),
    mqttUrl: () => 'mqtt://127.0.0.1:1883',
    urlCipher: {
      seal: (text) => prefix + Buffer.from(text).toString('base64'),
      open: (text) => {
        if (!text.startsWith(prefix)) throw new Error('another key');
        return Buffer.from(text.slice(prefix.length), 'base64').toString();
      },
    },
    checkUrl: (url) => {
      if (!/^(rtsp|sim):/.test(url))
        throw new AppError('camera.url_invalid', 'unknown kind of camera', { field: 'url' });
    },
    reservedCameraIds: new Set(['api', 'editor']),
    notifyConfig: (device, version) => notified.push([device, version]),
    onRevoked: (device) => revoked.push(device),
  });
  return { fleet, clock, notified, revoked, warnings };
}

function listeningLog(warnings: string[]): Log {
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => warnings.push(message),
    error: (message) => warnings.push(message),
    child: () => log,
  };
  return log;
}

/** What the audit log holds, as `action object`, oldest first. */
export async function auditOf(db: Db): Promise<string[]> {
  const { rows } = await db.query<{ line: string }>(`select action || ' ' || object as line from audit order by id`);
  return rows.map((row) => row.line);
}
