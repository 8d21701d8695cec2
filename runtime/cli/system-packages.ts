import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { guardNodeVersion } from '../lib/node-version.ts';

/** Debian packages that are there when one of these commands is, wherever it came from. */
const COMMANDS: Record<string, string[]> = {
  ffmpeg: ['ffmpeg'],
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
};

/** What this machine says about itself: replaced in tests. */
export interface Machine {
  hasCommand(name: string): boolean;
  hasPackage(name: string): boolean;
  /** may packages be installed here without asking anybody: root, and apt-get is there */
  mayInstall(): boolean;
  /** installs by apt; false when it failed */
  install(packages: string[]): boolean;
}

export type Outcome = { state: 'complete' | 'installed' } | { state: 'missing'; packages: string[]; advice: string };

/** Finds which packages are missing and installs them where that may be done, else answers one line that names the command to type. */
export function ensurePackages(wanted: string[], machine: Machine): Outcome {
  const lacking = () => wanted.filter((name) => !isThere(name, machine));
  const packages = lacking();
  if (packages.length === 0) return { state: 'complete' };
  if (machine.mayInstall() && machine.install(packages) && lacking().length === 0) return { state: 'installed' };
  const command = `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const advice = `${packages.join(', ')} not installed; on Debian, Ubuntu or Raspberry Pi OS: ${command}`;
  return { state: 'missing', packages, advice };
}

/** Names of packages out of a file: one a line, `#` starts a comment. */
export function parsePackageList(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  return lines.filter((line) => line !== '');
}

function isThere(name: string, machine: Machine): boolean {
  const commands = COMMANDS[name];
  return commands ? commands.some((command) => machine.hasCommand(command)) : machine.hasPackage(name);
}

const thisMachine: Machine = {
  hasCommand: (name) =>
    (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && isExecutable(join(folder, name))),
  hasPackage(name) {
    const query = spawnSync('dpkg-query', ['-W', '-f', `\${db:Status-Status}`, name], { encoding: 'utf8' });
    return query.status === 0 && query.stdout === 'installed';
  },
  mayInstall: () => process.getuid?.() === 0 && thisMachine.hasCommand('apt-get'),
  install(packages) {
    process.stdout.write(`installing ${packages.join(', ')} by apt\n`);
    return apt(['update']) && apt(['install', '-y', '--no-install-recommends', ...packages]);
  },
};

// Nobody sits at an `npm start` of a fresh machine to answer questions; what apt says is shown only when it fails.
function apt(args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = spawnSync('apt-get', ['-q', ...args], { env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (run.status !== 0) process.stderr.write(`${run.stderr || run.error?.message || ''}\n`);
  return run.status === 0;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `node runtime/cli/system-packages.ts ffmpeg` goes on without; `--file test/packages.txt` stops with 1 when something is missing. */
function main(args: string[]): number {
  const fileAt = args.indexOf('--file');
  const file = fileAt >= 0 ? args[fileAt + 1] : undefined;
  if (fileAt >= 0 && !file) {
    process.stderr.write('--file needs the name of a file with one package a line\n');
    return 1;
  }
  const outcome = ensurePackages(file ? parsePackageList(readFileSync(file, 'utf8')) : args, thisMachine);
  if (outcome.state !== 'missing') return 0;
  process.stderr.write(`${outcome.advice}\n`);
  return file ? 1 : 0;
}

if (import.meta.main) {
  guardNodeVersion();
  process.exitCode = main(process.argv.slice(2));
}
