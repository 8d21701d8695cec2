import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from '../../../edge/agent/child.ts';
import type { ToAgent } from '../../../edge/ipc.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';
import { noting } from '../spool/support.ts';

const ENTRY = join(import.meta.dirname, 'children', 'obedient.ts');

/** A clock on a machine that may be frozen: time is gone when it wakes, and no timer ran. */
class FreezingClock extends FakeClock {
  #frozen = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.#frozen;
  }

  freeze(ms: number): void {
    this.#frozen += ms;
  }
}

describe('the child of the agent', () => {
  let clock: FreezingClock;
  let lines: Parameters<typeof noting>[0];
  let messages: ToAgent[];
  let child: Child | undefined;
  let pidFile: string;

  /** Starts a child with a habit; only the first one has it when `once` is asked for. */
  const start = async (habit: string, then?: string) => {
    const argv = [habit];
    child = new Child({
      entry: ENTRY,
      argv,
      env: process.env,
      pidFile,
      clock,
      log: noting(lines),
      onMessage: (message) => messages.push(message),
      onStart: () => {
        if (then !== undefined) argv[0] = then;
        child?.send({ type: 'view' });
      },
      onChange: () => undefined,
      random: () => 0.5,
    });
    await child.start();
    return child;
  };
  const pid = () => until('a child', () => child?.status().pid);
  const isThere = (id: number) => {
    try {
      process.kill(id, 0);
      return true;
    } catch {
      return false;
    }
  };
  const ends = () => lines.filter((line) => line.message === 'the flow process ended').map((line) => line.fields);

  beforeEach(async () => {
    clock = new FreezingClock();
    lines = [];
    messages = [];
    pidFile = join(await temporaryFolder('child'), 'child.pid');
  });
  afterEach(async () => {
    const stopped = child?.stop();
    await clock.advance(10_000);
    await stopped;
    child = undefined;
  });

  it('is told how things are when it starts, and is heard', async () => {
    const started = await start('');
    await until('its report', () => messages.some((message) => message.type === 'report' && message.flows === 'view'));
    assert.equal(started.status().starts, 1);
    assert.equal(started.status().alive, true);
    const noted = await until('the pid file', () => readFile(pidFile, 'utf8').catch(() => ''));
    assert.equal(Number(noted), started.status().pid);
  });

  it('brings its output into the log, its own lines with their level', async () => {
    await start('chatty');
    await until('both lines', () => lines.length >= 2);
    assert.deepEqual(lines.slice(0, 2), [
      { level: 'info', message: 'plain words', fields: undefined },
      { level: 'warn', message: 'a line of its own', fields: { part: 'x', n: 1 } },
    ]);
  });

  it('cannot flood the log', async () => {
    await start('flood');
    await until('it was heard', () => lines.length >= 100);
    await until('its report', () => messages.length > 0);
    assert.ok(lines.filter((line) => line.message.startsWith('line ')).length <= 200);
  });

  it('is started again after a crash, later each time', async () => {
    const started = await start('crash');
    for (const [n, wait] of [1000, 2000, 4000].entries()) {
      await until('the end', () => ends().length === n + 1);
      const { how, retry_ms } = ends()[n] ?? {};
      assert.deepEqual([how, retry_ms], ['with exit code 3', wait]);
      assert.equal(started.status().alive, false);
      await clock.advance(wait - 1);
      assert.equal(started.status().starts, n + 1);
      await clock.advance(1);
      await until('the next', () => started.status().starts === n + 2);
    }
  });

  it('starts from the shortest wait again after a minute in good health', async () => {
    const started = await start('crash', 'crash');
    await until('the first end', () => ends().length === 1);
    await started.stop();
    lines.length = 0;
    const healthy = await start('');
    for (let round = 0; round < 2; round += 1) {
      await until('alive', () => healthy.status().alive);
      for (let s = 0; s < 70; s += 10) {
        const count = messages.length;
        healthy.send({ type: 'view' });
        await until('its answer', () => messages.length > count);
        await clock.advance(10_000);
      }
      process.kill(await pid(), 'SIGKILL');
      await until('its end', () => ends().length === round + 1);
      assert.equal(ends()[round]?.retry_ms, 1000);
      await clock.advance(1000);
    }
  });

  it('is killed when it is silent for 30 s, and another takes its place', async () => {
    const started = await start('loop', '');
    await until('it spoke', () => started.status().alive);
    const first = await pid();
    // A word that was on its way when time began to run counts anew, once.
    for (let s = 0; s < 70 && ends().length === 0; s += 1) {
      await clock.advance(1000);
      await until('a turn', () => true);
    }
    await until('its end', () => ends().length === 1);
    assert.equal(ends()[0]?.how, 'silent for 30 s: killed');
    assert.equal(isThere(first), false);
    await clock.advance(1000);
    await until('the next speaks', () => started.status().starts === 2 && started.status().alive);
  });

  it('is not killed for the silence of a machine that slept', async () => {
    const started = await start('');
    await until('alive', () => started.status().alive);
    clock.freeze(3_600_000);
    await clock.advance(5000);
    assert.equal(ends().length, 0);
    assert.equal(started.status().starts, 1);
  });

  it('may say what it likes', async () => {
    const started = await start('strange');
    await until('its report', () => messages.length > 0);
    assert.deepEqual(
      messages.map((message) => message.type),
      ['report'],
    );
    assert.equal(lines.filter((line) => line.message.includes('none of ours')).length, 1);
    assert.equal(started.status().alive, true);
  });

  it('ends when asked to, and is killed after 10 s when it does not', async () => {
    const polite = await start('');
    await until('alive', () => polite.status().alive);
    await polite.stop();
    await polite.stop();
    const deaf = await start('deaf');
    await until('alive', () => deaf.status().alive);
    const id = await pid();
    const stopped = deaf.stop();
    await clock.advance(9000);
    assert.equal(isThere(id), true);
    await clock.advance(1000);
    await stopped;
    assert.equal(isThere(id), false);
  });

  it('finds one that a killed agent left behind, and leaves a stranger with its pid alone', async () => {
    const orphan = fork(ENTRY, ['deaf'], { stdio: 'ignore' });
    await once(orphan, 'message');
    await writeFile(pidFile, `${orphan.pid}\n`);
    const gone = once(orphan, 'exit');
    await start('');
    assert.equal((await gone)[1], 'SIGKILL');
    await child?.stop();
    await writeFile(pidFile, `${process.pid}\n`);
    await start('');
    await until('alive', () => child?.status().alive);
  });
});
