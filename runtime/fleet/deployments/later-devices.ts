import type { Log } from '../../contracts/host.ts';
import { SERVER_DEVICE } from '../../contracts/ids.ts';
import { type DeploymentRow, deploymentsMissedBy } from '../../db/deployments.repo.ts';
import { findDevice } from '../../db/devices.repo.ts';
import { readCredentials } from '../../flow-engine/credentials.ts';
import type { FlowElement } from '../../flow-engine/flow-files.ts';
import { contentHash } from '../../lib/canonical-json.ts';
import { deviceFlow } from './device-flow.ts';
import { activeBundle, type Planned, type PlanParts, planFor, typesOf } from './plan.ts';
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
  const missed = await deploymentsMissedBy(db, id);
  const device = missed.length > 0 && id !== SERVER_DEVICE ? await findDevice(db, id) : undefined;
  if (!device || device.disabled_at !== null || typesOf(device).length === 0) return undefined;
  const row = missed.find(({ target }) => isMeant(target, device));
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
  const bundle = await activeBundle(parts, id, Number.MAX_SAFE_INTEGER);
  const before = (bundle?.content.flows as FlowElement[] | null | undefined) ?? undefined;
  const planned = await planFor(parts, device, { source, secrets: await readCredentials(userDir), ring: 0, before });
  return contentHash(planned.content) === deviceFlow(device).desired_revision ? undefined : { row, source, planned };
}
