import type { Queryable } from '../../db/db.ts';
import { type FlowElement, partsOf } from '../../flow-engine/flow-files.ts';
import { checkFlows, edgeFlowsOf, flowsFor } from './edge-tabs.ts';
import { devicesOf, typesOf } from './plan.ts';

/**
 * Looks at edge tabs before they are saved: each device that a changed one is meant for must be able to run its nodes, as far as it has
 * said what it can. `changed` are ids of tabs and subflows. Throws `flow.invalid` with node, tab and device.
 */
export async function checkTabs(
  db: Queryable,
  flows: readonly FlowElement[],
  changed: ReadonlySet<string>,
): Promise<void> {
  const parts = partsOf(flows);
  const of = (side: string) => parts.filter((part) => part.side === side).map(({ elements }) => elements);
  const edge = edgeFlowsOf(of('edge'), of('server'));
  const isSubflowChanged = [...edge.subflows.keys()].some((id) => changed.has(id));
  const tabs = edge.tabs.filter(({ tab }) => isSubflowChanged || changed.has(tab.id));
  if (tabs.length === 0) return;
  for (const device of await devicesOf(db)) {
    const mine = flowsFor({ ...edge, shared: [], tabs }, device);
    if (mine.some(({ type }) => type === 'tab')) checkFlows(mine, device.id, typesOf(device));
  }
}
