import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { isBlankThere } from '../db/blank-database.ts';
import { silentLog } from '../lib/log.ts';
import { guardNodeVersion } from '../lib/node-version.ts';
import { isConsoleBuilt, makeConsole, viteBundle } from './build-console.ts';
import { type Compile, isBuilt, makeDist } from './dist.ts';

/**
 * `node runtime/cli/build.ts [--if-missing]`: checks types and fills dist/, the console's pages and an empty database included. Does
 * nothing when dist/ was made from the very files that are here. With `--if-missing` a machine without the compiler runs the dist/ it was given.
 */
async function main(args: string[]): Promise<number> {
  const root = resolve(import.meta.dirname, '../..');
  return buildCode(root, args) || buildPages(root, args) || (await buildDatabase(root));
}

function buildCode(root: string, args: string[]): number {
  if (isBuilt(root)) return 0;
  const compiler = typescriptOf(root);
  if (!compiler) {
    if (args.includes('--if-missing') && existsSync(join(root, 'dist/runtime/main.js'))) return 0;
    process.stderr.write('The TypeScript compiler is not installed: run "npm ci" without --omit=dev once.\n');
    return 1;
  }
  const compile: Compile = () => {
    const run = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
    return run.status === 0;
  };
  const started = performance.now();
  const report = makeDist(root, compile);
  if (!report.ok) {
    process.stderr.write('The build found type errors (above).\n');
    return 1;
  }
  process.stdout.write(
    `built dist/ in ${secondsSince(started)} s (${report.copied} files copied, ${report.removed} removed)\n`,
  );
  return 0;
}

function buildPages(root: string, args: string[]): number {
  if (isConsoleBuilt(root)) return 0;
  const bundle = viteBundle(root);
  if (!bundle) {
    if (args.includes('--if-missing') && existsSync(join(root, 'dist/console/index.html'))) return 0;
    process.stderr.write('The bundler of the console is not installed: run "npm ci" without --omit=dev once.\n');
    return 1;
  }
  const started = performance.now();
  if (!makeConsole(root, bundle)) {
    process.stderr.write('The console could not be built (above).\n');
    return 1;
  }
  process.stdout.write(`built dist/console in ${secondsSince(started)} s\n`);
  return 0;
}

async function buildDatabase(root: string): Promise<number> {
  const blanks = join(root, 'dist/database');
  if (isBlankThere(blanks)) return 0;
  const started = performance.now();
  const { makeBlank } = await import('../db/make-blank.ts');
  await makeBlank(blanks, silentLog);
  process.stdout.write(`made dist/database in ${secondsSince(started)} s\n`);
  return 0;
}

function secondsSince(started: number): string {
  return ((performance.now() - started) / 1000).toFixed(1);
}

function typescriptOf(root: string): string | undefined {
  try {
    return createRequire(join(root, 'package.json')).resolve('typescript/bin/tsc');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

if (import.meta.main) {
  guardNodeVersion();
  process.exitCode = await main(process.argv.slice(2));
}
