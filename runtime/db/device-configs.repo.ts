import type { Queryable } from './db.ts';

export interface ConfigRow {
  version: number;
  /** only the fields that an operator has set */
  config: Record<string, unknown>;
}

/** The version in force; undefined when the device has none. */
export async function findActiveConfig(q: Queryable, device: string): Promise<ConfigRow | undefined> {
  const { rows } = await q.query<ConfigRow>(
    'select version, config from device_configs where device_id = $1 and active',
    [device],
  );
  return rows[0];
}

/** Numbers of the versions in force, by device; who has none is left out. */
export async function findConfigVersions(q: Queryable, devices: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await q.query<{ device_id: string; version: number }>(
    'select device_id, version from device_configs where device_id = any($1::text[]) and active',
    [devices],
    { prepared: 'config-versions' },
  );
  return new Map(rows.map(({ device_id, version }) => [device_id, version]));
}

/** Puts a new version in force and answers its number. The device's row must be locked in this transaction. */
export async function activateConfig(
  q: Queryable,
  device: string,
  config: object,
  by: { actor: string; at: Date },
): Promise<number> {
  await q.query('update device_configs set active = false where device_id = $1 and active', [device]);
  const { rows } = await q.query<{ version: number }>(
    `insert into device_configs (device_id, version, config, active, created_at, created_by)
     select $1::text, coalesce(max(version), 0) + 1, $2::text::jsonb, true, $3::timestamptz, $4::text from device_configs where device_id = $1
     returning version`,
    [device, JSON.stringify(config), by.at, by.actor],
  );
  return rows[0]?.version ?? 0;
}
