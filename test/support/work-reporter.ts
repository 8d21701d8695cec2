import mocha from 'mocha';
import { cpuSeconds } from './cpu-time.ts';

const SHOWN = 6;

/**
 * Mocha's own report, and at its end which files cost the most work: that of this process and of every process which ended while the
 * file ran, s of CPU. What still runs then is counted where it ends.
 */
export default class WorkReporter extends mocha.reporters.Spec {
  constructor(runner: mocha.Runner, options: mocha.MochaOptions) {
    super(runner, options);
    const work = new Map<string, number>();
    let before = 0;
    runner.on('suite', ({ parent, file }) => {
      if (parent?.root && file !== undefined) before = cpuSeconds() ?? 0;
    });
    runner.on('suite end', ({ parent, file }) => {
      if (!parent?.root || file === undefined) return;
      work.set(file, (work.get(file) ?? 0) + (cpuSeconds() ?? 0) - before);
    });
    runner.once('end', () => {
      const costly = [...work].sort(([, one], [, other]) => other - one).slice(0, SHOWN);
      for (const [file, seconds] of costly)
        process.stdout.write(
          `  ${seconds.toFixed(1).padStart(6)} s of CPU  ${file.replace(`${process.cwd()}/`, '')}\n`,
        );
    });
  }
}
