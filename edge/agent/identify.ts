import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { CommandHandler } from './commands.ts';

/** The lamp for activity on a Raspberry Pi, by its new and its old name. */
const LAMPS = ['ACT', 'led0'];

/** Command `identify`: blinks the board's lamp; answers whether one could be had (it needs the right to write below `folder`). */
export function identifyCommand(parts: { clock: Clock; log: Log; folder?: string }): CommandHandler {
  const { clock, log, folder = '/sys/class/leds' } = parts;
  return async ({ seconds }, { signal }) => {
    log.warn('here I am: somebody asked this device to identify itself', { seconds });
    const lamp = await blinking(folder);
    if (!lamp) return { lamp: false };
    try {
      await clock.sleep(Number(seconds) * 1000, signal);
    } finally {
      await writeFile(lamp.file, lamp.before).catch((error) => log.warn('the lamp goes on blinking', { error }));
    }
    return { lamp: true };
  };
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
