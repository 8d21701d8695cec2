import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

const SOURCES = ['runtime/console', 'runtime/contracts'];
const STAMP = 'dist/console/.built';

/** Bundles the console into dist/console; false when it found something wrong. */
export type Bundle = () => boolean;

/** Tells whether dist/console was made from exactly the sources below `root`, compared by content as the rest of dist/ is. */
export function isConsoleBuilt(root: string): boolean {
  const stamp = join(root, STAMP);
  return (
    existsSync(join(root, 'dist/console/index.html')) &&
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === fingerprint(root)
  );
}

/** Bundles the console and stamps the result, which stands only when all went well. */
export function makeConsole(root: string, bundle: Bundle): boolean {
  const made = fingerprint(root);
  rmSync(join(root, STAMP), { force: true });
  if (!bundle()) return false;
  writeFileSync(join(root, STAMP), made);
  return true;
}

/** The bundler as it is installed below `root`; undefined where it is not (`npm ci --omit=dev`). */
export function viteBundle(root: string): Bundle | undefined {
  const vite = viteOf(root);
  if (vite === undefined) return undefined;
  return () => {
    const args = [vite, 'build', join(root, 'runtime/console'), '--logLevel', 'warn'];
    return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
  };
}

function viteOf(root: string): string | undefined {
  try {
    return join(dirname(createRequire(join(root, 'package.json')).resolve('vite/package.json')), 'bin/vite.js');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

function fingerprint(root: string): string {
  const hash = createHash('sha256');
  for (const file of [...SOURCES.flatMap((folder) => filesBelow(root, folder)), 'package-lock.json'].sort()) {
    if (!existsSync(join(root, file))) continue;
    hash.update(`${file}\n`).update(
      createHash('sha256')
        .update(readFileSync(join(root, file)))
        .digest(),
    );
  }
  return hash.digest('hex');
}

function filesBelow(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}
