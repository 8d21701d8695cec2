import type { Queryable } from './db.ts';

/** A key with the device it belongs to, as needed to let somebody in. */
export interface KeyHolderRow {
  hash: Buffer;
  /** sealed; null: not for signing */
  signing: string | null;
  expires_at: Date | null;
  device_id: string;
  disabled: boolean;
  cameras: string[];
}

/** Keeps a new key; false when its public part is taken. */
export async function insertDeviceKey(
  q: Queryable,
  key: { id: string; device: string; hash: Buffer; at: Date; signing?: string | undefined },
): Promise<boolean> {
  const { rowCount } = await q.query(
    'insert into device_keys (id, device_id, hash, created_at, signing) values ($1, $2, $3, $4, $5) on conflict (id) do nothing',
    [key.id, key.device, key.hash, key.at, key.signing ?? null],
  );
  return rowCount > 0;
}

/** Who holds the keys with these public parts, by public part; unknown, revoked and expired ones are left out, and those of a deleted device. */
export async function findKeyHolders(
  q: Queryable,
  ids: readonly string[],
  now: Date,
): Promise<Map<string, KeyHolderRow>> {
  const { rows } = await q.query<KeyHolderRow & { id: string }>(
    `select k.id, k.hash, k.signing, k.expires_at, k.device_id, d.disabled_at is not null as disabled,
            array(select c.id from cameras c where c.device_id = d.id and c.deleted_at is null order by c.position, c.id) as cameras
       from device_keys k join devices d on d.id = k.device_id
      where k.id = any($1::text[]) and k.revoked_at is null and (k.expires_at is null or k.expires_at > $2)
        and d.deleted_at is null`,
    [ids, now],
    { prepared: 'key-holders' },
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Puts an end date on the keys that have none, and revokes those that were already ending: two stay active. Answers how many were revoked. */
export async function retireDeviceKeys(q: Queryable, device: string, now: Date, end: Date): Promise<number> {
  const { rowCount } = await q.query(
    'update device_keys set revoked_at = $2 where device_id = $1 and revoked_at is null and expires_at is not null',
    [device, now],
  );
  await q.query(
    'update device_keys set expires_at = $2 where device_id = $1 and revoked_at is null and expires_at is null',
    [device, end],
  );
  return rowCount;
}

/** Ends all of a device's keys at once; answers how many were still active. */
export async function revokeDeviceKeys(q: Queryable, device: string, now: Date): Promise<number> {
  const { rowCount } = await q.query(
    'update device_keys set revoked_at = $2 where device_id = $1 and revoked_at is null',
    [device, now],
  );
  return rowCount;
}
