import { guardNodeVersion } from '../../runtime/lib/node-version.ts';
import { cpuSeconds } from './cpu-time.ts';

guardNodeVersion();

// What tests cost is their work: the time they take is as much that of whatever else runs here.
process.on('exit', () => {
  const seconds = cpuSeconds();
  if (seconds !== undefined) process.stdout.write(`  ${seconds.toFixed(1)} s of CPU\n`);
});
