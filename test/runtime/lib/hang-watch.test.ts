import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const MODULE = new URL('../../../runtime/lib/hang-watch.ts', import.meta.url).href;

describe('the hang watch', () => {
  let child: ChildProcess | undefined;

  afterEach(() => {
    child?.kill('SIGKILL');
  });

  /** Runs a program that has `watch` at hand, and answers how it ended and what it said. */
  const ended = async (program: string) => {
    const head = `import { createHangWatch } from '${MODULE}'; const watch = createHangWatch({ limitMs: 600 }); await watch.start();`;
    child = spawn(process.execPath, ['--input-type=module', '--eval', `${head}\n${program}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = child;
    if (!stdout || !stderr) throw new Error('the child has no pipes');
    const [[code, signal], out, errors] = await Promise.all([once(child, 'exit'), text(stdout), text(stderr)]);
    return { end: signal ?? code, out, errors };
  };

  it('ends a process whose flow loops without end, and says why', async () => {
    const { end, errors } = await ended('for (;;);');
    assert.equal(end, 'SIGKILL');
    assert.match(errors, /nothing moves in this process for 0\.6 s/);
  });

  it('lets one live that is busy and breathes in between, and keeps none alive', async () => {
    const { end, out } = await ended(`
      const busy = (until) => { while (performance.now() < until); };
      for (let n = 0; n < 15; n += 1) { busy(performance.now() + 100); await new Promise((r) => setTimeout(r, 25)); }
      console.log('lived');
    `);
    assert.deepEqual([end, out.trim()], [0, 'lived']);
  });

  it('watches no longer once it is stopped, and may be stopped twice', async () => {
    const { end } = await ended(`
      await watch.stop(); await watch.stop();
      const begin = performance.now(); while (performance.now() < begin + 1500);
    `);
    assert.equal(end, 0);
  });
});
