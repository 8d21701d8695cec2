import assert from 'node:assert/strict';
import { streamLimit, ThermalGovernor } from '../../../edge/runtime/thermal-governor.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('the thermal governor', () => {
  let clock: FakeClock;
  let celsius: number | undefined;
  let said: boolean[];
  let governor: ThermalGovernor;

  beforeEach(async () => {
    clock = new FakeClock(0);
    celsius = 50;
    said = [];
    governor = new ThermalGovernor({
      temperature: async () => celsius,
      onChange: (isHot) => said.push(isHot),
      clock,
      log: silentLog,
    });
    await governor.start();
  });
  afterEach(() => governor.stop());
  const seconds = async (count: number) => {
    for (let n = 0; n < count; n += 1) await clock.advance(1000);
  };

  it('has streams made coarser after 10 s above 80 °C, and as usual after 30 s below 70 °C', async () => {
    celsius = 80;
    await seconds(60);
    assert.deepEqual(said, [], '80 °C is not above');
    celsius = 80.5;
    await seconds(10);
    assert.deepEqual(said, []);
    await seconds(4);
    assert.deepEqual(said, [true]);
    celsius = 70;
    await seconds(60);
    celsius = 69;
    await seconds(30);
    assert.deepEqual([said, governor.isHot], [[true], true]);
    await seconds(4);
    assert.deepEqual([said, governor.isHot], [[true, false], false]);
  });

  it('begins anew after a moment on the other side, and is not moved by the clock of people', async () => {
    celsius = 85;
    await seconds(8);
    celsius = 79;
    await seconds(2);
    celsius = 85;
    clock.jump(3_600_000);
    await seconds(8);
    clock.jump(-7_200_000);
    assert.deepEqual(said, []);
    await seconds(6);
    assert.deepEqual(said, [true]);
  });

  it('does nothing where nobody measures, and nothing after its end', async () => {
    celsius = undefined;
    await seconds(30);
    celsius = 90;
    await governor.stop();
    await seconds(30);
    assert.deepEqual(said, []);
  });

  it('allows 200 kb/s while it is hot, and tells viewers why', () => {
    assert.equal(streamLimit(true, 82)[0], 200_000);
    assert.match(streamLimit(true, 82)[1], /82 °C/);
    assert.equal(streamLimit(false, 60)[0], undefined);
  });
});
