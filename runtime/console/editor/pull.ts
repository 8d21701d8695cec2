import type { EditorApi, FlowElement } from './red.ts';
import { withTargets } from './targets.ts';

/**
 * Puts the tabs that run on a device in the place of those of the editor, as one change that can be undone; where they run stays as it is
 * here. Nothing is saved.
 */
export function takeOver(red: EditorApi, flows: readonly FlowElement[], differing: readonly string[]): void {
  const before = red.nodes.createCompleteNodeSet();
  const active = red.workspaces.active();
  red.history.push({
    t: 'replace',
    config: before,
    changed: {},
    moved: {},
    complete: true,
    dirty: red.nodes.dirty(),
    rev: red.nodes.version(),
  });
  const next = merged(before, flows);
  red.nodes.clear();
  red.nodes.import(next);
  for (const id of differing) {
    const node = red.nodes.node(id);
    if (node) node.changed = true;
  }
  red.nodes.dirty(true);
  red.view.redraw(true);
  red.palette.refresh();
  red.workspaces.refresh();
  red.workspaces.show(active, true);
}

/** The editor's set with the device's tabs, and with the config nodes and subflows that they bring. */
export function merged(here: readonly FlowElement[], there: readonly FlowElement[]): FlowElement[] {
  const tabs = new Set(there.filter(({ type }) => type === 'tab').map(({ id }) => id));
  const known = new Map(here.map((element) => [element.id, element]));
  const fresh = new Set(there.map(({ id }) => id));
  const brought = there.map((element) => {
    const mine = known.get(element.id);
    if (element.type === 'tab') return { ...element, disabled: true, env: mine?.env ?? withTargets([], ['all']) };
    // Scoped to its tab here, so that it does not run on the server.
    return element.z === undefined && mine?.z !== undefined ? { ...element, z: mine.z } : element;
  });
  const replaced = new Map(brought.map((element) => [element.id, element]));
  const kept = here
    .filter(({ id, z = '' }) => fresh.has(id) || !tabs.has(z))
    .map((element) => replaced.get(element.id) ?? element);
  return [...kept, ...brought.filter(({ id }) => !known.has(id))];
}
