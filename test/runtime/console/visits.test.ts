import assert from 'node:assert/strict';
import { configFields, numberOf, wrongWith } from '../../../runtime/console/devices/config-fields.ts';
import { visitHint } from '../../../runtime/console/devices/visits.ts';
import { DeviceConfig, defaultDeviceConfig } from '../../../runtime/contracts/device-config.ts';

describe('configuration of a device in the console', () => {
  it('tells which visits are too short for the interval', () => {
    const config = defaultDeviceConfig();
    assert.equal(visitHint(config).missedBelowMs, 60_000);
    assert.equal(visitHint({ ...config, capture_interval_s: 0.5 }).missedBelowMs, 1000);
    assert.equal(visitHint({ ...config, capture_interval_s: 10, interaction_min_frames: 1 }).missedBelowMs, 10_000);
  });

  it('has a field for everything in the contract, with its range and default', () => {
    assert.deepEqual(
      configFields.map((field) => field.name),
      Object.keys(DeviceConfig.properties),
    );
    const interval = configFields.find((field) => field.name === 'capture_interval_s');
    assert.deepEqual(
      [interval?.minimum, interval?.maximum, interval?.standard, interval?.unit, interval?.group],
      [0.1, 86_400, 30, 's', 'rest'],
    );
  });

  it('says what is wrong with a value before the server has to', () => {
    const field = (name: string) =>
      configFields.find((one) => one.name === name) ?? assert.fail(`there is no field ${name}`);
    assert.match(wrongWith(field('capture_interval_s'), '0') ?? '', /0\.1 to 86,400/);
    assert.match(wrongWith(field('interaction_min_frames'), '1.5') ?? '', /whole/);
    assert.match(wrongWith(field('burst_fps'), 'fast') ?? '', /number/);
    assert.match(wrongWith(field('burst_fps'), ' ') ?? '', /empty/);
    assert.equal(wrongWith(field('width'), ''), undefined);
    assert.equal(wrongWith(field('capture_interval_s'), '2,5'), undefined);
    assert.equal(numberOf('2,5'), 2.5);
  });
});
