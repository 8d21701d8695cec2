import type { CameraRecord, DeviceRecord } from '../../contracts/api.ts';
import { EVENT_TYPES } from '../../contracts/events.ts';
import { homeAssistantId } from '../../contracts/home-assistant.ts';
import { deviceTopics, serverStateTopic } from '../../contracts/topics.ts';

/** What descriptions say of the server that makes them. */
export interface Origin {
  site: string;
  version: string;
  /** address of the console, without a slash at its end */
  url: string;
}

/** One entity, as Home Assistant's MQTT integration reads it. */
export type Component = { p: string; unique_id: string } & Record<string, unknown>;

/** Device-based discovery: one retained message for a device with all its entities. */
export interface Description {
  dev: Record<string, unknown>;
  o: Record<string, unknown>;
  availability: Record<string, unknown>[];
  availability_mode: 'all';
  qos: 0 | 1;
  cmps: Record<string, Component>;
}

/** Heartbeats come every 30 s; a figure that was not renewed for three of them is none. */
const EXPIRE_S = 90;

const serverAvailability = (site: string) => ({
  topic: serverStateTopic(site),
  value_template: "{{ 'online' if value_json.state == 'online' else 'offline' }}",
});

const deviceAvailability = (site: string, device: string) => ({
  topic: deviceTopics(site, device).state,
  value_template: "{{ 'online' if value_json.state in ['online', 'degraded', 'updating'] else 'offline' }}",
});

/** The server's own cameras hang at no device that could be away. */
function availabilityOf(site: string, device: string): Record<string, unknown>[] {
  return [serverAvailability(site), ...(device === 'server' ? [] : [deviceAvailability(site, device)])];
}

function originOf({ version, url }: Origin): Record<string, unknown> {
  return { name: 'redeye', sw: version, url };
}

/** The names of our events in Home Assistant: as they begin, and as they end. */
export const HA_EVENT_TYPES = EVENT_TYPES.flatMap((type) => [type, `${type}_end`]);

/** A camera: whether something moves before it, whether pictures come, its events, and the picture of the last one. */
export function describeCamera(
  camera: Pick<CameraRecord, 'id' | 'name' | 'device' | 'driver'>,
  origin: Origin,
): Description {
  const { site, url } = origin;
  const { id, name, device, driver } = camera;
  const topics = deviceTopics(site, device);
  const haId = homeAssistantId(site, 'camera', id);
  const entity = (p: string, what: string, more: Record<string, unknown>): Component => ({
    p,
    unique_id: `${haId}_${what}`,
    ...more,
  });
  return {
    dev: {
      ids: [haId],
      name,
      mf: 'redeye',
      mdl: `camera (${driver})`,
      cu: `${url}/live/${id}`,
      via_device: homeAssistantId(site, 'machine', device),
    },
    o: originOf(origin),
    availability: availabilityOf(site, device),
    availability_mode: 'all',
    qos: 1,
    cmps: {
      motion: entity('binary_sensor', 'motion', {
        device_class: 'motion',
        state_topic: topics.cameraMotion(id),
        value_template: "{{ 'ON' if value_json.motion else 'OFF' }}",
      }),
      online: entity('binary_sensor', 'online', {
        name: 'Pictures',
        device_class: 'connectivity',
        entity_category: 'diagnostic',
        state_topic: topics.cameraState(id),
        value_template: "{{ 'ON' if value_json.state in ['live', 'idle'] else 'OFF' }}",
      }),
      event: entity('event', 'event', {
        name: 'Event',
        device_class: 'motion',
        event_types: HA_EVENT_TYPES,
        state_topic: topics.cameraEvent(id),
      }),
      last: entity('image', 'last', {
        name: 'Last event',
        image_topic: topics.cameraLastEvent(id),
        content_type: 'image/jpeg',
      }),
    },
  };
}

interface Figure {
  name: string;
  /** field of `health`, or of the heartbeat itself */
  field: string;
  outside?: true;
  more: Record<string, unknown>;
}

const FIGURES: readonly Figure[] = [
  { name: 'CPU temperature', field: 'temperature_c', more: { device_class: 'temperature', unit_of_measurement: '°C' } },
  { name: 'CPU', field: 'cpu_percent', more: { unit_of_measurement: '%' } },
  { name: 'Disk free', field: 'disk_free_mb', more: { device_class: 'data_size', unit_of_measurement: 'MB' } },
  {
    name: 'Memory free',
    field: 'memory_available_mb',
    more: { device_class: 'data_size', unit_of_measurement: 'MB' },
  },
  { name: 'Frames waiting', field: 'spool_frames', more: { unit_of_measurement: 'frames' } },
  {
    name: 'Wi-Fi',
    field: 'rssi',
    outside: true,
    more: { device_class: 'signal_strength', unit_of_measurement: 'dBm' },
  },
];

/** A machine with cameras: whether it is there, and what of its figures it has ever told. */
export function describeMachine(
  device: Pick<DeviceRecord, 'id' | 'name' | 'fw_version' | 'health' | 'rssi' | 'info'>,
  origin: Origin,
): Description {
  const { site, url } = origin;
  const { id, name, fw_version, health, rssi } = device;
  const topics = deviceTopics(site, id);
  const haId = homeAssistantId(site, 'machine', id);
  const told = (figure: Figure) => (figure.outside ? rssi !== null : typeof health[figure.field] === 'number');
  const figures = FIGURES.filter(told).map((figure): [string, Component] => {
    const place = figure.outside ? figure.field : `health.${figure.field}`;
    return [
      figure.field,
      {
        p: 'sensor',
        unique_id: `${haId}_${figure.field}`,
        name: figure.name,
        entity_category: 'diagnostic',
        state_class: 'measurement',
        state_topic: topics.heartbeat,
        value_template: `{{ value_json.${place} }}`,
        expire_after: EXPIRE_S,
        ...figure.more,
      },
    ];
  });
  const power: [string, Component][] =
    typeof health.under_voltage === 'boolean'
      ? [
          [
            'under_voltage',
            {
              p: 'binary_sensor',
              unique_id: `${haId}_under_voltage`,
              name: 'Too little voltage',
              device_class: 'problem',
              entity_category: 'diagnostic',
              state_topic: topics.heartbeat,
              value_template: "{{ 'ON' if value_json.health.under_voltage else 'OFF' }}",
              expire_after: EXPIRE_S,
            },
          ],
        ]
      : [];
  const platform = (device.info as { platform?: unknown }).platform;
  return {
    dev: {
      ids: [haId],
      name,
      mf: 'redeye',
      mdl: typeof platform === 'string' ? `device (${platform})` : 'device',
      ...(fw_version !== null && { sw: fw_version }),
      cu: `${url}/devices/${id}`,
    },
    o: originOf(origin),
    availability: availabilityOf(site, id),
    availability_mode: 'all',
    qos: 1,
    cmps: {
      online: {
        p: 'binary_sensor',
        unique_id: `${haId}_online`,
        name: 'Online',
        device_class: 'connectivity',
        entity_category: 'diagnostic',
        ...(id === 'server'
          ? {
              state_topic: serverStateTopic(site),
              value_template: "{{ 'ON' if value_json.state == 'online' else 'OFF' }}",
            }
          : {
              state_topic: topics.state,
              value_template: "{{ 'OFF' if value_json.state == 'offline' else 'ON' }}",
            }),
        // Away is what it is there to say: it must not be away together with the device.
        availability: [serverAvailability(site)],
      },
      ...Object.fromEntries(figures),
      ...Object.fromEntries(power),
    },
  };
}
