import type { Clock } from '../../contracts/host.ts';
import type { Db } from '../../db/db.ts';
import { findDesired, type TargetRow, whoMissedDeployments } from '../../db/deployments.repo.ts';
import { type FlowReport, noteReports } from '../../db/desired-flows.repo.ts';
import { batched } from '../../lib/batched.ts';
import { CROWD } from '../crowd.ts';

/** What is asked and kept for every device that comes, for many at once in one statement. */
export interface CrowdQuestions {
  /** What the device is to be told now. */
  desired(device: string): Promise<TargetRow | undefined>;
  /** Keeps what it said; answers the deployment that moved by it. */
  reported(report: FlowReport): Promise<string | undefined>;
  /** Whether there are deployments that may be meant for it, and that it has no part of. */
  mayHaveMissed(device: string): Promise<boolean>;
}

/** Asks the database for one device or for a crowd, whoever calls; each answer is that device's own, each failure too. */
export function createCrowdQuestions({ db, clock }: { db: Db; clock: Clock }): CrowdQuestions {
  const byDevice = { crowd: CROWD, clock, keyOf: (device: string) => device };
  const desired = batched<string, TargetRow | undefined>({
    ...byDevice,
    async ask(devices) {
      const found = new Map((await findDesired(db, devices)).map((row) => [row.device_id, row]));
      return (device) => found.get(device);
    },
  });
  const reported = batched<FlowReport, string | undefined>({
    ...byDevice,
    keyOf: ({ device }) => device,
    async ask(reports) {
      const moved = await noteReports(db, reports);
      return ({ device }) => moved.get(device);
    },
  });
  const mayHaveMissed = batched<string, boolean>({
    ...byDevice,
    async ask(devices) {
      const who = await whoMissedDeployments(db, devices);
      return (device) => who.has(device);
    },
  });
  return { desired, reported, mayHaveMissed };
}
