import { spawn } from 'node:child_process';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { Child } from './child.ts';
import type { CommandHandler } from './commands.ts';

const CHILD_SPEAKS_MS = 90_000;
const LOOK_EVERY_MS = 100;
const MACHINE_TAKES_MS = 5000;

/** Command `restart`: ends the process of the flows; answers when a new one speaks. */
export function restartCommand(child: Pick<Child, 'restart' | 'status'>, clock: Clock): CommandHandler {
  return async (_args, { signal }) => {
    const before = child.status().starts;
    child.restart();
    const end = clock.monotonicMs() + CHILD_SPEAKS_MS;
    for (;;) {
      const { starts, alive } = child.status();
      if (starts > before && alive) return { starts };
      if (clock.monotonicMs() >= end)
        throw new AppError('command.timeout', 'the new process of the flows did not speak within 90 s');
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
  };
}

/** Command `reboot`: starts the machine again once the answer is out. Refused unless the device's own settings allow it. */
export function rebootCommand(allowed: boolean, reboot: () => void): CommandHandler {
  return (_args, { afterwards }) => {
    if (!allowed) throw new AppError('command.forbidden', 'ALLOW_REBOOT is not set on this device');
    afterwards(reboot);
  };
}

/**
 * Asks for what takes root by leaving a file in the folder that edge/machine looks into; answers whether it was taken. An agent that nobody
 * gave such a folder (RUNTIME_DIRECTORY of systemd.exec(5)) has to do things itself.
 */
export async function askMachine(folder: string, what: string, clock: Clock): Promise<boolean> {
  const file = join(folder, `ask-${what}`);
  await writeFile(file, '');
  const end = clock.monotonicMs() + MACHINE_TAKES_MS;
  while (clock.monotonicMs() < end) {
    await clock.sleep(LOOK_EVERY_MS);
    const isThere = await access(file).then(
      () => true,
      () => false,
    );
    if (!isThere) return true;
  }
  return false;
}

/** Has the machine started again: by edge/machine where that is there, else by asking systemd. What is said against it goes to the log. */
export function rebootMachine(log: Log, clock: Clock, folder: string | undefined): () => void {
  return () => {
    log.warn('the machine is started again');
    if (folder !== undefined) {
      askMachine(folder, 'reboot', clock).then(
        (isTaken) => isTaken || log.error('the machine was not started again: redeye-edge-machine.path does not run'),
        (error) => log.error('the machine could not be started again', { error }),
      );
      return;
    }
    const child = spawn('systemctl', ['reboot'], { stdio: 'ignore' });
    child.once('error', (error) => log.error('the machine could not be started again', { error }));
    child.once('exit', (code) => {
      if (code) log.error('the machine was not started again', { code });
    });
  };
}
