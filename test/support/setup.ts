import { writeFileSync } from 'node:fs';
import type { Context, Suite } from 'mocha';
import { guardNodeVersion } from '../../runtime/lib/node-version.ts';
import { cpuSeconds } from './cpu-time.ts';

guardNodeVersion();

// What tests cost is their work: the time they take is as much that of whatever else runs here.
process.on('exit', () => {
  const seconds = cpuSeconds();
  if (seconds !== undefined) process.stdout.write(`  ${seconds.toFixed(1)} s of CPU\n`);
});

export const mochaHooks = {
  /** Tells `test/run.ts` which files have a test that did not pass, also one that a failed hook kept from running. */
  afterAll(this: Context) {
    const file = process.env.TEST_FAILED_FILES;
    let root: Suite | undefined = this.test?.parent;
    while (root?.parent) root = root.parent;
    if (!file || !root) return;
    const failed = new Set<string>();
    root.eachTest((test) => {
      if (test.state !== 'passed' && !test.pending && test.file) failed.add(test.file);
    });
    writeFileSync(file, JSON.stringify([...failed]));
  },
};
