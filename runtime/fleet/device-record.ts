import type { DeviceRecord } from '../contracts/api.ts';
import { deviceAlerts } from '../contracts/device-alerts.ts';
import { type DeviceConfig, defaultDeviceConfig } from '../contracts/device-config.ts';
import type { DeviceHealth } from '../contracts/mqtt-messages.ts';
import type { DeviceRow } from '../db/devices.repo.ts';
import { deviceFlow } from './deployments/device-flow.ts';

/** A device that speaks HTTP only is taken for gone when nothing came for so long, or for three looks at its configuration. */
const SILENCE_MS = 60_000;

/** A device as the API shows it, at the moment `now` (epoch ms). */
export function deviceRecord(row: DeviceRow, now: number): DeviceRecord {
  const state = stateOf(row, now);
  const bursting = row.burst_until !== null && row.burst_until.getTime() > now;
  return {
    id: row.id,
    name: row.name,
    state,
    mode: bursting ? 'burst' : 'baseline',
    burst_until: bursting ? time(row.burst_until) : null,
    last_seq: row.last_seq,
    last_seen: time(row.last_seen_at),
    last_frame: time(row.last_frame_at),
    last_config_fetch: time(row.last_config_at),
    config_version: row.config_version ?? 0,
    cameras: row.cameras,
    rssi: row.rssi,
    battery_mv: row.battery_mv,
    fw_version: row.fw_version,
    health: row.health,
    // What a device said before it went is no news of now.
    alerts: state === 'offline' ? [] : deviceAlerts(row.health as DeviceHealth),
    info: row.info,
    groups: row.groups,
    flow: deviceFlow(row),
    disabled: row.disabled_at !== null,
    created_at: row.created_at.toISOString(),
  };
}

/** Configuration in force: the contract's defaults under what an operator has set. */
export function fullConfig(set: Record<string, unknown> | null | undefined): DeviceConfig {
  return { ...defaultDeviceConfig(), ...set };
}

// Whoever has an MQTT session says itself how it is; of the others, only their requests tell.
function stateOf(row: DeviceRow, now: number): DeviceRecord['state'] {
  if (row.session !== null) return row.state;
  if (row.last_seen_at === null) return 'offline';
  const silence = Math.max(SILENCE_MS, 3000 * fullConfig(row.config).config_poll_interval_s);
  return now - row.last_seen_at.getTime() <= silence ? 'online' : 'offline';
}

/** RFC 3339 with milliseconds, null for none. */
export function time(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}
