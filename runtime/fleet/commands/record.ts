import type { CommandRecord } from '../../contracts/commands.ts';
import type { CommandRow } from '../../db/commands.repo.ts';

/** A command as the API shows it. Ids that are good once are left out of its arguments. */
export function commandRecord(row: CommandRow, progress: readonly unknown[]): CommandRecord {
  const { nonce: _nonce, ...args } = row.args;
  return {
    id: row.id,
    device: row.device_id,
    name: row.name,
    args,
    state: row.state,
    issued_at: row.issued_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    sent_at: row.sent_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
    data: row.result ?? null,
    code: row.code,
    error: row.error,
    actor: row.actor,
    progress: [...progress],
  };
}
