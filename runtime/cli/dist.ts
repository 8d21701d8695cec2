import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Emits the JavaScript of all sources into dist/; false when it found type errors. */
export type Compile = () => boolean;

const CODE = ['nodes', 'runtime', 'edge'];
/** What is copied as it is: from, to (in dist/), which files. The editor offers `nodes/examples` in its import menu. */
const ASSETS: { from: string; to: string; takes: RegExp }[] = [
  { from: 'nodes', to: 'nodes', takes: /\.(html|json|svg|png)$/ },
  { from: 'runtime/db/migrations', to: 'runtime/db/migrations', takes: /\.sql$/ },
  { from: 'flows/server', to: 'flows/server', takes: /\.json$/ },
  { from: 'flows/edge', to: 'flows/edge', takes: /\.json$/ },
  { from: 'flows/examples', to: 'nodes/examples', takes: /\.json$/ },
];
const CONFIGS = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
const STAMP = 'dist/.built';

/** Tells whether dist/ is whole and was made from exactly the sources below `root` (compared by content: times lie after a clone). */
export function isBuilt(root: string): boolean {
  const stamp = join(root, STAMP);
  if (!existsSync(stamp)) return false;
  const { outputs, copies, fingerprint } = plan(root);
  if (readFileSync(stamp, 'utf8') !== fingerprint) return false;
  return [...outputs, ...copies.map((copy) => copy.to)].every((path) => existsSync(join(root, path)));
}

/**
 * Sources below these folders whose output in dist/ is missing or older. Unlike `isBuilt` it does not mind what is wrong elsewhere:
 * for who needs a part of dist/ only.
 */
export function staleBelow(root: string, folders: string[]): string[] {
  const { sources, copies } = plan(root);
  const inside = (file: string) => folders.some((folder) => file.startsWith(`${folder}/`));
  const older = sources.filter((file) => {
    const output = join(root, outputOf(file));
    return !existsSync(output) || statSync(output).mtimeMs < statSync(join(root, file)).mtimeMs;
  });
  const differing = copies
    .filter((copy) => !isSame(join(root, copy.from), join(root, copy.to)))
    .map((copy) => copy.from);
  return [...older, ...differing].filter(inside);
}

/** Compiles, copies what changed, removes what has lost its source. Stamped only when all of it went well. */
export function makeDist(root: string, compile: Compile): { ok: boolean; copied: number; removed: number } {
  const { outputs, copies, fingerprint } = plan(root);
  // The incremental compiler believes its notes: it would never write again what was deleted behind its back.
  if (!outputs.every((path) => existsSync(join(root, path)))) rmSync(join(root, 'dist/.tsbuildinfo'), { force: true });
  rmSync(join(root, STAMP), { force: true });
  const ok = compile();
  const copied = copies.filter((copy) => copyIfChanged(join(root, copy.from), join(root, copy.to))).length;
  const removed = sweep(
    root,
    new Set([...outputs, ...outputs.map((path) => `${path}.map`), ...copies.map((c) => c.to)]),
  );
  if (ok) writeFileSync(join(root, STAMP), fingerprint);
  return { ok, copied, removed };
}

function plan(root: string): {
  sources: string[];
  outputs: string[];
  copies: { from: string; to: string }[];
  fingerprint: string;
} {
  const sources = CODE.flatMap((folder) => filesBelow(root, folder))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !file.startsWith('runtime/console/'))
    .concat(existsSync(join(root, 'settings.ts')) ? ['settings.ts'] : []);
  const copies = ASSETS.flatMap(({ from, to, takes }) =>
    filesBelow(root, from)
      .filter((file) => takes.test(file))
      .map((file) => ({ from: file, to: join('dist', to, relative(from, file)) })),
  );
  const hash = createHash('sha256');
  const inputs = [...sources, ...copies.map((copy) => copy.from), ...CONFIGS.filter((f) => existsSync(join(root, f)))];
  for (const file of inputs.sort()) {
    hash.update(`${file}\n`).update(
      createHash('sha256')
        .update(readFileSync(join(root, file)))
        .digest(),
    );
  }
  return { sources, outputs: sources.map(outputOf), copies, fingerprint: hash.digest('hex') };
}

function outputOf(source: string): string {
  return join('dist', source.replace(/\.ts$/, '.js'));
}

function isSame(from: string, to: string): boolean {
  return existsSync(to) && readFileSync(to).equals(readFileSync(from));
}

function copyIfChanged(from: string, to: string): boolean {
  if (isSame(from, to)) return false;
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  return true;
}

/** Removes files of earlier builds: a node that was deleted must not go on being loaded. */
function sweep(root: string, wanted: ReadonlySet<string>): number {
  const gone = [...CODE, 'flows']
    .flatMap((folder) => filesBelow(root, join('dist', folder)))
    .filter((f) => !wanted.has(f));
  for (const file of gone) rmSync(join(root, file));
  return gone.length;
}

function filesBelow(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}
