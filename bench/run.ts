import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * `npm run bench` runs all benchmarks, `npm run bench -- detect` the named ones; each is a process of its own, which gets what begins with
 * the first option, as `npm run bench -- media --only whep,hls`.
 */
const ALL = ['ingest', 'detect', 'media', 'push', 'api', 'fleet', 'start'];
const given = process.argv.slice(2);
const firstOption = given.findIndex((word) => word.startsWith('-'));
const named = firstOption < 0 ? given : given.slice(0, firstOption);
const options = firstOption < 0 ? [] : given.slice(firstOption);
const unknown = named.filter((name) => !ALL.includes(name));
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(', ')}; there are ${ALL.join(', ')}`);
  process.exit(2);
}
let failed = false;
for (const name of named.length > 0 ? named : ALL) {
  console.log(`\n# ${name}\n`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`), ...options], {
    stdio: 'inherit',
  });
  failed ||= status !== 0;
}
process.exit(failed ? 1 : 0);
