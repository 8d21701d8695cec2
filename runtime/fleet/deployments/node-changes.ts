import type { NodeChange } from '../../contracts/deployments.ts';
import { type FlowElement, labelOf } from '../../flow-engine/flow-files.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';

/** Where a node is drawn; nobody wants to read that as four changes. */
const PLACE = ['x', 'y', 'w', 'h'];
/** Of one value; a long function is better read in the editor. */
const MAX_CHARS = 2000;

/** What differs between two flow sets, node by node, in the order of the second one; removed ones last. */
export function nodeChanges(before: readonly FlowElement[], after: readonly FlowElement[]): NodeChange[] {
  const old = new Map(before.map((element) => [element.id, element]));
  const fresh = new Map(after.map((element) => [element.id, element]));
  const changes: NodeChange[] = [];
  const note = (element: FlowElement, change: NodeChange['change'], fields: NodeChange['fields']) =>
    changes.push({
      id: element.id,
      type: element.type,
      name: nameOf(element),
      tab: tabOf(element, fresh, old),
      change,
      fields,
    });
  for (const element of after) {
    const earlier = old.get(element.id);
    if (!earlier) note(element, 'added', []);
    else {
      const fields = fieldsOf(earlier, element);
      if (fields.length > 0) note(element, 'changed', fields);
    }
  }
  for (const element of before) if (!fresh.has(element.id)) note(element, 'removed', []);
  return changes;
}

function fieldsOf(before: FlowElement, after: FlowElement): NodeChange['fields'] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => name !== 'id').sort();
  const differing = names.filter((name) => faceOf(name, before[name]) !== faceOf(name, after[name]));
  const place = (element: FlowElement) =>
    `(${PLACE.map((name) => element[name] ?? '').join(' ')})`.replace(/ +\)/, ')');
  const moved = differing.some((name) => PLACE.includes(name));
  return [
    ...differing
      .filter((name) => !PLACE.includes(name))
      .map((field) => ({ field, before: shown(before[field]), after: shown(after[field]) })),
    ...(moved ? [{ field: 'place', before: place(before), after: place(after) }] : []),
  ];
}

/** The editor writes what is empty or off, a file leaves it out: no difference. */
function faceOf(name: string, value: unknown): string {
  const isNothing = value === undefined || (name === 'disabled' && !value) || (name === 'env' && isEmpty(value));
  return isNothing ? '' : canonicalJson(value);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function shown(value: unknown): string {
  const text = value === undefined ? '' : JSON.stringify(value);
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text;
}

function nameOf(element: FlowElement): string {
  if (element.type === 'tab') return labelOf(element);
  return typeof element.name === 'string' && element.name !== '' ? element.name : element.id;
}

function tabOf({ z = '' }: FlowElement, ...sets: ReadonlyMap<string, FlowElement>[]): string {
  const home = sets.map((set) => set.get(z)).find((found) => found !== undefined);
  return home ? nameOf(home.type === 'subflow' ? home : { ...home, type: 'tab' }) : '';
}
