import type { CommandState } from '../contracts/commands.ts';
import type { Queryable } from './db.ts';

export interface CommandRow {
  id: string;
  device_id: string;
  name: string;
  args: Record<string, unknown>;
  counter: number;
  state: CommandState;
  issued_at: Date;
  expires_at: Date;
  sent_at: Date | null;
  finished_at: Date | null;
  result: unknown;
  code: string | null;
  error: string | null;
  actor: string;
}

const COLUMNS = `id, device_id, name, args, counter, state, issued_at, expires_at, sent_at, finished_at, result, code, error, actor`;
const OPEN = `state in ('queued', 'sent', 'accepted')`;

/**
 * Writes a command down with the device's next counter: above every earlier one, and not below the epoch ms, so that a database
 * that was lost goes on above what devices remember. Undefined when there is no such device, or it is disabled.
 */
export async function insertCommand(
  q: Queryable,
  command: {
    id: string;
    device: string;
    name: string;
    args: object;
    state: 'queued' | 'sent';
    issuedAt: Date;
    expiresAt: Date;
    actor: string;
  },
): Promise<CommandRow | undefined> {
  const { id, device, name, args, state, issuedAt, expiresAt, actor } = command;
  const { rows } = await q.query<CommandRow>(
    `with counted as (
       update devices set command_counter = greatest(command_counter + 1, $9::bigint)
        where id = $2 and deleted_at is null and disabled_at is null returning command_counter)
     insert into commands (id, device_id, name, args, counter, state, issued_at, expires_at, sent_at, actor)
     select $1, $2, $3, $4::text::jsonb, command_counter, $5, $6, $7, case when $5 = 'sent' then $6::timestamptz end, $8
       from counted
     returning ${COLUMNS}`,
    [id, device, name, JSON.stringify(args), state, issuedAt, expiresAt, actor, issuedAt.getTime()],
  );
  return rows[0];
}

/** One command, or undefined. */
export async function findCommand(q: Queryable, id: string): Promise<CommandRow | undefined> {
  return (await q.query<CommandRow>(`select ${COLUMNS} from commands where id = $1`, [id])).rows[0];
}

/** The commands of a device, newest first; `before` is the counter of the last one of the page before. */
export async function listCommands(
  q: Queryable,
  device: string,
  { limit, before }: { limit: number; before?: number | undefined },
): Promise<CommandRow[]> {
  const { rows } = await q.query<CommandRow>(
    `select ${COLUMNS} from commands
      where device_id = $1 and ($3::bigint is null or counter < $3::bigint) order by counter desc limit $2`,
    [device, limit, before ?? null],
  );
  return rows;
}

/**
 * What these devices have yet to be told or to answer, of each in the order in which it was given; what is late is left out unless it was begun.
 */
export async function openCommands(q: Queryable, devices: readonly string[], now: Date): Promise<CommandRow[]> {
  const { rows } = await q.query<CommandRow>(
    `select ${COLUMNS} from commands
      where device_id = any($1::text[]) and ${OPEN} and (expires_at > $2 or state = 'accepted') order by device_id, counter`,
    [devices, now],
    { prepared: 'open-commands' },
  );
  return rows;
}

/** Notes that a command left for its device; false when it is past that. */
export async function markCommandSent(q: Queryable, id: string, at: Date): Promise<boolean> {
  const { rowCount } = await q.query(
    `update commands set state = 'sent', sent_at = $2 where id = $1 and state = 'queued'`,
    [id, at],
  );
  return rowCount > 0;
}

/** The device has begun; false when it is past that, or is no command of this device. */
export async function markCommandAccepted(q: Queryable, device: string, id: string): Promise<boolean> {
  const { rowCount } = await q.query(
    `update commands set state = 'accepted' where id = $2 and device_id = $1 and state in ('queued', 'sent')`,
    [device, id],
  );
  return rowCount > 0;
}

export interface CommandEnd {
  state: 'done' | 'failed' | 'expired';
  at: Date;
  /** JSON */
  result?: string | undefined;
  code?: string | undefined;
  error?: string | undefined;
}

/** Ends a command that is open; undefined when it has ended already, or is no command of this device. */
export async function finishCommand(
  q: Queryable,
  device: string,
  id: string,
  end: CommandEnd,
): Promise<CommandRow | undefined> {
  const { rows } = await q.query<CommandRow>(
    `update commands set state = $3, finished_at = $4, result = $5::text::jsonb, code = $6, error = $7
      where id = $2 and device_id = $1 and ${OPEN} returning ${COLUMNS}`,
    [device, id, end.state, end.at, end.result ?? null, end.code ?? null, end.error ?? null],
  );
  return rows[0];
}

/** Ends what was not begun in time, and what was begun and never finished; answers them. */
export async function endLateCommands(q: Queryable, now: Date, silentSince: Date): Promise<CommandRow[]> {
  const { rows } = await q.query<CommandRow>(
    `update commands
        set state = case when state = 'accepted' then 'failed' else 'expired' end, finished_at = $1,
            code = case when state = 'accepted' then 'command.timeout' else 'command.expired' end,
            error = case when state = 'accepted' then 'the device began it and said nothing more'
                         when state = 'sent' then 'the device did not begin it in time'
                         else 'the device did not come in time' end
      where (state in ('queued', 'sent') and expires_at <= $1) or (state = 'accepted' and expires_at <= $2)
     returning ${COLUMNS}`,
    [now, silentSince],
  );
  return rows;
}

/** Whether any command is open. */
export async function hasOpenCommands(q: Queryable): Promise<boolean> {
  return (await q.query(`select 1 from commands where ${OPEN} limit 1`)).rows.length > 0;
}

/** Forgets commands that ended before that time. */
export async function deleteOldCommands(q: Queryable, before: Date): Promise<number> {
  return (await q.query('delete from commands where finished_at < $1', [before])).rowCount;
}
