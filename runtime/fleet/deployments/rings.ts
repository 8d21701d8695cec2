import type { DeploymentCreate } from '../../contracts/deployments.ts';
import type { DeploymentRow, TargetRow } from '../../db/deployments.repo.ts';

/** A device as a target sees it. */
export interface Candidate {
  id: string;
  groups: readonly string[];
}

/** Tells whether a device is meant by `all`, `device/<id>` or `group/<name>`. */
export function isMeant(target: string, { id, groups }: Candidate): boolean {
  if (target === 'all') return true;
  const [kind, name = ''] = target.split('/');
  return kind === 'device' ? id === name : groups.includes(name);
}

/** Which ring each device is in, from 0; a ring without a device is left out. Shares count from the first device on, rounded up. */
export function ringsOf(devices: readonly Candidate[], rings: DeploymentCreate['rings'] = []): Map<string, number> {
  const sorted = devices.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const placed = new Map<string, number>();
  let ring = 0;
  for (const step of [...rings, 1]) {
    const left = sorted.filter(({ id }) => !placed.has(id));
    const mine =
      typeof step === 'string'
        ? left.filter((device) => isMeant(step, device))
        : left.slice(0, Math.max(0, Math.ceil(step * sorted.length) - placed.size));
    for (const { id } of mine) placed.set(id, ring);
    if (mine.length > 0) ring += 1;
  }
  return placed;
}

/** What is to be done for a deployment now. */
export interface Step {
  /** to be told of it now */
  send: TargetRow[];
  change: Partial<Pick<DeploymentRow, 'state' | 'reason' | 'ring' | 'resume_at'>>;
  /** when to look again, epoch ms, where nothing else would cause it */
  lookAt?: number;
}

type Rollout = Pick<DeploymentRow, 'state' | 'ring' | 'rings' | 'resume_at' | 'options'>;

/**
 * The rollout as a state machine: rings one after the other, a pause in between, an end at too many failures. A device that has not ended
 * in its time (it may be away) does not hold up the next ring; it is told when it comes.
 */
export function nextStep(rollout: Rollout, targets: readonly TargetRow[], now: number): Step {
  const { options, ring, rings, resume_at, state } = rollout;
  if (state !== 'running') return { send: [], change: {} };
  const told = targets.filter(({ sent_at }) => sent_at !== null);
  const failed = told.filter((target) => target.state === 'rejected' || target.state === 'rolled_back').length;
  if (failed > 0 && failed / told.length > options.abort_share) {
    const reason = `${failed} of ${told.length} devices failed`;
    return { send: [], change: { state: 'failed', reason } };
  }
  if (targets.every(({ ended_at }) => ended_at !== null)) return { send: [], change: { state: 'done' } };
  if (resume_at !== null) {
    if (now < resume_at.getTime()) return { send: [], change: {}, lookAt: resume_at.getTime() };
    return { send: waitingIn(targets, ring), change: { resume_at: null } };
  }
  const send = waitingIn(targets, ring);
  if (send.length > 0) return { send, change: {} };
  const open = targets.filter((target) => target.ring === ring && target.ended_at === null);
  const patience = (target: TargetRow) => (target.sent_at?.getTime() ?? now) + options.timeout_s * 1000;
  const late = open.map(patience).filter((at) => at > now);
  if (late.length > 0) return { send: [], change: {}, lookAt: Math.max(...late) };
  if (ring + 1 >= rings) return { send: [], change: {} };
  const resumeAt = now + options.pause_s * 1000;
  if (options.pause_s > 0)
    return { send: [], change: { ring: ring + 1, resume_at: new Date(resumeAt) }, lookAt: resumeAt };
  return { send: waitingIn(targets, ring + 1), change: { ring: ring + 1 } };
}

function waitingIn(targets: readonly TargetRow[], ring: number): TargetRow[] {
  return targets.filter((target) => target.ring === ring && target.state === 'waiting');
}
