import type { Queryable } from './db.ts';

/**
 * Picks a lane that has work and no live lease, and keeps its row locked until the transaction ends. Rows that others hold are
 * passed over; among the rest the one that was left longest ago comes first, so that no camera starves.
 */
export async function lockFreeLane(
  q: Queryable,
  which: { camera: string | undefined; except: string[] },
): Promise<string | undefined> {
  const { rows } = await q.query<{ camera_id: string }>(
    `select camera_id from camera_lanes
      where (lease_until is null or lease_until <= now())
        and (enqueued <> drained or wake_at <= now() or owner is not null)
        and ($1::text is null or camera_id = $1::text)
        and camera_id <> all($2::text[])
      order by lease_until nulls first, camera_id
      limit 1
      for update skip locked`,
    [which.camera ?? null, which.except],
  );
  return rows[0]?.camera_id;
}

/** Makes the lane the owner's for `leaseMs` of the database's time; answers the new epoch, which fences off the one before. */
export async function takeLane(q: Queryable, camera: string, owner: string, leaseMs: number): Promise<number> {
  const { rows } = await q.query<{ epoch: number }>(
    `update camera_lanes
        set owner = $2, epoch = epoch + 1, lease_until = now() + $3::float8 * interval '1 millisecond'
      where camera_id = $1
      returning epoch`,
    [camera, owner, leaseMs],
  );
  const [lane] = rows;
  if (!lane) throw new Error(`the lane of ${camera} is not there`);
  return lane.epoch;
}

/** Puts off the next look at a lane whose holder is gone but still has a transaction open. The holder keeps its epoch. */
export async function postponeLane(q: Queryable, camera: string, ms: number): Promise<void> {
  await q.query(
    `update camera_lanes set lease_until = now() + $2::float8 * interval '1 millisecond' where camera_id = $1`,
    [camera, ms],
  );
}

/** Extends the lease; false when another epoch has the lane. */
export async function renewLane(q: Queryable, camera: string, epoch: number, leaseMs: number): Promise<boolean> {
  const { rowCount } = await q.query(
    `update camera_lanes set lease_until = now() + $3::float8 * interval '1 millisecond'
      where camera_id = $1 and epoch = $2 and owner is not null`,
    [camera, epoch, leaseMs],
  );
  return rowCount > 0;
}

/**
 * Locks the lane that this epoch holds and answers its enqueue counter; undefined when the lane is somebody else's. Every enqueue
 * counts up under the same lock: a look at the jobs by the NEXT statement sees all that were counted.
 */
export async function lockOwnLane(q: Queryable, camera: string, epoch: number): Promise<number | undefined> {
  const { rows } = await q.query<{ enqueued: number }>(
    `select enqueued from camera_lanes where camera_id = $1 and epoch = $2 and owner is not null for update`,
    [camera, epoch],
  );
  return rows[0]?.enqueued;
}

/** Locks a lane whoever holds it. Whatever changes jobs and their lane locks the lane first, so that no two wait for each other. */
export async function lockLane(q: Queryable, camera: string): Promise<void> {
  await q.query(`select 1 from camera_lanes where camera_id = $1 for update`, [camera]);
}

/**
 * Leaves a lane in which nothing is due. `seen` is the enqueue counter as read before the jobs were looked at: an enqueue that
 * commits meanwhile makes the two differ, and the lane has work again. Answers in how many ms its earliest retry is due.
 */
export async function leaveLane(
  q: Queryable,
  camera: string,
  epoch: number,
  seen: number,
): Promise<number | undefined> {
  const { rows } = await q.query<{ wake_in: number | null }>(
    `update camera_lanes
        set owner = null, lease_until = now(), drained = $3,
            wake_at = (select min(run_after) from jobs where camera_id = $1 and state = 'failed')
      where camera_id = $1 and epoch = $2
      returning (extract(epoch from wake_at - now()) * 1000)::float8 as wake_in`,
    [camera, epoch, seen],
  );
  return rows[0]?.wake_in ?? undefined;
}

/** Gives up a lane with work left in it and tells whoever listens. */
export async function handBackLane(q: Queryable, camera: string, epoch: number): Promise<void> {
  await q.query(
    `update camera_lanes set owner = null, lease_until = now(), wake_at = now() where camera_id = $1 and epoch = $2`,
    [camera, epoch],
  );
  await notifyLane(q, camera);
}

/** Has the lane looked at again no later than that. */
export async function wakeLaneAt(q: Queryable, camera: string, at: Date): Promise<void> {
  await q.query(`update camera_lanes set wake_at = least(coalesce(wake_at, $2), $2) where camera_id = $1`, [
    camera,
    at,
  ]);
}

/** Counts an enqueue into the lane, which is made when it is new, and tells whoever listens. Holds the row until the commit. */
export async function bumpLane(q: Queryable, camera: string): Promise<void> {
  await q.query(
    `insert into camera_lanes as lane (camera_id, enqueued) values ($1, 1)
      on conflict (camera_id) do update set enqueued = lane.enqueued + 1`,
    [camera],
  );
  await notifyLane(q, camera);
}

async function notifyLane(q: Queryable, camera: string): Promise<void> {
  await q.query(`select pg_notify('redeye_jobs', $1)`, [camera]);
}
