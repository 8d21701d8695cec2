import { AppError } from '../contracts/errors.ts';
import { runsOn } from '../contracts/node-types.ts';
import { type FlowElement, labelOf, partsOf } from './flow-files.ts';

/**
 * Refuses tabs with a node of ours that does nothing where the tab runs, naming node and tab: `flow.invalid`. Only what a save changes is
 * looked at: a tab of long ago must not hold up another one.
 */
export function refuseMisplaced(flows: readonly FlowElement[], changed: ReadonlySet<string>): void {
  for (const { id, side, elements } of partsOf(flows)) {
    const tab = elements.find(({ type }) => type === 'tab');
    if (!tab || !changed.has(id)) continue;
    const isOff = side === 'server' && tab.disabled === true;
    const wrong = elements.find((element) => element.d !== true && !runsOn(element.type, side));
    if (!wrong || isOff) continue;
    const who = typeof wrong.name === 'string' && wrong.name !== '' ? `"${wrong.name}"` : wrong.id;
    const where =
      side === 'edge' ? 'runs on the server only, the tab on devices' : 'runs on devices only, the tab on the server';
    throw new AppError('flow.invalid', `node ${who} (${wrong.type}) on tab "${labelOf(tab)}" ${where}`, {
      field: wrong.id,
      tab: id,
    });
  }
}

/**
 * Refuses function nodes that ask for modules, which none gets here: `flow.invalid`. Node-RED would take them and leave every message to
 * such a node unanswered. Only what a save changes is looked at.
 */
export function refuseModules(flows: readonly FlowElement[], changed: ReadonlySet<string>): void {
  for (const { id, elements } of partsOf(flows)) {
    const asking = elements.find(
      ({ type, libs, d }) => type === 'function' && d !== true && Array.isArray(libs) && libs.length > 0,
    );
    if (!asking || !changed.has(id)) continue;
    const who = typeof asking.name === 'string' && asking.name !== '' ? `"${asking.name}"` : asking.id;
    throw new AppError('flow.invalid', `function node ${who} asks for modules, which no function node gets here`, {
      field: asking.id,
      tab: id,
    });
  }
}
