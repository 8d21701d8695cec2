import type { FlowGates } from '../../contracts/deployments.ts';
import type { Clock } from '../../contracts/host.ts';
import type { Actor } from '../../contracts/services.ts';
import { writeAudit } from '../../db/audit.repo.ts';
import type { Db } from '../../db/db.ts';
import { type DeploymentRow, insertDeployment, insertTarget } from '../../db/deployments.repo.ts';
import { nextGeneration } from '../../db/desired-flows.repo.ts';
import type { NewId } from '../../lib/ids.ts';
import { signBundle } from '../../lib/signatures.ts';
import { makeBundle } from './bundle.ts';
import type { BundleFiles } from './bundle-files.ts';
import type { Planned } from './plan.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface BeginParts {
  db: Db;
  clock: Clock;
  newId: NewId;
  files: BundleFiles;
  keys: SigningKeys;
}

/** What is known of a deployment before it begins. */
export type About = Pick<DeploymentRow, 'target' | 'note' | 'commit' | 'options'> &
  Partial<Pick<DeploymentRow, 'rollback_of' | 'follows' | 'source'>>;

/** Makes the bundles and writes the deployment down, signed where that is done here; answers its id. Nobody is told yet. */
export async function beginDeployment(
  { clock, db, files, keys, newId }: BeginParts,
  { planned, about, gates = {}, actor }: { planned: readonly Planned[]; about: About; gates?: FlowGates; actor: Actor },
): Promise<string> {
  const id = newId();
  const createdAt = clock.now();
  const { signer } = keys;
  const { rollback_of = null, follows = null, source = null } = about;
  await db.tx(async (q) => {
    await insertDeployment(q, {
      ...about,
      id,
      state: signer ? 'running' : 'unsigned',
      reason: null,
      actor: actor.name,
      rollback_of,
      follows,
      source,
      ring: 0,
      rings: 1 + Math.max(...planned.map(({ ring }) => ring)),
      resume_at: null,
      created_at: new Date(createdAt),
      finished_at: null,
    });
    for (const { content, credentials, device, diff, ring } of planned) {
      const generation = await nextGeneration(q, device, createdAt);
      const commit = about.commit ?? undefined;
      const made = makeBundle({ device, generation, deployment: id, createdAt, commit, gates }, content, credentials);
      await files.put(made.text);
      const { sha256, size, revision } = made;
      const signature = signer && signBundle(signer, { device, generation, id, sha256, size });
      await insertTarget(q, {
        deployment_id: id,
        device_id: device,
        ring,
        state: 'waiting',
        generation,
        revision,
        sha256,
        size,
        signature: signature ?? null,
        key_id: signer?.key_id ?? null,
        diff,
        reason: null,
        sent_at: null,
        ended_at: null,
      });
    }
    const devices = planned.map(({ device }) => device);
    const action = rollback_of ? 'deployment.rollback' : follows ? 'deployment.follow' : 'deployment.create';
    const details = { target: about.target, devices, ...(rollback_of && { rollback_of }), ...(follows && { follows }) };
    await writeAudit(q, { actor: actor.name, ip: actor.ip, action, object: `deployment/${id}`, details });
  });
  return id;
}
