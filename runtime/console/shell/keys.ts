import { onActivated, onDeactivated, onScopeDispose } from 'vue';

/** Keys by their name (`j`, `Escape`, `g l` for two in a row); a handler that answers false did not want it. */
export type KeyMap = Record<string, (event: KeyboardEvent) => unknown>;

const PREFIX_MS = 1200;
const maps: KeyMap[] = [];
let prefix: { key: string; at: number } | undefined;

/** Keys that work while the component is on the page; later maps are asked first. */
export function useKeys(map: KeyMap): void {
  const add = () => {
    if (!maps.includes(map)) maps.push(map);
  };
  const remove = () => {
    const at = maps.indexOf(map);
    if (at >= 0) maps.splice(at, 1);
  };
  add();
  onActivated(add);
  onDeactivated(remove);
  onScopeDispose(remove);
}

/** Listens for the whole page. Keys belong to a field while one is written in, and to a dialog while one is open. */
export function listenForKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.altKey || event.isComposing) return;
    if (document.querySelector('[role="dialog"]') !== null || isWriting(event.target)) return;
    const combined = event.ctrlKey || event.metaKey;
    const name = `${combined ? 'mod+' : ''}${event.shiftKey && event.key.length > 1 ? 'shift+' : ''}${event.key}`;
    const now = performance.now();
    const before = prefix !== undefined && now - prefix.at < PREFIX_MS ? `${prefix.key} ` : '';
    prefix = !combined && before === '' && event.key === 'g' ? { key: 'g', at: now } : undefined;
    for (const map of maps.toReversed()) {
      const handler = map[before + name];
      if (handler !== undefined && handler(event) !== false) {
        event.preventDefault();
        return;
      }
    }
  });
}

function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !['checkbox', 'radio', 'range', 'button'].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}
