import type { Actor } from '../contracts/services.ts';
import { writeAudit } from '../db/audit.repo.ts';
import type { Queryable } from '../db/db.ts';
import type { DeviceKeys } from './device-keys.ts';
import type { Notices } from './notices.ts';
import type { FleetOptions } from './options.ts';

/** What the registers of this stage share. */
export interface FleetContext extends FleetOptions {
  keys: DeviceKeys;
  notices: Notices;
}

/** Writes who did what to which thing, in the transaction of the change. */
export async function audit(
  q: Queryable,
  actor: Actor,
  action: string,
  object: string,
  details?: Record<string, unknown>,
): Promise<void> {
  await writeAudit(q, { actor: actor.name, ip: actor.ip, action, object, details });
}
