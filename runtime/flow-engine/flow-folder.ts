import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import type { Log } from '../contracts/host.ts';
import type { Side } from '../contracts/node-types.ts';
import { ensureFolder, ifThere, syncFolder, TEMPORARY, writeFileDurably } from '../lib/files.ts';
import {
  asLoaded,
  type FlowElement,
  type FlowPart,
  flowFileText,
  GLOBAL_FILE,
  INDEX_FILE,
  parseFlowFile,
  partsOf,
  withoutInert,
} from './flow-files.ts';

const SIDES: Side[] = ['server', 'edge'];

interface KnownFile {
  /** id of its tab or subflow */
  part: string;
  /** what it would read if we wrote it: a file formatted by hand stays as it is until something in it changes */
  canonical: string;
  /** what is on disk */
  onDisk: string;
  ids: string[];
}

/** Flows as files: `server/` and `edge/` below one folder, one file a tab. One user at a time: calls must not overlap. */
export class FlowFolder {
  readonly #root: string;
  readonly #log: Log;
  #files: Record<Side, Map<string, KnownFile>> = { server: new Map(), edge: new Map() };
  #order: Record<Side, string> = { server: '', edge: '' };

  constructor(root: string, log: Log) {
    this.#root = root;
    this.#log = log;
  }

  /** Makes the folders and removes what a crash left half written. */
  async open(): Promise<void> {
    for (const side of SIDES) {
      await ensureFolder(join(this.#root, side));
      for (const name of await readdir(join(this.#root, side))) {
        if (TEMPORARY.test(name)) await rm(join(this.#root, side, name), { force: true });
      }
    }
  }

  /** Everything that can be read, in the order of the index; a file that cannot is set aside and named in the log. */
  async load(): Promise<FlowElement[]> {
    const all: FlowElement[] = [];
    const seen = new Map<string, string>();
    for (const side of SIDES) {
      this.#files[side] = new Map();
      for (const name of await this.#namesInOrder(side)) {
        const text = await readFile(join(this.#root, side, name), 'utf8');
        try {
          const elements = asLoaded(parseFlowFile(text), side);
          for (const { id } of elements) {
            if (seen.has(id)) throw new AppError('flow.invalid', `holds node ${id}, as ${seen.get(id)} does`);
          }
          for (const { id } of elements) seen.set(id, `${side}/${name}`);
          this.#files[side].set(name, knownFile(elements, text, side));
          all.push(...elements);
        } catch (error) {
          await this.#setAside(side, name, error instanceof Error ? error.message : String(error));
        }
      }
    }
    return all;
  }

  /** Ids of the tabs and subflows whose files a save would write. */
  changedBy(flows: unknown): ReadonlySet<string> {
    const isNew = (part: FlowPart) => {
      const known = this.#files[part.side].get(nameOf(this.#files[part.side], part) ?? '');
      return fileOf(part, known).canonical !== known?.canonical;
    };
    return new Set(
      partsOf(flows)
        .filter(isNew)
        .map(({ id }) => id),
    );
  }

  /**
   * Writes what changed, each file whole or not at all, then removes the files of tabs that are gone, then writes the order. Throws
   * `flow.conflict`, with nothing written, when somebody else changed one of those files since it was loaded.
   */
  async save(flows: unknown): Promise<{ written: string[]; removed: string[] }> {
    const parts = partsOf(flows);
    await this.#refuseConflicts(parts);
    const next: Record<Side, Map<string, KnownFile>> = { server: new Map(), edge: new Map() };
    const written: string[] = [];
    const removed: string[] = [];
    for (const side of SIDES) {
      const mine = parts.filter((part) => part.side === side);
      const taken = new Set([...this.#files[side].keys(), ...(await this.#entries(side))]);
      for (const part of mine) {
        const name = nameOf(this.#files[side], part) ?? freeName(part, taken);
        taken.add(name);
        const known = this.#files[side].get(name);
        const file = fileOf(part, known);
        if (file.canonical !== known?.canonical) {
          await writeFileDurably(join(this.#root, side, name), file.canonical);
          file.onDisk = file.canonical;
          // At once: a save that fails later on must not take this for somebody else's change.
          this.#files[side].set(name, file);
          written.push(`${side}/${name}`);
        }
        next[side].set(name, file);
      }
    }
    // After all writing: a tab that moved between the sides is for a moment in both, never in none.
    for (const side of SIDES) {
      for (const name of this.#files[side].keys()) {
        if (next[side].has(name)) continue;
        await rm(join(this.#root, side, name), { force: true });
        removed.push(`${side}/${name}`);
      }
      this.#files[side] = next[side];
      if (await this.#writeOrder(side, [...next[side].keys()])) written.push(`${side}/${INDEX_FILE}`);
    }
    return { written, removed };
  }

  async #writeOrder(side: Side, names: string[]): Promise<boolean> {
    const order = names.filter((name) => name !== GLOBAL_FILE);
    const text = indexText(order);
    if (text === this.#order[side]) return false;
    await syncFolder(join(this.#root, side));
    await writeFileDurably(join(this.#root, side, INDEX_FILE), text);
    this.#order[side] = text;
    return true;
  }

  /** Files in the index's order, then those it does not know; what it names and is not there is left out. */
  async #namesInOrder(side: Side): Promise<string[]> {
    const there = (await this.#entries(side)).filter((name) => name.endsWith('.json') && name !== INDEX_FILE).sort();
    const order = await this.#readOrder(side);
    const known = (order ?? []).filter((name) => there.includes(name));
    const names = [...known, ...there.filter((name) => !known.includes(name) && name !== GLOBAL_FILE)];
    // A folder without an index is in the order of its names, and needs none until somebody wants another order.
    const inStep =
      order === undefined || (order.length === names.length && order.every((name, at) => name === names[at]));
    this.#order[side] = inStep ? indexText(names) : '';
    return there.includes(GLOBAL_FILE) ? [...names, GLOBAL_FILE] : names;
  }

  async #readOrder(side: Side): Promise<string[] | undefined> {
    const path = join(this.#root, side, INDEX_FILE);
    try {
      const { order } = JSON.parse(await readFile(path, 'utf8')) as { order?: unknown };
      const names = Array.isArray(order)
        ? order.filter((name) => typeof name === 'string' && name !== GLOBAL_FILE)
        : [];
      return [...new Set(names)];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      this.#log.warn('order of the tabs cannot be read: they come in the order of their names', { file: path });
      return [];
    }
  }

  async #entries(side: Side): Promise<string[]> {
    const entries = await readdir(join(this.#root, side), { withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.')).map((entry) => entry.name);
  }

  // FLOWS_DIR may be a git checkout in which somebody works meanwhile: neither version may be lost, so people decide.
  async #refuseConflicts(parts: readonly FlowPart[]): Promise<void> {
    const foreign: string[] = [];
    for (const side of SIDES) {
      const mine = new Map(
        parts.filter((part) => part.side === side).map((part) => [nameOf(this.#files[side], part), part]),
      );
      for (const [name, known] of this.#files[side]) {
        const part = mine.get(name);
        const wanted = part && fileOf(part, known).canonical;
        if (wanted === known.canonical) continue;
        const now = await ifThere(() => readFile(join(this.#root, side, name), 'utf8'));
        if (now !== undefined && now !== known.onDisk && now !== wanted) foreign.push(`${side}/${name}`);
      }
    }
    if (foreign.length === 0) return;
    throw new AppError(
      'flow.conflict',
      `${foreign.join(', ')} changed on disk since it was loaded here, and would be overwritten: nothing was saved. Choose "Restart Flows" ` +
        'beside Deploy to load what is on disk, then deploy again: the editor shows both versions and merges them.',
      { files: foreign },
    );
  }

  async #setAside(side: Side, name: string, why: string): Promise<void> {
    const folder = join(this.#root, side);
    const entries = new Set(await this.#entries(side));
    let aside = `${name}.aside-1`;
    for (let n = 2; entries.has(aside); n += 1) aside = `${name}.aside-${n}`;
    await rename(join(folder, name), join(folder, aside));
    await syncFolder(folder);
    this.#log.error(`${side}/${name} ${why}; it is set aside`, { file: join(folder, aside) });
  }
}

function knownFile(elements: FlowElement[], text: string, side: Side): KnownFile {
  // Through the same cut as a save, so that both sides of the later comparison are made alike.
  const cut = partsOf(elements);
  // Who uses the config nodes of no tab is not seen in their own file.
  const parts =
    side === 'server'
      ? cut
      : cut.map((part) => (part.id === '' ? { ...part, elements: part.elements.map(withoutInert) } : part));
  const ids = elements.map((element) => element.id);
  const [only] = parts;
  // A file by hand may hold several tabs: each gets its own at the next save.
  const canonical = only && parts.length === 1 ? flowFileText(only.elements, ids) : '';
  return { part: only?.id ?? '', canonical, onDisk: text, ids };
}

function fileOf(part: FlowPart, known: KnownFile | undefined): KnownFile {
  const canonical = flowFileText(part.elements, known?.ids);
  const ids = (JSON.parse(canonical) as FlowElement[]).map((element) => element.id);
  return { part: part.id, canonical, onDisk: known?.onDisk ?? '', ids };
}

function indexText(order: string[]): string {
  return `${JSON.stringify({ order }, null, 2)}\n`;
}

function nameOf(files: Map<string, KnownFile>, part: FlowPart): string | undefined {
  if (part.id === '') return GLOBAL_FILE;
  for (const [name, file] of files) if (file.part === part.id && name !== GLOBAL_FILE) return name;
  return undefined;
}

function freeName(part: FlowPart, taken: ReadonlySet<string>): string {
  let name = `${part.slug}.json`;
  for (let n = 2; taken.has(name); n += 1) name = `${part.slug}-${n}.json`;
  return name;
}
