import type { StreamType } from '../contracts/published.ts';
import type { Queryable } from './db.ts';

export interface StreamRow {
  name: string;
  /** empty: the only or first one */
  camera: string;
  type: StreamType;
  wanted: boolean;
  /** made through the API; else a flow declares it at each start */
  kept: boolean;
  /** nothing secret */
  config: Record<string, unknown>;
  /** encrypted */
  secret?: string | undefined;
  createdBy: string;
  /** who pushes it; none: this server */
  device?: string | undefined;
  createdAt: Date;
}

/** A stream as it is written down. */
export type NewStreamRow = Omit<StreamRow, 'createdAt'>;

const COLUMNS = `name, camera_id as camera, type, wanted, kept, config, secret, created_by as "createdBy", device, created_at as "createdAt"`;

/** Every stream, by name. */
export async function listStreams(q: Queryable): Promise<StreamRow[]> {
  const { rows } = await q.query<
    Omit<StreamRow, 'secret' | 'device'> & { secret: string | null; device: string | null }
  >(`select ${COLUMNS} from streams order by name`);
  return rows.map(({ secret, device, ...row }) => ({
    ...row,
    ...(secret !== null && { secret }),
    ...(device !== null && { device }),
  }));
}

/** Writes a stream down; one of the same name keeps who made it. False when the name belongs to one of another type. */
export async function putStream(q: Queryable, row: NewStreamRow): Promise<boolean> {
  const { rows } = await q.query(
    `insert into streams (name, camera_id, type, wanted, kept, config, secret, created_by, device, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, now(), now())
     on conflict (name) do update
        set camera_id = excluded.camera_id, wanted = excluded.wanted, kept = excluded.kept, config = excluded.config,
            secret = excluded.secret, device = excluded.device, updated_at = now()
      where streams.type = excluded.type
     returning name`,
    [
      row.name,
      row.camera,
      row.type,
      row.wanted,
      row.kept,
      JSON.stringify(row.config),
      row.secret ?? null,
      row.createdBy,
      row.device ?? null,
    ],
  );
  return rows.length > 0;
}

/** Notes whether it is wanted. */
export async function setStreamWanted(q: Queryable, name: string, wanted: boolean): Promise<void> {
  await q.query('update streams set wanted = $2, updated_at = now() where name = $1', [name, wanted]);
}

/** Notes who made it. */
export async function setStreamMaker(q: Queryable, name: string, maker: string): Promise<void> {
  await q.query('update streams set created_by = $2 where name = $1', [name, maker]);
}

/** Gives a stream another name. */
export async function renameStream(q: Queryable, name: string, to: string): Promise<void> {
  await q.query('update streams set name = $2, updated_at = now() where name = $1', [name, to]);
}

/** Forgets a stream. */
export async function deleteStream(q: Queryable, name: string): Promise<void> {
  await q.query('delete from streams where name = $1', [name]);
}
