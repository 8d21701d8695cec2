import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Log } from '../contracts/host.ts';
import type { Side } from '../contracts/node-types.ts';
import { ensureFolder, ifThere, writeFileDurably } from '../lib/files.ts';
import { INDEX_FILE } from './flow-files.ts';

/** What we remember of a shipped file: the hash of what was put in place, and of what was last shipped (said once, not at each start). */
interface Remembered {
  placed: string;
  shipped: string;
}

export interface SeedReport {
  added: string[];
  updated: string[];
  removed: string[];
  /** edited here, while a newer version was shipped */
  kept: string[];
}

/**
 * Brings shipped flows into FLOWS_DIR: all of them at the first start; later a tab that nobody touched follows the product, an edited
 * one is kept and named in the log, a deleted one stays deleted. A folder that already holds flows of somebody's own gets nothing.
 */
export async function seedFlows(options: {
  /** the product's `flows/`, with `server/` and `edge/` */
  shippedDir: string;
  flowsDir: string;
  /** where to remember what was shipped */
  memoryFile: string;
  /** the folders of it that this host runs or shows; default: both */
  sides?: readonly Side[];
  log: Log;
}): Promise<SeedReport> {
  const { shippedDir, flowsDir, memoryFile, sides = ['server', 'edge'], log } = options;
  const report: SeedReport = { added: [], updated: [], removed: [], kept: [] };
  const before = await readMemory(memoryFile, log);
  const first = before === undefined;
  const foreign = first && (await flowFilesBelow(flowsDir, sides)).length > 0;
  const memory: Record<string, Remembered> = {};
  const shippedFiles = await flowFilesBelow(shippedDir, sides);

  for (const file of shippedFiles) {
    const text = await readFile(join(shippedDir, file), 'utf8');
    const shipped = hashOf(text);
    const known = before?.[file];
    const current = await hashOfFile(join(flowsDir, file));
    const place = async (into: string[]) => {
      await ensureFolder(dirname(join(flowsDir, file)));
      await writeFileDurably(join(flowsDir, file), text);
      into.push(file);
      memory[file] = { placed: shipped, shipped };
    };
    if (current === shipped) memory[file] = { placed: shipped, shipped };
    else if (current === undefined && !known && !foreign) await place(report.added);
    else if (current !== undefined && current === known?.placed) await place(report.updated);
    else {
      // The order of tabs changes with every tab of one's own: no news.
      const news = current !== undefined && known?.shipped !== shipped && !file.endsWith(INDEX_FILE);
      if (news) report.kept.push(file);
      memory[file] = { placed: known?.placed ?? '', shipped };
    }
  }
  for (const [file, known] of Object.entries(before ?? {})) {
    if (shippedFiles.includes(file) || (await hashOfFile(join(flowsDir, file))) !== known.placed) continue;
    await rm(join(flowsDir, file));
    report.removed.push(file);
  }

  // Last: a crash before this line is made good by the comparison with what is in place.
  if (JSON.stringify(memory) !== JSON.stringify(before)) {
    await ensureFolder(dirname(memoryFile), 0o700);
    await writeFileDurably(memoryFile, `${JSON.stringify(memory, null, 2)}\n`);
  }
  say(log, report, first);
  return report;
}

function say(log: Log, { added, updated, removed, kept }: SeedReport, first: boolean): void {
  if (added.length > 0) log.info(first ? 'flows put in place' : 'new flows shipped', { files: added });
  if (updated.length > 0) log.info('flows nobody had touched follow the product', { files: updated });
  if (removed.length > 0)
    log.info('flows are no longer shipped and nobody had touched them: removed', { files: removed });
  if (kept.length > 0)
    log.warn(`flows edited here are kept; a newer version is shipped: ${kept.join(', ')}`, { files: kept });
}

async function flowFilesBelow(root: string, sides: readonly Side[]): Promise<string[]> {
  const files: string[] = [];
  for (const side of sides) {
    for (const name of (await ifThere(() => readdir(join(root, side)))) ?? []) {
      if (name.endsWith('.json') && !name.startsWith('.')) files.push(`${side}/${name}`);
    }
  }
  return files.sort();
}

async function readMemory(path: string, log: Log): Promise<Record<string, Remembered> | undefined> {
  const text = await ifThere(() => readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Record<string, Remembered>;
  } catch (error) {
    // As if nothing were known: what is in place counts as edited, so nothing of anybody's is overwritten.
    log.warn('what flows were shipped is no longer known', { file: path, error });
    return undefined;
  }
}

async function hashOfFile(path: string): Promise<string | undefined> {
  const text = await ifThere(() => readFile(path, 'utf8'));
  return text === undefined ? undefined : hashOf(text);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
