import type { DeploymentCreate, DeploymentPreview } from '../../contracts/deployments.ts';
import { toAppError } from '../../contracts/errors.ts';
import type { DeviceRow } from '../../db/devices.repo.ts';
import type { FlowElement } from '../../flow-engine/flow-files.ts';
import { credentialsOf, sealCredentials } from './bundle.ts';
import { checkFlows, diffOf, flowsFor } from './edge-tabs.ts';
import { nodeChanges } from './node-changes.ts';
import { activeBundle, gather, type PlanParts, runsAlready, sealingKeyOf, typesOf } from './plan.ts';
import { ringsOf } from './rings.ts';
import { flowsSaidBy, type RunningFlowsParts } from './running-flows.ts';

/** So many devices are asked for one preview; of more, what they run stays unknown. */
const MAX_ASKED = 10;

type Parts = PlanParts & Pick<RunningFlowsParts, 'askFlows'>;

/**
 * What a deployment would change on each device now; what would be refused is said per device. A device that never took one is asked what it
 * runs; where it does not say, everything is new. Throws `deployment.no_devices`, `flow.invalid`.
 */
export async function previewDeployment(parts: Parts, body: DeploymentCreate): Promise<DeploymentPreview> {
  const { devices, secrets, source } = await gather(parts, body);
  const rings = ringsOf(devices, body.rings);
  let asked = 0;
  const mayAsk = () => {
    asked += 1;
    return asked <= MAX_ASKED;
  };
  const shown = devices.map(async (device): Promise<DeploymentPreview['devices'][number]> => {
    const elements = flowsFor(source.flows, device);
    const unchanged = runsAlready(parts, device, source, secrets);
    const before = unchanged ? elements : await runsNow(parts, device, mayAsk);
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
      nodes: nodeChanges(before, elements),
      problem,
    };
  });
  return { devices: await Promise.all(shown) };
}

async function runsNow(parts: Parts, device: DeviceRow, mayAsk: () => boolean): Promise<readonly FlowElement[]> {
  const bundle = await activeBundle(parts, device.id, Number.MAX_SAFE_INTEGER);
  if (bundle?.content.flows) return bundle.content.flows as FlowElement[];
  if (!mayAsk()) return [];
  try {
    return (await flowsSaidBy(parts, device.id)).flows;
  } catch {
    // It is away, or does not know the question: nothing is known of it.
    return [];
  }
}
