import { TARGET_PATTERN } from '../contracts/deployments.ts';
import { AppError } from '../contracts/errors.ts';
import type { Side } from '../contracts/node-types.ts';

/** One element of a flow set, as Node-RED keeps them in one flat array. */
export interface FlowElement {
  id: string;
  type: string;
  z?: string;
  [key: string]: unknown;
}

/** The file of config nodes that belong to no tab. */
export const GLOBAL_FILE = '_global.json';
/** The order of a folder's files. */
export const INDEX_FILE = '_index.json';
/**
 * Variable of a tab that says where it runs: `edge` (every device), or `edge: ` with targets between commas, as
 * `edge: group/entrance, device/pi-7`. Shown for edge tabs, and set by whoever wants to move one; targets are kept in the file.
 */
export const RUNS_ON = 'RUNS_ON';

/** Elements of a flow set that are no nodes: every Node-RED knows them. */
export const STRUCTURE_TYPES: readonly string[] = ['tab', 'subflow', 'group', 'junction', 'global-config'];

/** Fields that name other elements without needing them. */
const STRUCTURE_FIELDS = new Set(['id', 'type', 'z', 'g', 'wires', 'nodes', 'links']);

/** A part of the flow set that has a file of its own: a tab or subflow with all that is on it, or what is on none. */
export interface FlowPart {
  /** id of the tab or subflow; empty for the rest */
  id: string;
  side: Side;
  /** what a new file is named after */
  slug: string;
  elements: FlowElement[];
}

/** Cuts a flow set into its parts, tabs and subflows in their order, the rest last. Throws `flow.invalid` for what is no flow set. */
export function partsOf(flows: unknown): FlowPart[] {
  if (!Array.isArray(flows)) throw new AppError('flow.invalid', 'flows must be a list of nodes');
  const parts = new Map<string, FlowPart>();
  const rest: Record<Side, FlowPart> = {
    server: { id: '', side: 'server', slug: '', elements: [] },
    edge: { id: '', side: 'edge', slug: '', elements: [] },
  };
  const elements = flows.map(checked);
  for (const element of elements) {
    if (element.type === 'tab') {
      const side = sideOf(element);
      if (side === 'edge' && element.disabled !== true) {
        const message = `tab "${labelOf(element)}" runs on the edge: leave it disabled here`;
        throw new AppError('flow.invalid', message, { field: element.id });
      }
      parts.set(element.id, { id: element.id, side, slug: slugOf(labelOf(element), 'flow'), elements: [] });
    } else if (element.type === 'subflow') {
      const slug = `subflow-${slugOf(String(element.name ?? ''), 'unnamed')}`;
      parts.set(element.id, { id: element.id, side: 'server', slug, elements: [] });
    }
  }
  const users = usersOfConfigNodes(elements, parts);
  for (const element of elements) {
    const part = parts.get(element.type === 'tab' || element.type === 'subflow' ? element.id : (element.z ?? ''));
    if (part) part.elements.push(part.side === 'edge' && element.type === 'tab' ? withoutMarks(element) : element);
    else {
      const using = [...(users.get(element.id) ?? [])];
      const isEdge = using.length > 0 && using.every(({ side }) => side === 'edge');
      const [only] = using;
      if (!isEdge) rest.server.elements.push(element);
      else if (only && using.length === 1) only.elements.push({ ...withoutInert(element), z: only.id });
      else rest.edge.elements.push(withoutInert(element));
    }
  }
  return [...parts.values(), ...Object.values(rest).filter((part) => part.elements.length > 0)];
}

/** For each config node of no tab the parts whose nodes name it, directly or through another one. */
function usersOfConfigNodes(
  elements: readonly FlowElement[],
  parts: ReadonlyMap<string, FlowPart>,
): Map<string, Set<FlowPart>> {
  const isHomeless = ({ id, type, z = '' }: FlowElement) =>
    !parts.has(id) && !parts.has(z) && !STRUCTURE_TYPES.includes(type);
  const users = new Map(elements.filter(isHomeless).map(({ id }) => [id, new Set<FlowPart>()]));
  if (users.size === 0) return users;
  const byId = new Map(elements.map((element) => [element.id, element]));
  const mark = (element: FlowElement, part: FlowPart) => {
    for (const id of idsNamedIn(element)) {
      const known = users.get(id);
      const named = byId.get(id);
      if (!known || !named || known.has(part)) continue;
      known.add(part);
      mark(named, part);
    }
  };
  for (const element of elements) {
    const part = parts.get(element.z ?? '');
    if (part) mark(element, part);
  }
  return users;
}

/** Without the mark that keeps a config node of edge tabs from running on the server. */
export function withoutInert({ d: _inert, ...element }: FlowElement): FlowElement {
  return element;
}

/** A file's elements as the server runs them: edge tabs are shown, disabled and marked, with their config nodes scoped to them. */
export function asLoaded(elements: FlowElement[], side: Side): FlowElement[] {
  if (side === 'server') return elements;
  const tab = elements.find((element) => element.type === 'tab');
  return elements.map((element) => {
    if (element.type === 'tab') {
      const mark = markOf(element) === undefined ? [EDGE_MARK] : [];
      return { ...element, disabled: true, env: [...envOf(element, true), ...mark] };
    }
    if (element.z !== undefined && element.z !== '') return element;
    // Of no tab: what several edge tabs share. It would run here.
    return tab ? { ...element, z: tab.id } : element.type === 'subflow' ? element : { ...element, d: true };
  });
}

/** Every text in an element's fields: a config node is named by its id, in a field of whatever name. */
export function idsNamedIn(element: FlowElement): Set<string> {
  const texts = new Set<string>();
  const look = (value: unknown) => {
    if (typeof value === 'string') texts.add(value);
    else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) look(inner);
  };
  for (const [name, value] of Object.entries(element)) if (!STRUCTURE_FIELDS.has(name)) look(value);
  return texts;
}

/** Reads a file of flows; throws `flow.invalid` with what is wrong in words. */
export function parseFlowFile(text: string): FlowElement[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError('flow.invalid', `is not JSON: ${cause instanceof Error ? cause.message : cause}`, {}, { cause });
  }
  if (!Array.isArray(value)) throw new AppError('flow.invalid', 'is not a list of nodes');
  return value.map(checked);
}

/** The text of a file: stable order of keys, no credentials, two spaces. Elements keep the order they had in the file before. */
export function flowFileText(elements: FlowElement[], before: readonly string[] = []): string {
  const rank = new Map(before.map((id, at) => [id, at]));
  const at = (element: FlowElement) => rank.get(element.id) ?? Number.POSITIVE_INFINITY;
  // Not by position or by z-order: dragging a node must not move its neighbours' lines. The tab itself comes first.
  const isHead = (element: FlowElement) => (element.type === 'tab' || element.type === 'subflow' ? 0 : 1);
  const sorted = elements
    .map((element, given) => ({ element, given }))
    .sort(
      (a, b) => isHead(a.element) - isHead(b.element) || compare(at(a.element), at(b.element)) || a.given - b.given,
    );
  return `${JSON.stringify(
    sorted.map(({ element }) => orderKeys(element)),
    null,
    2,
  )}\n`;
}

const FIRST_KEYS = ['id', 'type', 'z', 'g', 'label', 'name', 'version'];
const LAST_KEYS = ['x', 'y', 'w', 'h', 'wires'];

function orderKeys({ credentials: _secret, ...element }: FlowElement): Record<string, unknown> {
  const middle = Object.keys(element).filter((key) => !FIRST_KEYS.includes(key) && !LAST_KEYS.includes(key));
  const keys = [...FIRST_KEYS, ...middle.sort(), ...LAST_KEYS].filter((key) => element[key] !== undefined);
  return Object.fromEntries(keys.map((key) => [key, element[key]]));
}

function checked(value: unknown): FlowElement {
  const element = value as FlowElement;
  const good = typeof value === 'object' && value !== null && typeof element.id === 'string' && element.id !== '';
  if (!good || typeof element.type !== 'string')
    throw new AppError('flow.invalid', 'holds something without id and type');
  return element;
}

const TARGET = new RegExp(TARGET_PATTERN);
const EDGE_MARK = { name: RUNS_ON, value: 'edge', type: 'str' };

function sideOf(tab: FlowElement): Side {
  return markOf(tab) === undefined ? 'server' : 'edge';
}

/** What RUNS_ON says after `edge`; undefined where it says nothing of the edge. */
function markOf(tab: FlowElement): string | undefined {
  for (const { name, value } of envOf(tab, true)) {
    const found = name === RUNS_ON ? /^edge(?::(.*))?$/s.exec(String(value)) : null;
    if (found) return (found[1] ?? '').trim();
  }
  return undefined;
}

/** Whom an edge tab is meant for: `all`, `device/<id>`, `group/<name>`. Throws `flow.invalid` for what is none. */
export function targetsOf(tab: FlowElement): string[] {
  const targets = (markOf(tab) ?? '')
    .split(',')
    .map((target) => target.trim())
    .filter((target) => target !== '');
  for (const target of targets)
    if (!TARGET.test(target))
      throw new AppError('flow.invalid', `tab "${labelOf(tab)}": ${RUNS_ON} names ${JSON.stringify(target)}`, {
        field: tab.id,
      });
  return targets.length > 0 ? targets : ['all'];
}

function withoutMarks({ disabled: _disabled, env: _env, ...tab }: FlowElement): FlowElement {
  // Which devices is part of the tab; that it is the edge at all, the folder says.
  const isNamed = (markOf({ ...tab, env: _env }) ?? '') !== '';
  const env = envOf({ ...tab, env: _env }, isNamed);
  return env.length > 0 ? { ...tab, env } : tab;
}

function envOf(tab: FlowElement, withMark = false): { name?: unknown; value?: unknown }[] {
  const env = Array.isArray(tab.env) ? (tab.env as { name?: unknown; value?: unknown }[]) : [];
  return withMark ? env : env.filter((entry) => entry?.name !== RUNS_ON);
}

/** A tab's name for people. */
export function labelOf(tab: FlowElement): string {
  return typeof tab.label === 'string' && tab.label !== '' ? tab.label : tab.id;
}

function slugOf(label: string, otherwise: string): string {
  const plain = label.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return (
    plain
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 60) || otherwise
  );
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
