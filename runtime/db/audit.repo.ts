import type { Page } from '../contracts/api.ts';
import type { AuditQuery, AuditRecord } from '../contracts/users.ts';
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

/** A page of the audit log, newest first. */
export async function listAudit(q: Queryable, query: AuditQuery): Promise<Page<AuditRecord>> {
  const { rows } = await q.query<Omit<AuditRecord, 'at'> & { at: Date }>(
    `select id, at, actor, action, object, ip, details from audit
      where ($1::bigint is null or id < $1) and ($2::text is null or actor = $2) and ($3::text is null or action = $3)
        and ($4::text is null or object = $4) and ($5::timestamptz is null or at >= $5) and ($6::timestamptz is null or at < $6)
      order by id desc limit $7`,
    [
      query.before ?? null,
      query.actor ?? null,
      query.action ?? null,
      query.object ?? null,
      query.from === undefined ? null : new Date(query.from),
      query.to === undefined ? null : new Date(query.to),
      query.limit + 1,
    ],
  );
  const items = rows.slice(0, query.limit).map((row) => ({ ...row, at: row.at.toISOString() }));
  return { items, next: rows.length > query.limit ? String(items.at(-1)?.id) : null };
}
