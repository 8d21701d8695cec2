import type { Queryable } from './db.ts';

/** A frame on its way into the table. Times are epoch ms. */
export interface NewCapture {
  id: string;
  device: string;
  camera: string;
  seq: number;
  capturedAt: number;
  receivedAt: number;
  width: number;
  height: number;
  quality: number;
  size: number;
  crc32: number;
  segment: number;
  offset: number;
  /** put a job into the camera's lane */
  analyse: boolean;
  meta: Record<string, unknown>;
}

/** What a batch says of a device. */
export interface DeviceSign {
  id: string;
  lastSeq: number;
  /** epoch ms of the last frame's receipt */
  at: number;
  rssi?: number | undefined;
  batteryMv?: number | undefined;
  fwVersion?: string | undefined;
}

export interface FrameBatch {
  nodeId: string;
  frames: readonly NewCapture[];
  devices: readonly DeviceSign[];
  /** the place behind the batch in the segment store */
  checkpoint: { segment: number; offset: number };
}

export interface CaptureRow {
  id: string;
  device_id: string;
  camera_id: string;
  seq: number;
  captured_at: Date;
  received_at: Date;
  width: number;
  height: number;
  jpeg_quality: number;
  size: number;
  crc32: number;
  node_id: string;
  segment: number;
  segment_offset: number;
  meta: Record<string, unknown>;
}

const COLUMNS = `id, device_id, camera_id, seq, captured_at, received_at, width, height, jpeg_quality, size, crc32,
  node_id, segment, segment_offset, meta`;

/**
 * Puts a batch of frames in: rows, jobs of those to be analysed, the enqueue counters of their lanes, what the devices were last
 * heard of, and the checkpoint; one statement, and so one transaction, unless it is asked inside of one. Answers the ids of the
 * rows that are new; a (device, seq) that is there already stays as it was. Everything is locked in sorted order, so that batches
 * of two servers cannot wait for each other.
 */
export async function insertFrames(q: Queryable, batch: FrameBatch): Promise<Set<string>> {
  const { frames, devices, checkpoint } = batch;
  const { rows } = await q.query<{ id: string }>(
    `with input as (
       select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::float8[], $6::float8[], $7::int[],
                            $8::int[], $9::int[], $10::int[], $11::bigint[], $12::bigint[], $13::bigint[],
                            $14::boolean[], $15::text[])
         as t(id, device_id, camera_id, seq, captured_ms, received_ms, width, height, quality, size, crc32, segment,
              segment_offset, wants_job, meta)
     ), stored as (
       insert into captures (${COLUMNS})
       select id, device_id, camera_id, seq, to_timestamp(captured_ms / 1000), to_timestamp(received_ms / 1000), width,
              height, quality, size, crc32, $16, segment, segment_offset, meta::jsonb
         from input order by device_id, seq
       on conflict do nothing
       returning id, device_id, camera_id, seq
     ), queued as (
       insert into jobs (camera_id, device_id, seq, capture_id)
       select s.camera_id, s.device_id, s.seq, s.id
         from stored s join input i on i.id = s.id
        where i.wants_job order by s.camera_id, s.seq
       returning camera_id
     ), woken as (
       insert into camera_lanes as lane (camera_id, enqueued)
       select camera_id, count(*) from queued group by camera_id order by camera_id
       on conflict (camera_id) do update set enqueued = lane.enqueued + excluded.enqueued
       returning camera_id
     ), heard as (
       insert into devices as d (id, name, last_seq, last_seen_at, last_frame_at, rssi, battery_mv, fw_version)
       select id, id, last_seq, to_timestamp(at_ms / 1000), to_timestamp(at_ms / 1000), rssi, battery_mv, fw_version
         from unnest($17::text[], $18::bigint[], $19::float8[], $20::real[], $21::real[], $22::text[])
           as t(id, last_seq, at_ms, rssi, battery_mv, fw_version)
        order by id
       on conflict (id) do update
         set last_seq = greatest(d.last_seq, excluded.last_seq),
             last_seen_at = greatest(d.last_seen_at, excluded.last_seen_at),
             last_frame_at = greatest(d.last_frame_at, excluded.last_frame_at),
             rssi = coalesce(excluded.rssi, d.rssi),
             battery_mv = coalesce(excluded.battery_mv, d.battery_mv),
             fw_version = coalesce(excluded.fw_version, d.fw_version)
     ), noted as (
       insert into segment_checkpoints (node_id, segment, segment_offset) values ($16, $23, $24)
       on conflict (node_id) do update
         set segment = excluded.segment, segment_offset = excluded.segment_offset, updated_at = now()
     )
     select id, (select pg_notify('redeye_jobs', case when length(cameras) < 8000 then cameras else '' end)
                   from (select string_agg(camera_id, ' ') as cameras from woken) as all_woken where cameras <> '') as told
       from stored`,
    [
      frames.map((frame) => frame.id),
      frames.map((frame) => frame.device),
      frames.map((frame) => frame.camera),
      frames.map((frame) => frame.seq),
      frames.map((frame) => frame.capturedAt),
      frames.map((frame) => frame.receivedAt),
      frames.map((frame) => frame.width),
      frames.map((frame) => frame.height),
      frames.map((frame) => frame.quality),
      frames.map((frame) => frame.size),
      frames.map((frame) => frame.crc32),
      frames.map((frame) => frame.segment),
      frames.map((frame) => frame.offset),
      frames.map((frame) => frame.analyse),
      frames.map((frame) => JSON.stringify(frame.meta)),
      batch.nodeId,
      devices.map((device) => device.id),
      devices.map((device) => device.lastSeq),
      devices.map((device) => device.at),
      devices.map((device) => device.rssi ?? null),
      devices.map((device) => device.batteryMv ?? null),
      devices.map((device) => device.fwVersion ?? null),
      checkpoint.segment,
      checkpoint.offset,
    ],
    { prepared: 'insert-frames' },
  );
  return new Set(rows.map((row) => row.id));
}

/**
 * Makes the devices and cameras that frames from the files name and the database does not know: a backup from before their
 * registration was put back. They have no key; an operator gives them a new one.
 */
export async function insertMissingOwners(
  q: Queryable,
  owners: readonly { device: string; camera: string }[],
): Promise<void> {
  const params = [owners.map(({ device }) => device), owners.map(({ camera }) => camera)];
  await q.query(
    `insert into devices (id, name)
     select distinct device, device from unnest($1::text[], $2::text[]) as t(device, camera) order by device
     on conflict do nothing`,
    params,
  );
  await q.query(
    `insert into cameras (id, device_id, name)
     select distinct on (camera) camera, device, camera from unnest($1::text[], $2::text[]) as t(device, camera)
      order by camera
     on conflict do nothing`,
    params,
  );
}

/**
 * Removes the rows that a later record of the same node has the key of. A key is written again only while it has no row, so the earlier
 * record was never acknowledged (the database was away), or its row had been deleted. Answers how many.
 */
export async function deleteSuperseded(q: Queryable, nodeId: string, frames: readonly NewCapture[]): Promise<number> {
  const { rowCount } = await q.query(
    `delete from captures c
      using unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) as later(device_id, seq, segment, segment_offset)
      where c.device_id = later.device_id and c.seq = later.seq and c.node_id = $1
        and (c.segment, c.segment_offset) < (later.segment, later.segment_offset)`,
    [
      nodeId,
      frames.map((frame) => frame.device),
      frames.map((frame) => frame.seq),
      frames.map((frame) => frame.segment),
      frames.map((frame) => frame.offset),
    ],
  );
  return rowCount;
}

/** The rows that these (device, seq) have; with the highest `seq` ever taken from the device. */
export async function findFramesByKey(
  q: Queryable,
  keys: readonly { device: string; seq: number }[],
): Promise<(CaptureRow & { last_seq: number })[]> {
  const { rows } = await q.query<CaptureRow & { last_seq: number }>(
    `select c.*, greatest(d.last_seq, c.seq) as last_seq
       from (select ${COLUMNS} from captures) c
       join unnest($1::text[], $2::bigint[]) as k(device, number) on c.device_id = k.device and c.seq = k.number
       left join devices d on d.id = c.device_id`,
    [keys.map(({ device }) => device), keys.map(({ seq }) => seq)],
  );
  return rows;
}

/** One frame; undefined when there is none (any more). */
export async function findCapture(q: Queryable, id: string): Promise<CaptureRow | undefined> {
  return (await q.query<CaptureRow>(`select ${COLUMNS} from captures where id = $1`, [id])).rows[0];
}

export interface CaptureFilter {
  limit: number;
  /** the last one of the page before */
  before?: { receivedAt: number; id: string } | undefined;
  /** null: all */
  cameras: readonly string[] | null;
  device?: string | undefined;
  camera?: string | undefined;
  /** epoch ms of receipt, `[from, to)` */
  from?: number | undefined;
  to?: number | undefined;
}

/** Frames by time of receipt, newest first. */
export async function listCaptures(q: Queryable, filter: CaptureFilter): Promise<CaptureRow[]> {
  const params: unknown[] = [];
  const where: string[] = [];
  const and = (condition: (placeholder: string) => string, value: unknown) => {
    if (value === undefined || value === null) return;
    params.push(value);
    where.push(condition(`$${params.length}`));
  };
  and((p) => `camera_id = any(${p}::text[])`, filter.cameras);
  and((p) => `device_id = ${p}`, filter.device);
  and((p) => `camera_id = ${p}`, filter.camera);
  and((p) => `received_at >= to_timestamp(${p}::float8 / 1000)`, filter.from);
  and((p) => `received_at < to_timestamp(${p}::float8 / 1000)`, filter.to);
  if (filter.before) {
    params.push(filter.before.receivedAt, filter.before.id);
    const [at, id] = [`$${params.length - 1}`, `$${params.length}`];
    where.push(`(received_at, id) < (to_timestamp(${at}::float8 / 1000), ${id}::uuid)`);
  }
  params.push(filter.limit);
  const { rows } = await q.query<CaptureRow>(
    `select ${COLUMNS} from captures ${where.length > 0 ? `where ${where.join(' and ')}` : ''}
      order by received_at desc, id desc limit $${params.length}`,
    params,
  );
  return rows;
}
