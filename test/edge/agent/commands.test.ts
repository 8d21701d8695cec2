import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandLedger } from '../../../edge/agent/command-ledger.ts';
import { type CommandHandler, Commands } from '../../../edge/agent/commands.ts';
import { LogTail, logsCommand } from '../../../edge/agent/log-tail.ts';
import { rebootCommand } from '../../../edge/agent/power.ts';
import { ServerTime } from '../../../edge/agent/server-time.ts';
import type { CommandAnswer } from '../../../runtime/contracts/commands.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';

describe('commands at the device', () => {
  let clock: FakeClock;
  let time: ServerTime;
  let folder: string;
  let answers: (CommandAnswer & { to: string })[];
  let ran: unknown[];
  let open: Commands[];

  const file = () => join(folder, 'commands.json');
  const make = async (handlers: Record<string, CommandHandler> = {}) => {
    const commands = new Commands({
      ledger: new CommandLedger(file()),
      time,
      clock,
      log: silentLog,
      answer: async (to, body) => void answers.push({ to, ...body }),
    });
    commands.on('dance', (args, { name }) => {
      ran.push([name, args]);
      return { danced: ran.length };
    });
    for (const [name, handle] of Object.entries(handlers)) commands.on(name, handle);
    await commands.start();
    open.push(commands);
    return commands;
  };
  const command = (n: number, more: object = {}) => ({
    v: 1,
    ts: clock.now(),
    id: `c${n}`,
    reply_to: 'server',
    counter: n,
    issued_at: clock.now(),
    expires_at: clock.now() + 30_000,
    args: {},
    ...more,
  });
  const last = (id: string) =>
    answers.filter((answer) => answer.id === id && answer.status !== 'accepted' && answer.status !== 'progress').at(-1);
  const ended = (id: string) => until(`the end of ${id}`, () => last(id));

  beforeEach(async () => {
    clock = new FakeClock();
    time = new ServerTime(clock);
    time.hear(new Date(clock.now()).toUTCString());
    folder = await temporaryFolder('commands');
    answers = [];
    ran = [];
    open = [];
  });
  afterEach(async () => {
    for (const commands of open) await commands.stop();
  });

  it('are accepted, run and answered, to whoever asked', async () => {
    const commands = await make();
    commands.hear('dance', command(1, { args: { fast: true }, reply_to: 'node-7', unknown: 1 }));
    assert.deepEqual(await ended('c1'), { to: 'node-7', id: 'c1', status: 'ok', data: { danced: 1 } });
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['accepted', 'ok'],
    );
    assert.deepEqual(ran, [['dance', { fast: true }]]);
  });

  it('never run twice: what comes again is answered again, also after a restart of the agent', async () => {
    const first = await make();
    first.hear('dance', command(1));
    await ended('c1');
    first.hear('dance', command(1));
    await until('the second answer', () => answers.filter(({ status }) => status === 'ok').length === 2);
    await first.stop();
    answers = [];
    (await make()).hear('dance', command(1));
    assert.deepEqual((await ended('c1'))?.data, { danced: 1 });
    assert.equal(ran.length, 1);
  });

  it('with a counter that is not above the highest are replays, also after a restart', async () => {
    const first = await make();
    first.hear('dance', command(5));
    await ended('c5');
    await first.stop();
    const second = await make();
    for (const n of [4, 5]) second.hear('dance', command(n, { id: `replay${n}` }));
    assert.equal((await ended('replay4'))?.code, 'command.replayed');
    assert.equal((await ended('replay5'))?.code, 'command.replayed');
    assert.equal(ran.length, 1);
  });

  it('that are late do not run: the time of the server counts, not the clock of the device', async () => {
    const commands = await make();
    const late = command(1);
    const good = command(2, { expires_at: clock.now() + 60_000 });
    clock.jump(-10 * 365 * 86_400_000);
    await clock.advance(31_000);
    commands.hear('dance', late);
    assert.equal((await ended('c1'))?.code, 'command.expired');
    clock.jump(30 * 365 * 86_400_000);
    commands.hear('dance', good);
    assert.equal((await ended('c2'))?.status, 'ok');
  });

  it('are judged by their own time of sending while the server has not been heard and the clock stands in 1970', async () => {
    const server = clock.now();
    clock.jump(-server);
    time = new ServerTime(clock);
    const commands = await make();
    commands.hear('dance', command(1, { ts: server, issued_at: server - 60_000, expires_at: server - 30_000 }));
    assert.equal((await ended('c1'))?.code, 'command.expired');
  });

  it('that no handler knows, that have wrong arguments, or that are none at all, are refused or ignored', async () => {
    const commands = await make({ identify: () => ran.push('identify') });
    commands.hear('fly', command(1));
    commands.hear('identify', command(2, { args: { seconds: 1000 } }));
    commands.hear('dance', { id: 'c3', counter: 3 });
    commands.hear('dance', command(4, { reply_to: '../#' }));
    commands.hear('dance', command(5, { counter: 'many' }));
    commands.hear('identify', command(6, { args: { seconds: 3, newer: 1 } }));
    await ended('c6');
    const codes = answers.filter(({ status }) => status === 'error').map(({ id, code }) => [id, code]);
    assert.deepEqual(codes, [
      ['c1', 'command.unknown'],
      ['c2', 'request.invalid'],
    ]);
    assert.deepEqual(ran, ['identify']);
  });

  it('that a kill cut are reported as interrupted and not run again', async () => {
    const stuck = new Promise<never>(() => undefined);
    const killed = await make({ stuck: () => stuck });
    killed.hear('stuck', command(1));
    await until('it was accepted', () => answers.length === 1);
    open = [];
    answers = [];
    const next = await make({ stuck: () => ran.push('again') });
    next.hear('stuck', command(1));
    assert.equal((await ended('c1'))?.code, 'command.interrupted');
    assert.deepEqual(ran, []);
  });

  it('do not begin where that cannot be written down', async () => {
    if (process.getuid?.() === 0) folder = '/proc/nowhere';
    else await chmod(folder, 0o500);
    const commands = await make();
    commands.hear('dance', command(1));
    assert.equal((await ended('c1'))?.status, 'error');
    assert.deepEqual(ran, []);
  });

  it('from before a memory that is lost do not run; later ones do', async () => {
    await writeFile(file(), '{"v":1,"counter":');
    const commands = await make();
    const now = clock.now();
    commands.hear('dance', command(1, { counter: now - 1 }));
    assert.equal((await ended('c1'))?.code, 'command.replayed');
    commands.hear('dance', command(2, { counter: now + 1 }));
    assert.equal((await ended('c2'))?.status, 'ok');
  });

  it('fail in their own words, and one that never ends is ended', async () => {
    const commands = await make({
      fail: () => {
        throw new AppError('camera.unreachable', 'no camera here');
      },
      forever: (_args, { signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    commands.hear('fail', command(1));
    commands.hear('forever', command(2));
    assert.deepEqual(await ended('c1'), {
      to: 'server',
      id: 'c1',
      status: 'error',
      code: 'camera.unreachable',
      error: 'no camera here',
    });
    await until('the second runs', () => answers.some(({ id }) => id === 'c2'));
    await clock.advance(6 * 60_000);
    assert.equal((await ended('c2'))?.code, 'command.timeout');
  });

  it('are bounded: the seventeenth at once is refused', async () => {
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const commands = await make({ wait: () => held });
    for (let n = 1; n <= 17; n += 1) commands.hear('wait', command(n));
    assert.equal((await ended('c17'))?.code, 'command.busy');
    release?.();
    await ended('c16');
  });

  it('logs tells the lines as they come, twice a second, and how many there were', async () => {
    const tail = new LogTail();
    const commands = await make({ logs: logsCommand(tail, clock) });
    commands.hear('logs', command(1, { args: { seconds: 2 } }));
    await until('it was accepted', () => answers.length === 1);
    await new Promise((resolve) => setImmediate(resolve));
    tail.add('one\n');
    await clock.advance(600);
    tail.add('two\n');
    for (let n = 0; n < 250; n += 1) tail.add(`more ${n}\n`);
    await clock.advance(2000);
    await ended('c1');
    const words = answers.flatMap(({ status, data }) => (status === 'progress' ? [data] : [])) as {
      lines: string[];
      left_out?: number;
    }[];
    assert.deepEqual(words[0], { lines: ['one'] });
    assert.deepEqual([words[1]?.lines.length, words[1]?.left_out], [200, 51]);
    assert.deepEqual(last('c1')?.data, { lines: 252 });
    tail.add('nobody listens');
  });

  it('reboot is refused unless allowed, and comes after its answer', async () => {
    const order: string[] = [];
    const commands = await make({ reboot: rebootCommand(false, () => order.push('never')) });
    commands.hear('reboot', command(1));
    assert.equal((await ended('c1'))?.code, 'command.forbidden');
    commands.on(
      'reboot',
      rebootCommand(true, () => order.push(String(last('c2')?.status))),
    );
    commands.hear('reboot', command(2));
    await until('the reboot', () => order.length > 0);
    assert.deepEqual(order, ['ok']);
  });
});
