import type { FlowBundle } from '../../../runtime/contracts/deployments.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { runsOn } from '../../../runtime/contracts/node-types.ts';
import { STRUCTURE_TYPES } from '../../../runtime/flow-engine/flow-files.ts';
import { HEAVY_NODES } from '../../../runtime/flow-engine/settings.ts';

/**
 * Refuses flows with a node that cannot run here, before anything is touched: one unknown type would stop all of them. `known` are the
 * types of the flow process that runs now; with none, only our own are judged. Throws `bundle.invalid` with node and type.
 */
export function checkTypes({ content }: FlowBundle, known: readonly string[]): void {
  const flows = (content.flows ?? []) as { id: string; type: string; name?: unknown }[];
  const there = new Set<string>([...known, ...Object.values(HEAVY_NODES).flat(), ...STRUCTURE_TYPES]);
  const subflows = new Set(flows.filter(({ type }) => type === 'subflow').map(({ id }) => `subflow:${id}`));
  for (const { id, type, name } of flows) {
    const isThere = known.length === 0 || there.has(type) || subflows.has(type);
    const fits = isThere && runsOn(type, 'edge');
    const who = typeof name === 'string' && name !== '' ? `"${name}" (${id})` : id;
    if (!fits) throw new AppError('bundle.invalid', `node ${who}: type ${type} cannot run on this device`);
  }
}
