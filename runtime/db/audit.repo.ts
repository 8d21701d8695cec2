import type { Queryable } from './db.ts';

/** One line of the audit log: who did what to which thing. */
export interface AuditEntry {
  /** `Actor.name`: `user:anna`, `device:demo-pi`, `admin-socket`, `setup` */
  actor: string;
  /** `noun.verb`, as `device.create` */
  action: string;
  /** what it was done to, as `device/demo-pi` or `job/17` */
  object: string;
  ip?: string | undefined;
  /** never holds secrets */
  details?: Record<string, unknown> | undefined;
}

/** Adds a line to the audit log; in the transaction of `q`, so that a change and its trace are there together or not at all. */
export async function writeAudit(q: Queryable, entry: AuditEntry): Promise<void> {
  await q.query(`insert into audit (actor, action, object, ip, details) values ($1, $2, $3, $4, $5::text::jsonb)`, [
    entry.actor,
    entry.action,
    entry.object,
    entry.ip ?? null,
    JSON.stringify(entry.details ?? {}),
  ]);
}
