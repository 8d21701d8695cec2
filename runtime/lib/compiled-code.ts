import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { dirname, join, resolve } from 'node:path';

const PREFIX = 'compiled-';

/**
 * Lets Node keep what it compiled of the program (2,300 files on the server), so that the next start reads that instead of compiling
 * again. It lies beside the installed packages, or in `dataDir` where those cannot be written; what earlier builds left there is
 * removed. To be called before the rest of the program is loaded, and after V8's flags are set: V8 refuses what was compiled with
 * others. `from` is any folder of the product. Answers the folder, which forked processes find in their environment; none where none
 * can be written, or where the environment forbids it.
 */
export function keepCompiledCode(
  from: string,
  dataDir: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  if (env.NODE_DISABLE_COMPILE_CACHE !== undefined) return undefined;
  if (env.NODE_COMPILE_CACHE !== undefined) return env.NODE_COMPILE_CACHE;
  const root = productFolder(from);
  const packages = root && join(root, 'node_modules');
  const folders = [
    ...(packages && existsSync(packages) ? [join(packages, '.cache/redeye')] : []),
    ...(dataDir ? [join(resolve(dataDir), 'cache')] : []),
  ];
  const folder = folders.find(isWritable);
  if (folder === undefined) return undefined;
  const name = `${PREFIX}${buildOf(root ?? from)}`;
  const place = join(folder, name);
  enableCompileCache(place);
  env.NODE_COMPILE_CACHE = place;
  removeOthers(folder, name);
  return place;
}

/** Writes it out now: a device that only ever loses its power would never do so. To be called once the program runs. */
export function writeCompiledCode(): void {
  flushCompileCache();
}

/** The folder with the product's package.json, above the given one. */
function productFolder(from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

/** The build that dist/ is, by its stamp; all of them are one where there is none. */
function buildOf(root: string): string {
  try {
    return readFileSync(join(root, 'dist/.built'), 'utf8').slice(0, 12);
  } catch {
    return 'unknown';
  }
}

function isWritable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What cannot be removed now is tried again at the next start. */
function removeOthers(folder: string, name: string): void {
  try {
    const others = readdirSync(folder).filter((entry) => entry.startsWith(PREFIX) && entry !== name);
    for (const other of others) rmSync(join(folder, other), { recursive: true, force: true });
  } catch {
    return;
  }
}
