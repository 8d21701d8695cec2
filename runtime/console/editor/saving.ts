import type { EditorApi } from './red.ts';

/** A save takes as long as the server needs to start its flows. */
const PATIENCE_MS = 60_000;
const LOOK_MS = 100;

const deployed = new WeakMap<EditorApi, { count: number }>();

/** Has the editor save (its own Deploy) and answers whether it did; what is refused or asked back is on its screen. */
export async function savedBy(red: EditorApi): Promise<boolean> {
  const seen = deployed.get(red) ?? { count: 0 };
  if (!deployed.has(red)) {
    deployed.set(red, seen);
    red.events.on('deploy', () => {
      seen.count += 1;
    });
  }
  const before = seen.count;
  red.actions.invoke('core:deploy-flows');
  const end = Date.now() + PATIENCE_MS;
  while (seen.count === before && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    // Refused: the button that was busy can be pressed again, and the changes are still there.
    if (!isBusy() && seen.count === before && red.nodes.dirty()) return false;
  }
  return seen.count > before;
}

function isBusy(): boolean {
  const spinner = document.querySelector<HTMLElement>('.red-ui-deploy-button-spinner');
  return spinner !== null && spinner.style.display !== 'none' && spinner.offsetParent !== null;
}
