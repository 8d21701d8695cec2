import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gpioLines } from '../../nodes/stepper/lines.ts';
import { Motor } from '../../nodes/stepper/motor.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { temporaryFolder } from '../support/folders.ts';
import { until } from '../support/until.ts';

const node = (config: object = {}) => [
  { id: 'n', type: 'stepper', version: 1, max_per_second: 100, ...config, wires: [[], []] },
];

describe('stepper', () => {
  it('turns once in its example, and says where it stands then', async () => {
    const clock = new FakeClock();
    const flow = await playFlow('flows/examples/stepper.json', { host: new FakeHost({ clock }).host });
    const motor = 'rxstepper000005';
    flow.inject(motor, { payload: 'enable' });
    assert.deepEqual((await flow.next(motor)).payload.enabled, true);
    await clock.advance(1000);
    flow.inject(motor, { payload: { command: 'step', steps: 200, rpm: 120 } });
    const { payload } = await flow.next(motor);
    assert.deepEqual([payload.moving, payload.position_steps, payload.steps, payload.rpm], [true, 0, 200, 120]);
    await clock.advance(490);
    assert.equal(flow.sent(motor, 1).length, 0);
    await clock.advance(20);
    const rest = await flow.next(motor, { port: 1 });
    assert.deepEqual([rest.topic, rest.payload.position_steps, rest.payload.moving], ['done', 200, false]);
    await flow.stop();
  });

  it('refuses what it must not do, with a code for catch nodes', async () => {
    const clock = new FakeClock();
    const flow = await playFlow(node({ max_position: 300 }), { host: new FakeHost({ clock }).host });
    const refused = async (payload: unknown) => {
      flow.inject('n', { payload });
      const { code } = await flow.failure('n');
      await clock.advance(20);
      return code;
    };
    const done = async (payload: unknown) => {
      flow.inject('n', { payload });
      const answer = (await flow.next('n')).payload;
      await clock.advance(20);
      return answer;
    };
    assert.equal(await refused('open'), 'stepper.disabled');
    assert.equal(await refused('fly'), 'message.invalid');
    await done('enable');
    assert.equal(await refused({ command: 'step' }), 'message.invalid');
    assert.equal(await refused({ command: 'step', steps: 1.5 }), 'message.invalid');
    assert.equal(await refused({ command: 'step', steps: 10, rpm: 1000 }), 'message.invalid');
    assert.equal(await refused({ command: 'step', steps: 10, direction: 'up' }), 'message.invalid');
    assert.equal(await refused({ command: 'step', steps: 301 }), 'stepper.limit');
    await done('open');
    assert.equal(await refused('close'), 'stepper.moving');
    assert.equal(await refused('disable'), 'stepper.moving');
    await done('abort');
    const at = (await done('status')).position_steps;
    assert.ok(at > 0 && at < 200, `stopped on its way, at ${at}`);
    assert.equal((await flow.next('n', { port: 1 })).topic, 'aborted');
    await clock.advance(5000);
    assert.equal((await done('status')).position_steps, at, 'it stays there');
    assert.equal((await done('disable')).enabled, false);
    await flow.stop();
  });

  it('takes so many commands a second, and an abort always', async () => {
    const clock = new FakeClock();
    const flow = await playFlow(node({ max_per_second: 2 }), { host: new FakeHost({ clock }).host });
    flow.inject('n', { payload: 'enable' });
    await flow.next('n');
    flow.inject('n', { payload: 'open' });
    assert.equal((await flow.failure('n')).code, 'stepper.too_fast');
    flow.inject('n', { payload: 'abort' });
    await flow.next('n');
    await clock.advance(501);
    flow.inject('n', { payload: 'open' });
    assert.equal((await flow.next('n')).payload.moving, true);
    await flow.stop();
  });

  it('moves the valve in pieces of 5 %, from 45 to its ends', async () => {
    const clock = new FakeClock();
    const flow = await playFlow(node({ max_per_second: 100 }), { host: new FakeHost({ clock }).host });
    const ask = async (payload: string) => {
      flow.inject('n', { payload });
      const { valve_percent } = (await flow.next('n')).payload;
      await clock.advance(1000);
      return valve_percent;
    };
    assert.equal(await ask('valve-position'), 45);
    await ask('enable');
    assert.equal(await ask('valve-open'), 50);
    for (let at = 45; at >= 0; at -= 5) assert.equal(await ask('valve-close'), at);
    flow.inject('n', { payload: 'valve-close' });
    assert.equal((await flow.failure('n')).code, 'stepper.limit');
    await flow.stop();
  });

  describe('on GPIO', () => {
    /** A stand-in of `gpioset --interactive` (libgpiod 2) that writes down what it is told, and knows no other orders. */
    async function gpioset() {
      const folder = await temporaryFolder('gpioset');
      const [program, log] = [join(folder, 'gpioset'), join(folder, 'orders')];
      const script = `#!/bin/sh
echo "$*" > ${log}
while read -r order; do
  case "$order" in
    "set "[0-9]*=[01]|"sleep "[0-9]*ms|"sleep "[0-9]*us) echo "$order" >> ${log} ;;
    exit) echo exit >> ${log}; exit 0 ;;
    *) echo "unknown: $order" >&2; exit 1 ;;
  esac
done
`;
      await writeFile(program, script);
      await chmod(program, 0o755);
      return { program, orders: async () => (await readFile(log, 'utf8').catch(() => '')).trim().split('\n') };
    }
    const lines = (command: [string, ...string[]]) =>
      gpioLines({ chip: 'gpiochip0', stepPin: 23, dirPin: 24, enablePin: 18, invert: true, command });

    it('one gpioset holds the lines: direction, pulses, and off at the end', async () => {
      const { program, orders } = await gpioset();
      const clock = new FakeClock();
      const rests: string[] = [];
      const motor = new Motor({
        lines: lines([program]),
        clock,
        stepsPerRev: 200,
        least: -100,
        most: 100,
        onRest: (how) => rests.push(how),
      });
      await motor.enable();
      motor.move(-3, 60);
      await clock.advance(1000);
      await motor.close();
      const [args, ...told] = await orders();
      assert.equal(args, '--interactive --chip gpiochip0 23=0 24=0 18=1');
      assert.deepEqual(told.slice(0, 2), ['set 18=0', 'set 24=0']);
      assert.equal(told.filter((order) => order === 'set 23=1').length, 3);
      assert.deepEqual(told.slice(2, 6), ['set 23=1', 'sleep 1ms', 'set 23=0', 'sleep 4000us']);
      assert.deepEqual(told.slice(-2), ['set 18=1', 'exit']);
      assert.deepEqual(rests, ['done']);
    });

    it('says its last words when it ends, refuses to move then, and starts again with enable', async () => {
      const { program } = await gpioset();
      const clock = new FakeClock();
      const broken = lines(['sh', '-c', 'read -r line; echo "cannot find line 23" >&2; exit 1']);
      const motor = new Motor({ lines: broken, clock, stepsPerRev: 200, least: -9, most: 9, onRest: () => undefined });
      await motor.enable();
      const why = await until('the end is noticed', () => motor.status().last_error);
      assert.equal(why, 'cannot find line 23');
      motor.move(1, 60);
      assert.deepEqual([motor.status().enabled, motor.status().worker_alive], [false, false]);
      await motor.close();
      const missing = lines([`${program}-which-is-not-there`]);
      await missing.enable(true);
      assert.match(await until('it is missed', () => missing.trouble()), /is not installed: apt install gpiod/);
      await missing.close();
    });
  });
});
