import type { Log } from './contracts/host.ts';
import { writeAudit } from './db/audit.repo.ts';
import type { Db } from './db/db.ts';
import type { AuditEntry } from './flow-engine/log-bridge.ts';

/** Keeps what people changed in the editor. What was only read or tried goes to the log: anybody may try, and a table must not grow by it. */
export function auditEditor(db: Db, log: Log, { event, user, ip, path, fields }: AuditEntry): void {
  // What a stranger sent as a name need not be a text.
  const name = typeof user === 'string' ? user : undefined;
  if (name === undefined || /(fail|error|forbidden|invalid|\.get$)/.test(event)) {
    log.debug('seen in the editor', { event, ip });
    return;
  }
  const entry = { actor: `user:${name}`, action: `editor.${event}`, object: path ?? 'flows', ip, details: fields };
  writeAudit(db, entry).catch((error) => log.error('an audit entry was not written', { error }));
}
