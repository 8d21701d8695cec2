import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FlowDiff } from '../../contracts/deployments.ts';
import { AppError } from '../../contracts/errors.ts';
import { NODE_TYPES, runsOn } from '../../contracts/node-types.ts';
import {
  type FlowElement,
  INDEX_FILE,
  idsNamedIn,
  labelOf,
  parseFlowFile,
  STRUCTURE_TYPES,
  targetsOf,
} from '../../flow-engine/flow-files.ts';
import { HEAVY_NODES } from '../../flow-engine/settings.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { ifThere } from '../../lib/files.ts';
import { type Candidate, isMeant } from './rings.ts';

/** The flows meant for devices, as they lie in a folder at one moment. */
export interface EdgeFlows {
  /** tabs with what is on them */
  tabs: { tab: FlowElement; elements: FlowElement[]; targets: string[] }[];
  /** config nodes and groups of no tab */
  shared: FlowElement[];
  /** config nodes of no tab that lie with the server's flows: a device gets those that its tabs name */
  elsewhere: FlowElement[];
  subflows: Map<string, FlowElement[]>;
}

/** Reads the edge tabs of a flows folder, and the subflows of both sides. Throws `flow.invalid` with the file. */
export async function readEdgeFlows(flowsDir: string): Promise<EdgeFlows> {
  return edgeFlowsOf(await filesIn(join(flowsDir, 'edge')), await filesIn(join(flowsDir, 'server')));
}

/** The same from what lies in the files of both sides. Throws `flow.invalid`. */
export function edgeFlowsOf(edge: readonly FlowElement[][], server: readonly FlowElement[][]): EdgeFlows {
  const flows: EdgeFlows = { tabs: [], shared: [], elsewhere: [], subflows: new Map() };
  const seen = new Set<string>();
  for (const elements of edge) {
    for (const { id } of elements) {
      if (seen.has(id)) throw new AppError('flow.invalid', `two files in edge/ hold the node ${id}`);
      seen.add(id);
    }
    noteSubflows(flows, elements);
    for (const { disabled: _disabled, ...tab } of elements.filter(({ type }) => type === 'tab'))
      flows.tabs.push({ tab, elements: elements.filter(({ z }) => z === tab.id), targets: targetsOf(tab) });
    flows.shared.push(...homeless(elements));
  }
  for (const elements of server) {
    noteSubflows(flows, elements);
    flows.elsewhere.push(...homeless(elements).filter(({ id, type }) => type !== 'global-config' && !seen.has(id)));
  }
  return flows;
}

/** Config nodes of no tab. */
function homeless(elements: readonly FlowElement[]): FlowElement[] {
  return elements.filter(({ type, z }) => type !== 'tab' && type !== 'subflow' && (z === undefined || z === ''));
}

/** What a device is to run: the enabled tabs meant for it, the config nodes, and the subflows that they use. */
export function flowsFor(flows: EdgeFlows, device: Candidate): FlowElement[] {
  const mine = flows.tabs.filter(({ targets }) => targets.some((target) => isMeant(target, device)));
  const chosen = mine.flatMap(({ tab, elements }) => [tab, ...elements]);
  const used = new Set<string>();
  const follow = (elements: readonly FlowElement[]) => {
    for (const { type } of elements) {
      const id = type.startsWith('subflow:') ? type.slice('subflow:'.length) : '';
      const inside = flows.subflows.get(id);
      if (!inside || used.has(id)) continue;
      used.add(id);
      follow(inside);
    }
  };
  follow(chosen);
  const subflows = [...used].sort().flatMap((id) => flows.subflows.get(id) ?? []);
  const own = [...chosen, ...flows.shared, ...subflows];
  return [...own, ...namedBy(own, flows.elsewhere)];
}

/** Those of the candidates that the elements name, and that those name. */
function namedBy(elements: readonly FlowElement[], candidates: readonly FlowElement[]): FlowElement[] {
  const left = new Map(candidates.map((element) => [element.id, element]));
  const found: FlowElement[] = [];
  const queue = [...elements];
  for (let element = queue.pop(); element && left.size > 0; element = queue.pop()) {
    for (const id of idsNamedIn(element)) {
      const named = left.get(id);
      if (!named || !left.delete(id)) continue;
      found.push(named);
      queue.push(named);
    }
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * Refuses flows with a node that their target cannot run, naming node and tab: `flow.invalid`. `known` are the types that the device said
 * it has; none where it never did.
 */
export function checkFlows(elements: readonly FlowElement[], device: string, known: readonly string[]): void {
  const there = new Set([...known, ...STRUCTURE_TYPES, ...Object.values(HEAVY_NODES).flat()]);
  const homes = new Map(elements.map((element) => [element.id, element]));
  for (const element of elements) {
    const { id, name, type, z = '' } = element;
    const isSubflow = homes.get(type.replace(/^subflow:/, ''))?.type === 'subflow' && type.startsWith('subflow:');
    const isOurs = Object.hasOwn(NODE_TYPES, type);
    const fits = isSubflow || (runsOn(type, 'edge') && (known.length === 0 || there.has(type)));
    if (fits) continue;
    const home = homes.get(z);
    const who = typeof name === 'string' && name !== '' ? `"${name}"` : id;
    const where = home ? ` on tab "${labelOf(home)}"` : '';
    const why = isOurs && !runsOn(type, 'edge') ? 'runs on the server only' : `is not available on ${device}`;
    throw new AppError('flow.invalid', `node ${who} (${type})${where} ${why}`, { field: id, tab: z, device });
  }
}

/** What changes, by the names of tabs. Where it is not known what was there before, everything is new, and `first` says so. */
export function diffOf(before: readonly FlowElement[] | undefined, after: readonly FlowElement[] | null): FlowDiff {
  const old = tabsOf(before ?? []);
  const fresh = tabsOf(after ?? []);
  const names = (ids: string[], tabs: Map<string, { label: string }>) => ids.map((id) => tabs.get(id)?.label ?? id);
  return {
    added: names(
      [...fresh.keys()].filter((id) => !old.has(id)),
      fresh,
    ),
    changed: names(
      [...fresh.keys()].filter((id) => old.has(id) && old.get(id)?.face !== fresh.get(id)?.face),
      fresh,
    ),
    removed: names(
      [...old.keys()].filter((id) => !fresh.has(id)),
      old,
    ),
    ...(before === undefined && { first: true }),
  };
}

/** Tabs and subflows with a text that changes when anything of them does; what belongs to none is one more, without a name. */
function tabsOf(elements: readonly FlowElement[]): Map<string, { label: string; face: string }> {
  const heads = elements.filter(({ type }) => type === 'tab' || type === 'subflow');
  // Whether a tab is off says nothing: those for devices are off on the server, and on wherever they run.
  const faceOf = ({ disabled: _disabled, ...head }: FlowElement) => canonicalJson(head);
  const tabs = new Map(heads.map((head) => [head.id, { label: labelOf(head), face: faceOf(head) }]));
  for (const element of elements) {
    const home = tabs.get(element.z ?? '');
    if (home) home.face += canonicalJson(element);
    else if (!tabs.has(element.id)) {
      const rest = tabs.get('') ?? { label: 'shared config nodes', face: '' };
      tabs.set('', { ...rest, face: rest.face + canonicalJson(element) });
    }
  }
  return tabs;
}

function noteSubflows(flows: EdgeFlows, elements: FlowElement[]): void {
  for (const { id, type } of elements) {
    if (type !== 'subflow' || flows.subflows.has(id)) continue;
    flows.subflows.set(
      id,
      elements.filter((element) => element.id === id || element.z === id),
    );
  }
}

async function filesIn(folder: string): Promise<FlowElement[][]> {
  const names = ((await ifThere(() => readdir(folder))) ?? []).sort();
  const files: FlowElement[][] = [];
  for (const name of names) {
    if (!name.endsWith('.json') || name.startsWith('.') || name === INDEX_FILE) continue;
    try {
      files.push(parseFlowFile(await readFile(join(folder, name), 'utf8')));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new AppError('flow.invalid', `${name} ${why}`, {}, { cause });
    }
  }
  return files;
}
