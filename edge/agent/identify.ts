import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { CommandHandler } from './commands.ts';
import { askMachine } from './power.ts';

/** The lamp for activity on a Raspberry Pi, by its new and its old name. */
const LAMPS = ['ACT', 'led0'];

/**
 * Command `identify`: blinks the board's lamp; answers whether one could be had. Without the right to write below `folder`, edge/machine is
 * asked to, by its folder `machine`.
 */
export function identifyCommand(parts: {
  clock: Clock;
  log: Log;
  folder?: string;
  machine?: string | undefined;
}): CommandHandler {
  const { clock, log, folder = '/sys/class/leds', machine } = parts;
  return async ({ seconds }, { signal }) => {
    log.warn('here I am: somebody asked this device to identify itself', { seconds });
    const lamp = await blinking(folder);
    if (!lamp) {
      const isThere = machine !== undefined && hasLamp(folder);
      if (!isThere || !(await askMachine(machine, `blink-${Math.round(Number(seconds))}`, clock)))
        return { lamp: false };
      await clock.sleep(Number(seconds) * 1000, signal);
      return { lamp: true };
    }
    try {
      await clock.sleep(Number(seconds) * 1000, signal);
    } finally {
      await writeFile(lamp.file, lamp.before).catch((error) => log.warn('the lamp goes on blinking', { error }));
    }
    return { lamp: true };
  };
}

function hasLamp(folder: string): boolean {
  return LAMPS.some((name) => existsSync(join(folder, name, 'trigger')));
}

/** Has the first lamp that can be written to blink; answers what it did before. */
async function blinking(folder: string): Promise<{ file: string; before: string } | undefined> {
  for (const name of LAMPS) {
    const file = join(folder, name, 'trigger');
    try {
      // The kernel lists all triggers there and puts the one in force into brackets.
      const before = /\[(.+?)\]/.exec(await readFile(file, 'utf8'))?.[1] ?? 'none';
      await writeFile(file, 'timer');
      return { file, before };
    } catch {
      // Not this one: the next may be there.
    }
  }
  return undefined;
}
