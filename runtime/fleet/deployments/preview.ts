import type { DeploymentCreate, DeploymentPreview } from '../../contracts/deployments.ts';
import { toAppError } from '../../contracts/errors.ts';
import { credentialsOf, sealCredentials } from './bundle.ts';
import { checkFlows, diffOf, flowsFor } from './edge-tabs.ts';
import { type FlowsBeforeParts, flowsBefore } from './flows-before.ts';
import { nodeChanges } from './node-changes.ts';
import { gather, runsAlready, sealingKeyOf, typesOf } from './plan.ts';
import { ringsOf } from './rings.ts';

/**
 * What a deployment would change on each device now; what would be refused is said per device. A device that never took one is asked what it
 * runs; where it does not say, everything is new. Throws `deployment.no_devices`, `flow.invalid`.
 */
export async function previewDeployment(parts: FlowsBeforeParts, body: DeploymentCreate): Promise<DeploymentPreview> {
  const { devices, secrets, source } = await gather(parts, body);
  const rings = ringsOf(devices, body.rings);
  const runsNow = flowsBefore(parts);
  const shown = devices.map(async (device): Promise<DeploymentPreview['devices'][number]> => {
    const elements = flowsFor(source.flows, device);
    const unchanged = runsAlready(parts, device, source, secrets);
    const before = unchanged ? elements : await runsNow(device.id);
    let problem: string | null = null;
    try {
      checkFlows(elements, device.id, typesOf(device));
      sealCredentials(device.id, credentialsOf(elements, secrets), sealingKeyOf(device));
    } catch (error) {
      problem = toAppError(error).message;
    }
    return {
      device: device.id,
      ring: rings.get(device.id) ?? 0,
      unchanged,
      diff: diffOf(before, elements),
      nodes: nodeChanges(before ?? [], elements),
      problem,
    };
  });
  return { devices: await Promise.all(shown) };
}
