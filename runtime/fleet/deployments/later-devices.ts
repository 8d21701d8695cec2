import type { Log } from '../../contracts/host.ts';
import { type DeploymentRow, deploymentsMissedBy } from '../../db/deployments.repo.ts';
import { readCredentials } from '../../flow-engine/credentials.ts';
import { contentHash } from '../../lib/canonical-json.ts';
import { deviceFlow } from './device-flow.ts';
import { devicesOf, type Planned, type PlanParts, planFor, typesOf } from './plan.ts';
import { isMeant } from './rings.ts';
import { type Source, sourceOf } from './source.ts';

/** What a device that came later is to get, and of which deployment. */
export interface Missed {
  row: DeploymentRow;
  source: Source;
  planned: Planned;
}

/**
 * The deployment for all, or for a group of the device's, that was made before it came and that nothing has replaced; undefined when there
 * is none, when the device runs just that, or has not yet said what it can run, or while its rings are still being told.
 */
export async function missedBy(parts: PlanParts & { log: Log }, id: string): Promise<Missed | undefined> {
  const { db, files, log, userDir } = parts;
  const device = (await devicesOf(db)).find((one) => one.id === id);
  if (!device || typesOf(device).length === 0) return undefined;
  const row = (await deploymentsMissedBy(db, id)).find(({ target }) => isMeant(target, device));
  if (!row || (row.state === 'running' && (row.ring + 1 < row.rings || row.resume_at !== null))) return undefined;
  const text = await files.read(row.source ?? '');
  if (text === undefined) {
    log.warn('a device that came later does not get a deployment: what it was made of is gone', {
      device: id,
      deployment: row.id,
    });
    return undefined;
  }
  const source = sourceOf(text);
  const planned = await planFor(parts, device, { source, secrets: await readCredentials(userDir), ring: 0 });
  return contentHash(planned.content) === deviceFlow(device).desired_revision ? undefined : { row, source, planned };
}
