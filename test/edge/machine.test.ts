import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { identifyCommand } from '../../edge/agent/identify.ts';
import { askMachine, rebootMachine } from '../../edge/agent/power.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/folders.ts';
import { until } from '../support/until.ts';

const SCRIPT = resolve(import.meta.dirname, '../../edge/machine');

describe('edge/machine', () => {
  let folder: string;
  let asked: string;
  let leds: string;
  const ask = (...names: string[]) => Promise.all(names.map((name) => writeFile(join(asked, name), '')));
  /** Runs it as its unit does, with a systemctl that writes down what it is told. */
  const run = async (env: Record<string, string> = {}) => {
    const { status } = spawnSync('sh', [SCRIPT, asked], {
      env: { PATH: `${folder}:/usr/bin:/bin`, LEDS: leds, ...env },
      encoding: 'utf8',
    });
    const told = await readFile(join(folder, 'told'), 'utf8').catch(() => '');
    return { status, told, left: await readdir(asked) };
  };

  beforeEach(async () => {
    folder = await temporaryFolder('machine');
    [asked, leds] = [join(folder, 'asked'), join(folder, 'leds')];
    await mkdir(asked);
    await mkdir(join(leds, 'ACT'), { recursive: true });
    await writeFile(join(leds, 'ACT', 'trigger'), 'none [mmc0] timer\n');
    await writeFile(join(folder, 'systemctl'), `#!/bin/sh\necho "$@" >>${folder}/told\n`, { mode: 0o755 });
  });

  it('starts the machine again where root allowed it, and not otherwise; a wish is gone in both cases', async () => {
    await ask('ask-reboot');
    assert.deepEqual(await run(), { status: 0, told: '', left: [] });
    await ask('ask-reboot');
    assert.deepEqual(await run({ ALLOW_REBOOT: '1' }), { status: 0, told: 'reboot\n', left: [] });
  });

  it('blinks the lamp and leaves it as it was; names that it does not know, and links, do nothing', async () => {
    await writeFile(join(folder, 'kept'), 'whole');
    await symlink(join(folder, 'kept'), join(asked, 'ask-link'));
    await ask('ask-blink-0', 'ask-blink-9999', 'ask-blink-1x', 'ask-$(reboot)', 'ask-re boot', 'other');
    assert.deepEqual(await run({ ALLOW_REBOOT: '1' }), { status: 0, told: '', left: ['other'] });
    assert.equal(await readFile(join(leds, 'ACT', 'trigger'), 'utf8'), 'mmc0\n');
    assert.equal(await readFile(join(folder, 'kept'), 'utf8'), 'whole');
  });

  it('is asked by an agent that may not do it itself, which learns whether it was heard', async () => {
    const heard = askMachine(asked, 'reboot', systemClock);
    await until('the wish', async () => (await readdir(asked)).includes('ask-reboot'));
    await run();
    assert.equal(await heard, true);
    const clock = new FakeClock();
    let isHeard: boolean | undefined;
    askMachine(asked, 'reboot', clock).then((is) => (isHeard = is));
    await until('nobody hears', async () => {
      await clock.advance(1000);
      return isHeard === false;
    });
    rebootMachine(silentLog, new FakeClock(), asked)();
    await until('the wish of a reboot', async () => (await readdir(asked)).includes('ask-reboot'));
  });

  it('has the lamp blink for the command identify where only root may write to it', async () => {
    const run_ = { id: 'c', name: 'identify', progress: () => undefined, afterwards: () => undefined };
    const { signal } = new AbortController();
    // A folder in place of the file: nobody can write to it.
    const closed = join(folder, 'closed');
    await mkdir(join(closed, 'ACT', 'trigger'), { recursive: true });
    const identify = identifyCommand({ clock: systemClock, log: silentLog, folder: closed, machine: asked });
    const done = identify({ seconds: 0 }, { ...run_, signal });
    await until('the wish', async () => (await readdir(asked)).includes('ask-blink-0'));
    await run();
    assert.deepEqual(await done, { lamp: true });
    const nowhere = identifyCommand({
      clock: systemClock,
      log: silentLog,
      folder: join(folder, 'none'),
      machine: asked,
    });
    assert.deepEqual(await nowhere({ seconds: 0 }, { ...run_, signal }), { lamp: false });
  });
});
