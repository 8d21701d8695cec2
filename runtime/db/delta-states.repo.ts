import type { Queryable } from './db.ts';

/** What the detector remembers of a camera, as it lies in the database. */
export interface StoredDeltaState {
  /** version of the layout of `state` */
  version: number;
  roiVersion: number;
  state: Buffer;
  /** epoch ms of the last picture that went into it */
  lastCapturedAt: number;
}

/** The camera's state as last committed; undefined before its first picture. */
export async function loadDeltaState(q: Queryable, camera: string): Promise<StoredDeltaState | undefined> {
  const { rows } = await q.query<{ version: number; roi_version: number; state: Buffer; last_captured_at: Date }>(
    `select version, roi_version, state, last_captured_at from delta_states where camera_id = $1`,
    [camera],
  );
  const [row] = rows;
  return (
    row && {
      version: row.version,
      roiVersion: row.roi_version,
      state: row.state,
      lastCapturedAt: row.last_captured_at.getTime(),
    }
  );
}

/**
 * Writes the camera's state. Only to be called with the `q` that the job queue's `finish` hands out: there the job's epoch has
 * been checked and its row is locked, so a worker that lost its lease cannot overwrite what its successor wrote.
 */
export async function saveDeltaState(q: Queryable, camera: string, state: StoredDeltaState): Promise<void> {
  await q.query(
    `insert into delta_states (camera_id, version, roi_version, state, last_captured_at) values ($1, $2, $3, $4, $5)
      on conflict (camera_id) do update
        set version = excluded.version, roi_version = excluded.roi_version, state = excluded.state,
            last_captured_at = excluded.last_captured_at, updated_at = now()`,
    [camera, state.version, state.roiVersion, state.state, new Date(state.lastCapturedAt)],
  );
}
