import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type DeviceFlows, FlowsAnswer, MAX_BUNDLE_BYTES, VARIABLES_NODE } from '../../contracts/deployments.ts';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { Db } from '../../db/db.ts';
import { type FlowElement, parseFlowFile } from '../../flow-engine/flow-files.ts';
import { parser } from '../../lib/validate.ts';
import { diffOf, flowsFor, readEdgeFlows } from './edge-tabs.ts';
import { nodeChanges } from './node-changes.ts';
import { devicesOf } from './plan.ts';

export interface RunningFlowsParts {
  db: Db;
  clock: Clock;
  flowsDir: string;
  /** Has the device answer the command `flows`; throws `device.offline`, `command.timeout` and what the device says. */
  askFlows: (device: string) => Promise<unknown>;
}

const parseAnswer = parser(FlowsAnswer, 'flow.invalid');

/** What runs on a device now, and how it differs from the edge tabs that are meant for it here. Throws `device.not_found`. */
export async function runningFlows(parts: RunningFlowsParts, id: string): Promise<DeviceFlows> {
  const device = (await devicesOf(parts.db)).find((one) => one.id === id);
  if (!device) throw new AppError('device.not_found', `There is no device "${id}" that flows run on.`, { device: id });
  const { flows, revision, slot } = await flowsSaidBy(parts, id);
  const here = flowsFor(await readEdgeFlows(parts.flowsDir), device);
  return {
    device: id,
    slot,
    revision,
    taken_at: new Date(parts.clock.now()).toISOString(),
    flows,
    diff: diffOf(here, flows),
    nodes: nodeChanges(here, flows),
  };
}

/** What the device answers. Throws what `askFlows` does, and `flow.invalid`. */
export async function flowsSaidBy(
  { askFlows }: Pick<RunningFlowsParts, 'askFlows'>,
  id: string,
): Promise<Pick<DeviceFlows, 'slot' | 'revision'> & { flows: FlowElement[] }> {
  const { flows_gz, slot = null, revision = null } = parseAnswer(await askFlows(id));
  return { flows: await unpacked(flows_gz), slot, revision };
}

async function unpacked(text: string): Promise<FlowElement[]> {
  try {
    const bytes = await promisify(gunzip)(Buffer.from(text, 'base64'), { maxOutputLength: MAX_BUNDLE_BYTES });
    // Variables of the deployment are none of the tabs'.
    return parseFlowFile(bytes.toString('utf8')).filter(({ id }) => id !== VARIABLES_NODE);
  } catch (cause) {
    throw new AppError('flow.invalid', 'what the device says it runs cannot be read', {}, { cause });
  }
}
