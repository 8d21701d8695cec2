import type { Queryable } from './db.ts';

export interface CameraRow {
  id: string;
  device_id: string;
  name: string;
  description: string | null;
  /** sealed */
  url: string | null;
  /** sealed */
  access: string | null;
  driver: string;
  created_at: Date;
  /** null: never changed */
  updated_at: Date | null;
  deleted_at: Date | null;
  last_frame_at: Date | null;
  device_state: 'online' | 'offline' | 'degraded' | 'updating';
  /** the device's birth message, which names the state of its cameras */
  device_info: Record<string, unknown>;
}

const CAMERA = `
  select c.id, c.device_id, c.name, c.description, c.url, c.access, c.driver, c.created_at, c.updated_at, c.deleted_at, d.state as device_state, d.info as device_info,
         (select f.received_at from captures f where f.camera_id = c.id order by f.received_at desc limit 1) as last_frame_at
    from cameras c join devices d on d.id = c.device_id`;

/** Every camera in the register, or those of one device, by id. */
export async function listCameras(q: Queryable, device?: string): Promise<CameraRow[]> {
  if (device === undefined)
    return (await q.query<CameraRow>(`${CAMERA} where c.deleted_at is null order by c.id`)).rows;
  return (await q.query<CameraRow>(`${CAMERA} where c.deleted_at is null and c.device_id = $1 order by c.id`, [device]))
    .rows;
}

/** Whose these cameras are and what drives them; unknown and deleted ones are left out. */
export async function findCameraDrivers(
  q: Queryable,
  ids: readonly string[],
): Promise<Map<string, Pick<CameraRow, 'id' | 'device_id' | 'driver'>>> {
  const { rows } = await q.query<Pick<CameraRow, 'id' | 'device_id' | 'driver'>>(
    'select id, device_id, driver from cameras where id = any($1::text[]) and deleted_at is null',
    [ids],
    { prepared: 'camera-drivers' },
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** One camera of the register; undefined for an unknown or deleted one. */
export async function findCamera(q: Queryable, id: string): Promise<CameraRow | undefined> {
  return (await q.query<CameraRow>(`${CAMERA} where c.id = $1 and c.deleted_at is null`, [id])).rows[0];
}

/** Whose a camera is; undefined for an unknown or deleted one. */
export async function findCameraDevice(q: Queryable, id: string): Promise<string | undefined> {
  const { rows } = await q.query<{ device_id: string }>(
    'select device_id from cameras where id = $1 and deleted_at is null',
    [id],
  );
  return rows[0]?.device_id;
}

/** Puts a camera into the register at the end of its device's, or takes a deleted one's row up again; false when the id is in use. */
export async function insertCamera(
  q: Queryable,
  camera: {
    id: string;
    device: string;
    name: string;
    description?: string | null | undefined;
    url?: string | undefined;
    driver: string;
    at: Date;
    access?: string | undefined;
  },
): Promise<boolean> {
  const { rowCount } = await q.query(
    `insert into cameras as c (id, device_id, name, url, driver, created_at, access, description, position)
     select $1::text, $2::text, $3::text, $4::text, $5::text, $6::timestamptz, $7::text, $8::text, coalesce(max(position) + 1, 0) from cameras where device_id = $2 and deleted_at is null
     on conflict (id) do update
        set device_id = excluded.device_id, name = excluded.name, url = excluded.url, driver = excluded.driver, access = excluded.access,
            description = excluded.description, created_at = excluded.created_at, updated_at = null, position = excluded.position, deleted_at = null
      where c.deleted_at is not null`,
    [
      camera.id,
      camera.device,
      camera.name,
      camera.url ?? null,
      camera.driver,
      camera.at,
      camera.access ?? null,
      camera.description ?? null,
    ],
  );
  return rowCount > 0;
}

/** Notes the driver that a device announced for its camera. */
export async function updateCameraDriver(q: Queryable, id: string, driver: string): Promise<void> {
  await q.query('update cameras set driver = $2 where id = $1 and driver <> $2', [id, driver]);
}

/** Changes what is named; what is undefined stays. A description goes with null. */
export async function updateCamera(
  q: Queryable,
  id: string,
  change: {
    at: Date;
    name?: string | undefined;
    description?: string | null | undefined;
    url?: string | undefined;
    driver?: string | undefined;
    access?: string | undefined;
  },
): Promise<void> {
  await q.query(
    `update cameras set name = coalesce($2, name), url = coalesce($3, url), driver = coalesce($4, driver), access = coalesce($5, access),
            description = case when $6 then $7 else description end, updated_at = $8
      where id = $1 and deleted_at is null`,
    [
      id,
      change.name ?? null,
      change.url ?? null,
      change.driver ?? null,
      change.access ?? null,
      change.description !== undefined,
      change.description ?? null,
      change.at,
    ],
  );
}

/** Takes a camera out of the register; its frames and events stay. */
export async function markCameraDeleted(q: Queryable, id: string, at: Date): Promise<void> {
  await q.query('update cameras set deleted_at = $2, url = null, access = null where id = $1 and deleted_at is null', [
    id,
    at,
  ]);
}

/** Takes all of a device's cameras out of the register. */
export async function markDeviceCamerasDeleted(q: Queryable, device: string, at: Date): Promise<void> {
  await q.query(
    'update cameras set deleted_at = $2, url = null, access = null where device_id = $1 and deleted_at is null',
    [device, at],
  );
}

/** Cameras of a device that have a URL: those which the server itself captures. */
export async function listCamerasWithUrl(
  q: Queryable,
  device: string,
): Promise<{ id: string; url: string; access: string | null }[]> {
  const { rows } = await q.query<{ id: string; url: string; access: string | null }>(
    `select id, url, access from cameras where device_id = $1 and deleted_at is null and url is not null order by position, id`,
    [device],
  );
  return rows;
}

/** Locks a camera's row until the transaction ends; false when there is none. */
export async function lockCamera(q: Queryable, id: string): Promise<boolean> {
  const { rows } = await q.query('select id from cameras where id = $1 and deleted_at is null for update', [id]);
  return rows.length > 0;
}
