import assert from 'node:assert/strict';
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Machine } from '../../../../edge/agent/machine/machine.ts';
import { cpuPercent, parseCpu, parseThrottled, parseWifi } from '../../../../edge/agent/machine/parse.ts';
import { systemReadings } from '../../../../edge/agent/machine/readings.ts';
import { deviceAlerts } from '../../../../runtime/contracts/device-alerts.ts';
import { DeviceHealth, HeartbeatMessage } from '../../../../runtime/contracts/mqtt-messages.ts';
import { parser } from '../../../../runtime/lib/validate.ts';
import { temporaryFolder } from '../../../support/folders.ts';

/** Texts as the kernel of a Raspberry Pi 4 writes them. */
const PI = join(import.meta.dirname, 'fixtures', 'pi4');

describe('what a machine says of itself', () => {
  const vcgencmd = async (words: string) => {
    const file = join(await temporaryFolder('vc'), 'vcgencmd');
    await writeFile(file, `#!/bin/sh\n[ "$1" = get_throttled ] && echo '${words}'\n`);
    await chmod(file, 0o755);
    return file;
  };

  it('is all there on a Raspberry Pi: work, heat, throttling, disk, memory, Wi-Fi', async () => {
    const root = await temporaryFolder('pi');
    await cp(PI, root, { recursive: true });
    const machine = new Machine(systemReadings(root, await vcgencmd('throttled=0x50005')));
    const first = await machine.measure(root);
    assert.equal(first.health.cpu_percent, undefined, 'there is no time yet that work could be a share of');
    const stat = 'cpu  182134 1203 64071 5023661 12873 0 4120 0 0 0\n';
    await writeFile(join(root, 'proc', 'stat'), stat);
    const { health, rssi } = await machine.measure(root);
    // 100 + 50 ticks of work beside 250 at rest.
    assert.equal(health.cpu_percent, 37.5);
    assert.deepEqual([health.temperature_c, health.thermal], [61.8, 'warm']);
    assert.deepEqual([health.throttled, health.under_voltage, health.throttled_flags], [true, true, 0x50005]);
    assert.deepEqual([health.memory_available_mb, health.memory_total_mb], [1175, 1848]);
    assert.equal(rssi, -58);
    assert.equal(health.boot, '5a1c0f2e');
    assert.ok((health.disk_free_mb ?? 0) > 0 && (health.disk_total_mb ?? 0) >= (health.disk_free_mb ?? 0));
    parser(DeviceHealth)(health);
    assert.deepEqual(
      deviceAlerts(health).map(({ metric, level }) => [metric, level]),
      [
        ['temperature_c', 'watch'],
        ['under_voltage', 'bad'],
        ['throttled', 'watch'],
      ],
    );
  });

  it('knows of too little voltage from the kernel where the firmware cannot be asked', async () => {
    const { health } = await new Machine(systemReadings(PI, '/no/such/vcgencmd')).measure(PI);
    assert.deepEqual([health.under_voltage, health.throttled, health.throttled_flags], [true, undefined, undefined]);
  });

  it('leaves out what a PC does not have, and what cannot be read', async () => {
    const root = await temporaryFolder('pc');
    await mkdir(join(root, 'proc'));
    await writeFile(join(root, 'proc', 'meminfo'), 'MemFree: much\n');
    await writeFile(join(root, 'proc', 'stat'), 'nothing of use\n');
    const machine = new Machine(systemReadings(root, '/no/such/vcgencmd'));
    await machine.measure('/no/such/folder');
    const { health, rssi } = await machine.measure('/no/such/folder');
    assert.deepEqual([Object.keys(health), rssi], [['load1'], undefined]);
    assert.deepEqual(deviceAlerts(health), []);
  });

  it('is a heartbeat of at most a kilobyte, whatever its figures are', async () => {
    const many = 123_456_789_012;
    const health: Required<DeviceHealth> = {
      uptime_s: many,
      rss_mb: many,
      load1: 123.45,
      cpu_percent: 99.9,
      temperature_c: 100.1,
      thermal: 'critical',
      throttled: true,
      under_voltage: true,
      throttled_flags: 0xffffffff,
      stream_limited: true,
      disk_free_mb: many,
      disk_total_mb: many,
      memory_available_mb: many,
      memory_total_mb: many,
      boot: '5a1c0f2e',
      flow_starts: many,
      clock_skew_s: -many,
      spool_frames: many,
      spool_bytes: many,
      dropped_frames: many,
      rejected_frames: many,
      captures_waiting: 1000,
      captures_dead: 1000,
      captures_dropped: many,
      clock_ok: false,
      last_seq: Number.MAX_SAFE_INTEGER,
      mode: 'baseline',
      flows: 'x'.repeat(40),
    };
    const message = { v: 1 as const, ts: many, rssi: -100, battery_mv: 99_999, fw_version: 'y'.repeat(100), health };
    parser(HeartbeatMessage)(message);
    const bytes = Buffer.byteLength(JSON.stringify(message));
    assert.ok(bytes <= 1024, `${bytes}`);
  });

  it('is read from texts of other machines without inventing anything', () => {
    assert.equal(parseCpu('cpu  1 2'), undefined);
    const still = { busy: 5, total: 9 };
    assert.equal(cpuPercent(still, still), undefined);
    assert.equal(parseWifi(' face | tus | link level noise\n wlan0: 0000 0. -256. -256 0 0 0 0 0 0\n'), undefined);
    assert.equal(parseWifi(' wlx00c0ca: 0000   70  43  0        0\n'), undefined, 'a driver that counts in percent');
    assert.equal(parseThrottled('VCHI initialization failed'), undefined);
    assert.deepEqual(parseThrottled('throttled=0x0'), { flags: 0, underVoltage: false, throttled: false });
    // Only since boot, no longer now.
    assert.deepEqual(parseThrottled('throttled=0x50000'), { flags: 0x50000, underVoltage: false, throttled: false });
  });
});

describe('alerts of a device', () => {
  it('have the limits of seed 004, of small cards their share, and are silent about what it does not tell', () => {
    const of = (health: DeviceHealth) => deviceAlerts(health).map(({ metric, level }) => `${metric} ${level}`);
    assert.deepEqual(of({ temperature_c: 59.9 }), []);
    assert.deepEqual(of({ temperature_c: 60 }), ['temperature_c watch']);
    assert.deepEqual(of({ temperature_c: 70 }), ['temperature_c bad']);
    assert.deepEqual(of({ disk_free_mb: 10 }), []);
    assert.deepEqual(of({ disk_free_mb: 5000, disk_total_mb: 15_000 }), []);
    assert.deepEqual(of({ disk_free_mb: 3500, disk_total_mb: 15_000 }), ['disk_free_mb watch']);
    assert.deepEqual(of({ disk_free_mb: 1000, disk_total_mb: 15_000 }), ['disk_free_mb bad']);
    assert.deepEqual(of({ clock_skew_s: 120, throttled: false, under_voltage: false }), []);
    assert.deepEqual(of({ clock_skew_s: -121 }), ['clock_skew_s watch']);
  });
});
