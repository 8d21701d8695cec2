import type { DeploymentRecord, PicturesOfTrial } from '../../contracts/deployments.ts';
import type { DeploymentRow, TargetRow } from '../../db/deployments.repo.ts';
import { time } from '../device-record.ts';

/** A deployment as the API shows it. */
export function deploymentRecord(
  row: DeploymentRow,
  targets: readonly TargetRow[],
  trials: readonly ({ deployment_id: string; device_id: string } & PicturesOfTrial)[],
): DeploymentRecord {
  const count = (...states: string[]) => targets.filter(({ state }) => states.includes(state)).length;
  const picturesOf = (device: string): PicturesOfTrial | null => {
    const found = trials.find(({ deployment_id, device_id }) => deployment_id === row.id && device_id === device);
    return found ? { before: found.before, during: found.during, after: found.after } : null;
  };
  return {
    id: row.id,
    target: row.target,
    state: row.state,
    reason: row.reason,
    actor: row.actor,
    note: row.note,
    commit: row.commit,
    rollback_of: row.rollback_of,
    follows: row.follows,
    ring: row.ring,
    rings: row.rings,
    counts: {
      total: targets.length,
      active: count('active'),
      failed: count('rejected', 'rolled_back'),
      open: targets.filter(({ ended_at }) => ended_at === null).length,
    },
    created_at: row.created_at.toISOString(),
    finished_at: time(row.finished_at),
    devices: targets.map((target) => ({
      device: target.device_id,
      ring: target.ring,
      state: target.state,
      generation: target.generation,
      revision: target.revision,
      reason: target.reason,
      diff: target.diff,
      sent_at: time(target.sent_at),
      ended_at: time(target.ended_at),
      pictures: picturesOf(target.device_id),
    })),
  };
}
