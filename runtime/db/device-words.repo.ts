import type { Queryable } from './db.ts';
import type { DeviceRow } from './devices.repo.ts';

// What devices say of themselves, of many in one statement: a thousand may speak at once. Rows are locked in the order of their ids, as
// frames do it, so that no two statements wait for each other.
const HELD = `held as (select d.id from devices d where d.id in (select id from said) and d.deleted_at is null order by d.id for no key update)`;

/** What a device's `state` topic says. */
export interface StateWord {
  id: string;
  state: DeviceRow['state'];
  session: number;
  at: Date;
}

/** Notes what devices said of themselves by MQTT; answers whose word counted. An `offline` of an older session than the known one changes nothing. */
export async function updateDeviceStates(q: Queryable, words: readonly StateWord[]): Promise<Set<string>> {
  const { rows } = await q.query<{ id: string }>(
    `with said as (select * from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]) as s(id, state, session, at)), ${HELD}
     update devices d
        set state = s.state, session = s.session,
            last_seen_at = case when s.state = 'offline' then d.last_seen_at else s.at end
       from said s join held using (id)
      where d.id = s.id and (s.state <> 'offline' or d.session is null or d.session <= s.session)
      returning d.id`,
    [words.map(({ id }) => id), words.map(({ state }) => state), words.map((word) => word.session), words.map(atOf)],
    { prepared: 'device-states' },
  );
  return new Set(rows.map(({ id }) => id));
}

/** The connections of these devices are gone and nobody said goodbye. */
export async function markDevicesOffline(q: Queryable, ids: readonly string[]): Promise<void> {
  await q.query(
    `with said as (select unnest($1::text[]) as id), ${HELD}
     update devices d set state = 'offline' from held where d.id = held.id`,
    [ids],
    { prepared: 'devices-offline' },
  );
}

/** Keeps devices' birth messages. */
export async function updateDeviceInfos(
  q: Queryable,
  words: readonly { id: string; info: object; at: Date }[],
): Promise<void> {
  await q.query(
    `with said as (select * from unnest($1::text[], $2::text[], $3::timestamptz[]) as s(id, info, at)), ${HELD}
     update devices d set info = s.info::jsonb, last_seen_at = s.at from said s join held using (id) where d.id = s.id`,
    [words.map(({ id }) => id), words.map(({ info }) => JSON.stringify(info)), words.map(atOf)],
    { prepared: 'device-infos' },
  );
}

/** What a heartbeat says; what it leaves out stays as it was. */
export interface HeartbeatWord {
  id: string;
  rssi?: number | undefined;
  batteryMv?: number | undefined;
  fwVersion?: string | undefined;
  health?: object | undefined;
  at: Date;
}

/** Keeps what heartbeats said; answers which of the devices there are. */
export async function updateHeartbeats(q: Queryable, words: readonly HeartbeatWord[]): Promise<Set<string>> {
  const { rows } = await q.query<{ id: string }>(
    `with said as (select * from unnest($1::text[], $2::real[], $3::real[], $4::text[], $5::text[], $6::timestamptz[])
                     as s(id, rssi, battery_mv, fw_version, health, at)), ${HELD}
     update devices d
        set rssi = coalesce(s.rssi, d.rssi), battery_mv = coalesce(s.battery_mv, d.battery_mv),
            fw_version = coalesce(s.fw_version, d.fw_version), health = coalesce(s.health::jsonb, d.health),
            last_seen_at = greatest(d.last_seen_at, s.at)
       from said s join held using (id)
      where d.id = s.id
      returning d.id`,
    [
      words.map(({ id }) => id),
      words.map(({ rssi }) => rssi ?? null),
      words.map(({ batteryMv }) => batteryMv ?? null),
      words.map(({ fwVersion }) => fwVersion ?? null),
      words.map(({ health }) => (health ? JSON.stringify(health) : null)),
      words.map(atOf),
    ],
    { prepared: 'device-heartbeats' },
  );
  return new Set(rows.map(({ id }) => id));
}

function atOf({ at }: { at: Date }): Date {
  return at;
}
