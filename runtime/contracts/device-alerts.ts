import { type Static, Type } from 'typebox';
import { ALERT_LEVELS, type AlertLevel, levelOf, rulesFor } from './alerts.ts';
import type { DeviceHealth } from './mqtt-messages.ts';

/** Figures of a device that have limits. */
export const DEVICE_ALERT_METRICS = [
  'temperature_c',
  'disk_free_mb',
  'under_voltage',
  'throttled',
  'clock_skew_s',
] as const;

/** A figure of a device that is not as it should be. */
export const DeviceAlert = Type.Object(
  {
    metric: Type.Enum([...DEVICE_ALERT_METRICS]),
    level: Type.Enum(ALERT_LEVELS),
    value: Type.Number({ description: 'of what is true or false: 1' }),
    runbook: Type.String({ description: 'heading in docs/runbook.md: what to do about it' }),
  },
  { title: 'DeviceAlert' },
);
export type DeviceAlert = Static<typeof DeviceAlert>;

/** A device's clock further off than this makes times of frames doubtful (reliability §3, 10). */
const CLOCK_SKEW_S = 120;
const MB = 1024 * 1024;

/** What of a device's health needs a person, the limits of heat and disk being those of the server (S4.43). What it does not tell alarms nobody. */
export function deviceAlerts(health: DeviceHealth): DeviceAlert[] {
  const { temperature_c, disk_free_mb, disk_total_mb, under_voltage, throttled, clock_skew_s } = health;
  const found: DeviceAlert[] = [];
  const say = (metric: DeviceAlert['metric'], level: AlertLevel, value: number, runbook: string) => {
    if (level !== 'ok') found.push({ metric, level, value, runbook });
  };
  for (const rule of rulesFor((disk_total_mb ?? 0) * MB)) {
    if (rule.metric === 'temperature_c' && temperature_c !== undefined)
      say('temperature_c', levelOf(rule, temperature_c), temperature_c, rule.runbook);
    // Without the size of its disk nobody knows whether that is little.
    if (rule.metric === 'disk_free_bytes' && disk_free_mb !== undefined && disk_total_mb !== undefined)
      say('disk_free_mb', levelOf(rule, disk_free_mb * MB), disk_free_mb, 'The disk of a device is full');
  }
  if (under_voltage) say('under_voltage', 'bad', 1, 'A device has too little voltage');
  if (throttled) say('throttled', 'watch', 1, 'A device has too little voltage');
  if (clock_skew_s !== undefined && Math.abs(clock_skew_s) > CLOCK_SKEW_S)
    say('clock_skew_s', 'watch', clock_skew_s, 'The clock of a device is wrong');
  return found;
}
