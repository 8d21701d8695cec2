import { type ChildProcess, spawn } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { guardNodeVersion } from '../runtime/lib/node-version.ts';
import { cpuSeconds } from './support/cpu-time.ts';
import { scratchInMemory } from './support/scratch.ts';

guardNodeVersion();

const ROOT = resolve(import.meta.dirname, '..');
const MOCHA = join(ROOT, 'node_modules/mocha/bin/mocha.js');
/** Never more: with three at once on two cores the suite took a tenth less time, and a player in a browser stalled for want of CPU. */
const AT_ONCE = Math.min(2, availableParallelism());
/** Groups that wait for cameras, encoders and timers two thirds of their time: two of them count as one. */
const WAITING = new Set(['cameras and pushes', 'viewers']);
/** Groups whose claims are about what a disk keeps: their folders lie on one. All others' lie in memory where there is enough. */
const ON_DISK = new Set(['stages', 'everything']);
/** With more failed files than this it is no longer a busy machine, and none is played again. */
const AGAIN_AT_MOST = 10;

/**
 * The suite in groups, in the order in which they begin; a file belongs to the first group whose words its path begins with, and the
 * last one takes what no other does. Long ones come early, and those that start whole servers and browsers stand apart from each
 * other, so that two of them seldom run at once.
 */
const GROUPS: Record<string, readonly string[]> = {
  'cameras and pushes': [
    'test/runtime/media/camera',
    'test/runtime/media/drivers/',
    'test/runtime/media/push/',
    'test/runtime/media/stream/',
    'test/runtime/media/whip/',
    'test/runtime/publish/',
  ],
  viewers: ['test/runtime/media/', 'test/runtime/http/live/', 'test/runtime/console/'],
  'databases and commands': ['test/runtime/db/', 'test/runtime/cli/'],
  'browsers and strangers': ['test/e2e/console', 'test/e2e/editor', 'test/e2e/hostile', 'test/e2e/retention'],
  'live, end to end': [
    'test/e2e/live',
    'test/e2e/server-cameras',
    'test/e2e/capture',
    'test/e2e/streams',
    'test/e2e/people',
  ],
  'whole chains': ['test/e2e/'],
  stages: ['test/runtime/e', 'test/runtime/f', 'test/runtime/j', 'test/runtime/r'],
  'the rest of the server': ['test/runtime/'],
  everything: [''],
};

const running = new Set<ChildProcess>();
const scratch = scratchInMemory();
process.on('exit', () => scratch?.remove());

interface Ended {
  name: string;
  ok: boolean;
  seconds: number;
  printed: Buffer;
  /** Files with a test that did not pass; empty, too, when the process ended before it could say so. */
  failedFiles: string[];
  /** It failed beside others, and each of its files passed alone. */
  atSecondGo?: boolean;
}

/**
 * `node test/run.ts [mocha's options]`: all tests, two groups at a time (one on a single core; three where two mostly wait), each a
 * mocha of its own. What one prints comes whole, that of a failed one last. Files that failed beside others are then played once
 * more, each alone on the machine; one that passes then is named as such, one that fails twice fails the run (decision 0049).
 */
async function main(options: string[]): Promise<number> {
  const groups = grouped(globSync('test/**/*.test.ts', { cwd: ROOT }).sort());
  const { preparePglite } = await import('./support/pglite-image.ts');
  await preparePglite();
  // The terminal tells everyone of Ctrl-C by itself; of SIGTERM only this process hears. Nothing more begins either way.
  let stopped = false;
  process.on('SIGINT', () => {
    stopped = true;
    groups.splice(0);
  });
  process.on('SIGTERM', () => {
    stopped = true;
    groups.splice(0);
    for (const child of running) child.kill('SIGTERM');
  });
  const ended: Ended[] = [];
  await playAll(groups, async (group) => void ended.push(await play(group, options)));
  const failed = ended.filter(({ ok }) => !ok);
  for (const group of failed) show(group);
  if (!stopped) ended.push(...(await playAgain(failed, options)));
  say('');
  for (const { name, ok, seconds, printed, atSecondGo } of ended) {
    const [work = ''] = /[\d.]+ s of CPU(?=\s*$)/.exec(printed.toString('utf8')) ?? [];
    const result = ok ? 'passed' : 'FAILED';
    say(`  ${result}  ${name} (${seconds} s${work && `, ${work}`})${atSecondGo ? ', at the second go' : ''}`);
  }
  say(`  in all ${Math.round(performance.now() / 1000)} s, ${Math.round(cpuSeconds() ?? 0)} s of CPU`);
  return ended.every(({ ok }) => ok) ? 0 : 1;
}

/** Plays the groups in their order, as many at a time as there is room for. Resolves when none is left, and the last has ended. */
async function playAll(groups: Group[], playOne: (group: Group) => Promise<void>): Promise<void> {
  const playing = new Set<Promise<void>>();
  let room = AT_ONCE;
  while (groups.length > 0 || playing.size > 0) {
    for (let next = groups[0]; next && room >= shareOf(next); next = groups[0]) {
      const group = next;
      groups.shift();
      room -= shareOf(group);
      const played = playOne(group).finally(() => {
        room += shareOf(group);
        playing.delete(played);
      });
      playing.add(played);
    }
    await Promise.race(playing);
  }
}

function shareOf({ name }: Group): number {
  return WAITING.has(name) ? 0.5 : 1;
}

/** Plays the files that failed beside others alone, one after the other; a group all of whose files pass then is taken as passed. */
async function playAgain(failed: Ended[], options: string[]): Promise<Ended[]> {
  const files = failed.flatMap(({ failedFiles }) => failedFiles);
  if (files.length === 0 || files.length > AGAIN_AT_MOST) return [];
  const again: Ended[] = [];
  for (const file of files) {
    const group = failed.find(({ failedFiles }) => failedFiles.includes(file));
    const alone = { name: `${file}, alone after it failed beside others`, files: [file], group: group?.name };
    const ended = await play(alone, options);
    if (!ended.ok) show(ended);
    again.push(ended);
    if (!group || !ended.ok) continue;
    group.failedFiles = group.failedFiles.filter((one) => one !== file);
    group.ok = group.failedFiles.length === 0;
    group.atSecondGo = group.ok;
  }
  return again;
}

interface Group {
  name: string;
  files: string[];
  /** the group it was taken out of */
  group?: string;
}

function grouped(files: string[]): Group[] {
  const groups = Object.keys(GROUPS).map((name): Group => ({ name, files: [] }));
  for (const file of files) {
    const at = Object.values(GROUPS).findIndex((words) => words.some((word) => file.startsWith(word)));
    groups[at]?.files.push(file);
  }
  return groups.filter((group) => group.files.length > 0);
}

async function play({ name, files, group = name }: Group, options: string[]): Promise<Ended> {
  say(`  begins  ${name} (${files.length} files)`);
  const began = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'redeye-suite-'));
  const told = join(folder, 'failed.json');
  const child = spawn(
    process.execPath,
    [MOCHA, '--reporter', './test/support/work-reporter.ts', ...options, ...files],
    {
      cwd: ROOT,
      env: {
        ...process.env,
        NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/redeye/compiled'),
        TEST_FAILED_FILES: told,
        ...(scratch && !ON_DISK.has(group) && { TMPDIR: scratch.folder }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  running.add(child);
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => printed.push(bytes));
  const ok = await new Promise<boolean>((settle) => {
    child.once('error', () => settle(false));
    child.once('close', (code) => settle(code === 0));
  });
  running.delete(child);
  const seconds = Math.round((performance.now() - began) / 1000);
  const ended = { name, ok, seconds, printed: Buffer.concat(printed), failedFiles: ok ? [] : failedFilesOf(told) };
  rmSync(folder, { recursive: true, force: true });
  if (ok) show(ended);
  else say(`  FAILED  ${name}: what it printed comes last`);
  return ended;
}

function failedFilesOf(told: string): string[] {
  try {
    return (JSON.parse(readFileSync(told, 'utf8')) as string[]).map((file) => relative(ROOT, file));
  } catch {
    // It ended before it could tell: then it is not known what to play again, and the group stays failed.
    return [];
  }
}

function show({ name, printed }: Ended): void {
  say(`\n══ ${name}`);
  process.stdout.write(printed);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main(process.argv.slice(2));
