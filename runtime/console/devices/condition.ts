import type { DeviceRecord } from '../../contracts/api.ts';
import { bytes } from '../shell/times.ts';
import { words } from '../strings.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'off' | 'info';

const LITTLE_DISK_MB = 500;
const MANY_WAITING = 20;
const LOW_BATTERY_MV = 3500;
const SERVER = 'server';

const say = words.devices;

/** A device's state as a word and a tone. */
export function stateOf(device: DeviceRecord): { text: string; tone: Tone } {
  if (device.id === SERVER) return { text: say.builtIn, tone: 'info' };
  if (device.disabled) return { text: say.disabled, tone: 'off' };
  if (device.state === 'offline' && device.last_seen === null) return { text: say.never, tone: 'off' };
  const tones = { online: 'good', offline: 'off', degraded: 'warn', updating: 'info' } as const;
  return { text: say.states[device.state], tone: tones[device.state] };
}

/** Tells the device that is the server itself: it has no key and cannot be disabled. */
export function isBuiltIn(device: DeviceRecord): boolean {
  return device.id === SERVER;
}

/** What is not well with a device, in words; empty when all is. */
export function troubles(device: DeviceRecord): string[] {
  const { health } = device;
  const found: string[] = [];
  const count = (name: string) => (typeof health[name] === 'number' ? (health[name] as number) : 0);
  if (count('dropped_frames') > 0) found.push(say.health.dropped(count('dropped_frames')));
  if (count('rejected_frames') > 0) found.push(say.health.rejected(count('rejected_frames')));
  if (count('captures_dead') > 0) found.push(say.health.capturesDead(count('captures_dead')));
  if (count('captures_dropped') > 0) found.push(say.health.capturesDropped(count('captures_dropped')));
  if (count('spool_frames') >= MANY_WAITING) found.push(say.health.waiting(count('spool_frames')));
  if (typeof health.disk_free_mb === 'number' && health.disk_free_mb < LITTLE_DISK_MB)
    found.push(say.health.disk(bytes(health.disk_free_mb * 1e6)));
  if (health.clock_ok === false) found.push(say.health.clock);
  if (typeof health.flows === 'string' && ['stopped', 'failed'].includes(health.flows))
    found.push(say.health.flows(health.flows));
  if (device.battery_mv !== null && device.battery_mv < LOW_BATTERY_MV)
    found.push(say.health.battery(`${(device.battery_mv / 1000).toFixed(2)} V`));
  return found;
}
