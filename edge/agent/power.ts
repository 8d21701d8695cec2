import { spawn } from 'node:child_process';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { Child } from './child.ts';
import type { CommandHandler } from './commands.ts';

const CHILD_SPEAKS_MS = 90_000;
const LOOK_EVERY_MS = 100;

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

/** Asks systemd for a reboot; what it says against it goes to the log. */
export function rebootMachine(log: Log): () => void {
  return () => {
    log.warn('the machine is started again');
    const child = spawn('systemctl', ['reboot'], { stdio: 'ignore' });
    child.once('error', (error) => log.error('the machine could not be started again', { error }));
    child.once('exit', (code) => {
      if (code) log.error('the machine was not started again', { code });
    });
  };
}
