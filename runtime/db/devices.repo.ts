import type { FlowReportedMessage } from '../contracts/deployments.ts';
import type { Queryable } from './db.ts';

export interface DeviceRow {
  id: string;
  name: string;
  last_seq: number;
  last_seen_at: Date | null;
  last_frame_at: Date | null;
  last_config_at: Date | null;
  state: 'online' | 'offline' | 'degraded' | 'updating';
  session: number | null;
  burst_until: Date | null;
  burst_ready_at: Date | null;
  info: Record<string, unknown>;
  health: Record<string, unknown>;
  rssi: number | null;
  battery_mv: number | null;
  fw_version: string | null;
  disabled_at: Date | null;
  created_at: Date;
  /** ids of its cameras, the first one first */
  cameras: string[];
  config_version: number | null;
  /** fields that an operator has set */
  config: Record<string, unknown> | null;
  groups: string[];
  /** highest generation of flows given out for it */
  flow_generation: number | null;
  /** what it is to run */
  flow_revision: string | null;
  /** a deployment wants something of it */
  flow_wanted: boolean;
  flow_reported: FlowReportedMessage | null;
  flow_reported_at: Date | null;
}

const LIVING = `
  select d.id, d.name, d.last_seq, d.last_seen_at, d.last_frame_at, d.last_config_at, d.state, d.session, d.burst_until,
         d.burst_ready_at, d.info, d.health, d.rssi, d.battery_mv, d.fw_version, d.disabled_at, d.created_at,
         array(select c.id from cameras c where c.device_id = d.id and c.deleted_at is null order by c.position, c.id) as cameras,
         v.version as config_version, v.config, d.groups, t.generation as flow_generation, f.revision as flow_revision,
         coalesce(t.signature is not null and t.ended_at is null, false) as flow_wanted,
         f.reported as flow_reported, f.reported_at as flow_reported_at
    from devices d
    left join device_configs v on v.device_id = d.id and v.active
    left join desired_flows f on f.device_id = d.id
    left join deployment_targets t on t.deployment_id = f.deployment_id and t.device_id = d.id
   where d.deleted_at is null`;

/** Every device that is registered, by id. */
export async function listDevices(q: Queryable): Promise<DeviceRow[]> {
  return (await q.query<DeviceRow>(`${LIVING} order by d.id`)).rows;
}

/** One registered device; undefined for an unknown or deleted id. */
export async function findDevice(q: Queryable, id: string): Promise<DeviceRow | undefined> {
  return (await q.query<DeviceRow>(`${LIVING} and d.id = $1`, [id])).rows[0];
}

/**
 * Registers a device, or takes up the row of a deleted one, or one that only frames put back after the database was lost (it has
 * no configuration); `last_seq` as it was. False when the id is in use. Inside a transaction only.
 */
export async function insertDevice(q: Queryable, device: { id: string; name: string; at: Date }): Promise<boolean> {
  const { id, name, at } = device;
  const fresh = await q.query(
    'insert into devices (id, name, created_at) values ($1, $2, $3) on conflict (id) do nothing',
    [id, name, at],
  );
  if (fresh.rowCount > 0) return true;
  // Lock first, look then: a simultaneous registration is over when the next statement asks.
  await q.query('select id from devices where id = $1 for update', [id]);
  const { rowCount } = await q.query(
    `update devices d
        set name = $2, created_at = $3, deleted_at = null, disabled_at = null, state = 'offline', session = null,
            burst_until = null, burst_ready_at = null, info = '{}', health = '{}', rssi = null, battery_mv = null,
            fw_version = null, last_seen_at = null
      where id = $1
        and (deleted_at is not null or not exists (select from device_configs v where v.device_id = d.id))`,
    [id, name, at],
  );
  return rowCount > 0;
}

/** Which of the ids are taken, by deleted devices too. */
export async function takenDeviceIds(q: Queryable, prefix: string): Promise<Set<string>> {
  const { rows } = await q.query<{ id: string }>('select id from devices where starts_with(id, $1)', [prefix]);
  return new Set(rows.map((row) => row.id));
}

/** Locks a registered device's row until the transaction ends; false when there is none. */
export async function lockDevice(q: Queryable, id: string): Promise<boolean> {
  const { rows } = await q.query('select id from devices where id = $1 and deleted_at is null for update', [id]);
  return rows.length > 0;
}

/** Changes the name, and whether the device is let in; what is undefined stays. */
export async function updateDevice(
  q: Queryable,
  id: string,
  change: { name?: string | undefined; disabled?: boolean | undefined; groups?: string[] | undefined; at: Date },
): Promise<void> {
  await q.query(
    `update devices
        set name = coalesce($2, name), groups = coalesce($5::text[], groups),
            disabled_at = case when $3::boolean is null then disabled_at
                               when $3 then coalesce(disabled_at, $4::timestamptz) end
      where id = $1 and deleted_at is null`,
    [id, change.name ?? null, change.disabled ?? null, change.at, change.groups ?? null],
  );
}

/** Marks a device deleted; its row stays for `last_seq`. */
export async function markDeviceDeleted(q: Queryable, id: string, at: Date): Promise<void> {
  await q.query(
    `update devices set deleted_at = $2, state = 'offline', session = null, burst_until = null, burst_ready_at = null
      where id = $1 and deleted_at is null`,
    [id, at],
  );
}

/** Nobody is connected: what a broker that just started knows. */
export async function forgetDeviceSessions(q: Queryable): Promise<void> {
  await q.query(`update devices set state = 'offline', session = null where state <> 'offline' or session is not null`);
}

// Who is away by MQTT and speaks by HTTP has lost the broker, not its power: from then on only its requests tell.
const SPEAKS_HTTP = `session = case when state = 'offline' then null else session end`;

/** Notes that a device was heard of by HTTP, never backwards in time. */
export async function updateDeviceSeen(q: Queryable, id: string, at: Date): Promise<void> {
  await q.query(
    `update devices set last_seen_at = greatest(last_seen_at, $2), ${SPEAKS_HTTP} where id = $1 and deleted_at is null`,
    [id, at],
  );
}

/** Notes that a device fetched its configuration. */
export async function updateConfigFetched(q: Queryable, id: string, at: Date): Promise<void> {
  await q.query(
    `update devices set last_config_at = $2, last_seen_at = greatest(last_seen_at, $2), ${SPEAKS_HTTP}
      where id = $1 and deleted_at is null`,
    [id, at],
  );
}

/** Starts a burst unless one runs or the rest after the last one does; one statement, so that two askers make one burst. */
export async function startBurst(
  q: Queryable,
  id: string,
  burst: { now: Date; until: Date; readyAt: Date },
): Promise<boolean> {
  const { rowCount } = await q.query(
    `update devices set burst_until = $3, burst_ready_at = $4
      where id = $1 and deleted_at is null and disabled_at is null
        and (burst_until is null or burst_until <= $2) and (burst_ready_at is null or burst_ready_at <= $2)`,
    [id, burst.now, burst.until, burst.readyAt],
  );
  return rowCount > 0;
}

/** Tells the other server processes, when the transaction commits. */
export async function notifyServers(q: Queryable, channel: string, payload: string): Promise<void> {
  await q.query('select pg_notify($1, $2)', [channel, payload]);
}
