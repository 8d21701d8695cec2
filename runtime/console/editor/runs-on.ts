import type { EditorApi, FlowElement, Workspace } from './red.ts';

/** Variable of a tab that says where it runs (decision 0038): `edge`, or `edge: group/gate, device/pi-7`. */
const RUNS_ON = 'RUNS_ON';

/** Whom a tab is meant for: `all`, `device/<id>`, `group/<name>`; undefined for a tab of the server. */
export function targetsOf(tab: FlowElement): string[] | undefined {
  for (const { name, value } of tab.env ?? []) {
    const [, list] = (name === RUNS_ON && /^edge(?::(.*))?$/s.exec(String(value))) || [];
    if (name !== RUNS_ON || !/^edge(:|$)/.test(String(value))) continue;
    const targets = (list ?? '')
      .split(',')
      .map((target) => target.trim())
      .filter((target) => target !== '');
    return targets.length > 0 ? targets : ['all'];
  }
  return undefined;
}

/** Has a tab run elsewhere from the next save on: undone like any other change. An empty list: on the server. */
export function setTargets(red: EditorApi, tab: Workspace, targets: readonly string[]): void {
  const before = { env: tab.env, disabled: tab.disabled, changed: tab.changed };
  const others = (tab.env ?? []).filter(({ name }) => name !== RUNS_ON);
  const list = targets.includes('all') ? [] : targets;
  const value = list.length > 0 ? `edge: ${list.join(', ')}` : 'edge';
  const isEdge = targets.length > 0;
  tab.env = isEdge ? [...others, { name: RUNS_ON, value, type: 'str' }] : others;
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
