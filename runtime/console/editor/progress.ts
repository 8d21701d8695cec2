import type { DeploymentRecord, DeploymentTarget, FlowPhase } from '../../contracts/deployments.ts';

const STEPS = ['sent', 'fetching', 'verifying', 'staged', 'switching', 'probation', 'active'];

/** How far a device is on its way to the new flows, 0 to 1. */
export function progressOf({ state }: Pick<DeploymentTarget, 'state'>): number {
  return Math.max(0, STEPS.indexOf(state)) / (STEPS.length - 1);
}

/** Whether the device is between two flows. */
export function isUnderWay(phase: FlowPhase | null): boolean {
  return phase !== null && !['active', 'rejected', 'rolled_back'].includes(phase);
}

/** How a device's part ended, or that it has not. */
export function toneOf({ state }: Pick<DeploymentTarget, 'state'>): 'good' | 'bad' | 'off' | 'open' {
  if (state === 'active') return 'good';
  if (state === 'rejected' || state === 'rolled_back') return 'bad';
  return state === 'superseded' || state === 'aborted' || state === 'waiting' ? 'off' : 'open';
}

/** Whether there is anything to be taken back. */
export function canRollBack({ state, counts }: DeploymentRecord): boolean {
  return state !== 'running' && state !== 'unsigned' && counts.active > 0;
}

/** So much of a revision as people compare. */
export function shortRevision(revision: string): string {
  return revision.slice(0, 8);
}
