import type { EditorApi, Workspace } from './red.ts';
import { targetsOf, withTargets } from './targets.ts';

/** Has a tab run elsewhere from the next save on: undone like any other change. An empty list: on the server. */
export function setTargets(red: EditorApi, tab: Workspace, targets: readonly string[]): void {
  const before = { env: tab.env, disabled: tab.disabled, changed: tab.changed };
  const isEdge = targets.length > 0;
  tab.env = withTargets(tab.env, targets);
  // A tab for devices must not run here as well; one that comes back is not started behind anybody's back.
  if (isEdge) tab.disabled = true;
  tab.changed = true;
  red.history.push({ t: 'edit', node: tab, changes: before, changed: before.changed, dirty: red.nodes.dirty() });
  red.nodes.dirty(true);
  document.getElementById(tabElementId(tab.id))?.classList.toggle('red-ui-workspace-disabled', tab.disabled === true);
  red.nodes.eachNode((node) => {
    if (node.z === tab.id) node.dirty = true;
  });
  red.workspaces.refresh();
  red.view.redraw();
}

/** Writes on each tab of the editor where it runs, as far as that is not here. */
export function markTabs(red: EditorApi, words: (targets: readonly string[]) => string): void {
  red.nodes.eachWorkspace((tab) => {
    const element = document.getElementById(tabElementId(tab.id));
    if (!element) return;
    const targets = targetsOf(tab);
    element.classList.toggle('redeye-edge-tab', targets !== undefined);
    if (targets) element.dataset.runsOn = words(targets);
    else delete element.dataset.runsOn;
  });
}

function tabElementId(id: string): string {
  return `red-ui-tab-${id.replace('.', '-')}`;
}
