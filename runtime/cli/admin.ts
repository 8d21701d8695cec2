import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { productVersion } from '../../edge/version.ts';
import { readSettings } from '../../settings.ts';
import { AppError } from '../contracts/errors.ts';
import { systemClock } from '../lib/clock.ts';
import { ensureFolder } from '../lib/files.ts';
import { silentLog } from '../lib/log.ts';
import { guardNodeVersion } from '../lib/node-version.ts';
import { type Command, readCommand, USAGE, UsageError } from './admin/arguments.ts';
import { writeNewFile } from './admin/backup-file.ts';
import { type RunningServer, runningServer } from './admin/client.ts';
import { describeStatus } from './admin/protocol.ts';
import { restoreFrom } from './admin/restore.ts';
import { type StoppedParts, statusWithoutDatabase, whileStopped, withStoppedData } from './admin/stopped.ts';
import { unpackBackup } from './admin/unpack.ts';
import type { AdminWork } from './admin/work.ts';

guardNodeVersion();

/** A server ends within 15 s, or is stuck. */
const END_WITHIN_MS = 60_000;
const LOOK_MS = 50;

const write = (text: string) => process.stdout.write(text);

/** `npm run admin`: asks the server when one runs on DATA_DIR, else works on the data itself. */
async function main(args: string[]): Promise<void> {
  // Whatever ends this before its end has not done what was asked.
  process.exitCode = 1;
  const command = readCommand(args);
  const settings = readSettings(process.env);
  const parts: StoppedParts = { settings, version: productVersion(), clock: systemClock, log: silentLog };
  if (command.name === 'restore') {
    await restore(command, parts);
    process.exitCode = 0;
    return;
  }
  const running = await runningServer(settings.DATA_DIR);
  if (running) await run(command, running);
  else await whileStopped(parts, () => onStoppedData(command, parts));
  process.exitCode = 0;
}

async function onStoppedData(command: Exclude<Command, { name: 'restore' }>, parts: StoppedParts): Promise<void> {
  try {
    await withStoppedData(parts, (work) => run(command, work));
  } catch (error) {
    const isOfDatabase = error instanceof AppError && error.code.startsWith('db.');
    if (command.name !== 'status' || !isOfDatabase) throw error;
    const status = await statusWithoutDatabase(parts, error.message);
    write(command.json ? `${JSON.stringify(status)}\n` : describeStatus(status));
  }
}

async function run(command: Exclude<Command, { name: 'restore' }>, work: AdminWork): Promise<void> {
  if (command.name === 'status') {
    const status = await work.status();
    write(command.json ? `${JSON.stringify(status)}\n` : describeStatus(status));
  } else if (command.name === 'reset-password') {
    const { user, password } = await work.resetPassword(command.user);
    write(`New password of ${user}: ${password}   (shown this once; it has to be changed at the next login)\n`);
  } else {
    const path = pathOf(command.file);
    const done = { flows: 0, images: 0 };
    const bytes = await writeNewFile(path, async (out) => {
      Object.assign(done, await work.backup(out, { images: command.images }));
    });
    const images = command.images ? `, ${done.images} pictures of events` : '';
    write(`${path}: ${(bytes / 1e6).toFixed(1)} MB; database, secrets, ${done.flows} flow files${images}\n`);
    write('It opens everything that this server keeps secret: store it as you would store a password.\n');
  }
}

async function restore({ file }: { file: string }, parts: StoppedParts): Promise<void> {
  const { DATA_DIR: dataDir, FLOWS_DIR: flowsDir, DATABASE_URL: databaseUrl } = parts.settings;
  const { clock, log } = parts;
  await ensureFolder(dataDir, 0o700);
  let hasEnded = false;
  const end = async (running: RunningServer) => {
    // Nobody is taken off the air for a file that cannot be restored.
    if (!hasEnded) await lookAt(pathOf(file), dataDir);
    hasEnded = true;
    await running.end();
  };
  const { version, madeAt, flows, images, setAside } = await withoutServer(parts, end, () =>
    restoreFrom(pathOf(file), { dataDir, flowsDir, databaseUrl, clock, log }),
  );
  write(`Restored the backup of ${madeAt} (version ${version}): database, secrets, ${flows} flow files`);
  write(images > 0 ? `, ${images} pictures of events\n` : '\n');
  for (const place of setAside) write(`What was there before is in ${place}\n`);
  const start = hasEnded
    ? 'The server was stopped for it: start it again, unless systemd or the like does.'
    : 'Start the server.';
  write(`${start} Frames that came after the backup and are still on the disk are read in again.\n`);
}

/** Lays a backup out and takes it away again; throws what is wrong with it. */
async function lookAt(file: string, dataDir: string): Promise<void> {
  const { folder } = await unpackBackup(file, join(dataDir, 'restoring'));
  await rm(folder, { recursive: true, force: true });
}

/** Has the server end that runs on the data, also one that was started again meanwhile, and works as soon as the data are free. */
async function withoutServer<T>(
  parts: StoppedParts,
  end: (running: RunningServer) => Promise<void>,
  work: () => Promise<T>,
): Promise<T> {
  const { clock, settings } = parts;
  const lastMs = clock.monotonicMs() + END_WITHIN_MS;
  let hasAsked = false;
  for (;;) {
    const running = await runningServer(settings.DATA_DIR);
    if (running) {
      await end(running);
      hasAsked = true;
    }
    try {
      return await whileStopped(parts, work);
    } catch (error) {
      const isLocked = error instanceof AppError && error.code === 'data_dir.locked';
      if (!isLocked || !hasAsked || clock.monotonicMs() > lastMs) throw error;
    }
    await new Promise<void>((resolve) => clock.after(LOOK_MS, () => resolve()));
  }
}

/** npm runs its scripts in the product's folder; a file's name is meant from where the person is. */
function pathOf(file: string): string {
  return resolve(process.env.INIT_CWD ?? process.cwd(), file);
}

main(process.argv.slice(2)).catch((error) => {
  if (error instanceof UsageError) {
    process.stderr.write(`redeye admin: ${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  const text = error instanceof AppError ? error.message : String((error as Error).stack ?? error);
  process.stderr.write(`redeye admin: ${text}\n`);
  process.exitCode = 1;
});
