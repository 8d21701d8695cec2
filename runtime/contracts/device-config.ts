import { type Static, Type } from 'typebox';
import type { SigningKeys } from './deployments.ts';

const seconds = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Number({ default: value, minimum, maximum, description: `${description}, in seconds` });

/** What an operator may tune on a device; defaults and ranges are the contract's (CONTRACTS §4). */
export const DeviceConfig = Type.Object(
  {
    capture_interval_s: seconds(30, 0.1, 86_400, 'time between two frames at rest'),
    burst_fps: Type.Number({ default: 2, minimum: 0.1, maximum: 30, description: 'frames per second during a burst' }),
    burst_duration_s: seconds(15, 1, 3600, 'length of a burst'),
    burst_cooldown_s: seconds(60, 0, 86_400, 'rest after a burst before the next one may start'),
    config_poll_interval_s: seconds(15, 1, 3600, 'time between two looks at the configuration'),
    interaction_threshold: Type.Number({
      default: 0.08,
      minimum: 0,
      maximum: 1,
      description: "share of a ROI's windows that must differ",
    }),
    interaction_min_frames: Type.Integer({
      default: 2,
      minimum: 1,
      maximum: 100,
      description: 'frames in a row above the threshold that start an interaction',
    }),
    interaction_end_timeout_s: seconds(3, 0.1, 600, 'quiet time that ends an interaction'),
    jpeg_quality: Type.Integer({ default: 80, minimum: 1, maximum: 100, description: 'quality of captured pictures' }),
    width: Type.Optional(Type.Integer({ minimum: 16, maximum: 16_384, description: 'width of captured pictures' })),
    height: Type.Optional(Type.Integer({ minimum: 16, maximum: 16_384, description: 'height of captured pictures' })),
  },
  { title: 'DeviceConfig', additionalProperties: false },
);
export type DeviceConfig = Static<typeof DeviceConfig>;

// Without the defaults: a check fills them in, and what nobody named would be set back.
const bare = Object.fromEntries(
  Object.entries(DeviceConfig.properties).map(([name, schema]) => [name, { ...schema, default: undefined }]),
) as unknown as typeof DeviceConfig.properties;

/** A change of a device's configuration: any of the fields; the rest stays. */
export const DeviceConfigPatch = Type.Partial(Type.Object(bare), {
  title: 'DeviceConfigPatch',
  additionalProperties: false,
});
export type DeviceConfigPatch = Static<typeof DeviceConfigPatch>;

export type CaptureMode = 'baseline' | 'burst';

/** The configuration as served to the device: every `_s` field also in `_ms`. */
export interface ServedConfig {
  ok: true;
  device_id: string;
  version: number;
  /** highest `seq` ever accepted from this device; -1 when none was */
  last_seq: number;
  mode: CaptureMode;
  /** RFC 3339, null at rest */
  burst_until: string | null;
  mqtt: { url: string; root: string };
  /** the key that deployments are signed with; none where there are none */
  signing?: SigningKeys;
  config: DeviceConfig & { [name: `${string}_ms`]: number };
}

/** The defaults of the contract. */
export function defaultDeviceConfig(): DeviceConfig {
  const config: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(DeviceConfig.properties)) {
    if ('default' in property) config[name] = property.default;
  }
  return config as DeviceConfig;
}

/** Adds to every `_s` field its twin in milliseconds, as devices of seed 004 expect. */
export function withMilliseconds(config: DeviceConfig): ServedConfig['config'] {
  const served: Record<string, unknown> = { ...config };
  for (const [name, value] of Object.entries(config)) {
    if (name.endsWith('_s') && typeof value === 'number') served[`${name}_ms`.replace('_s_ms', '_ms')] = value * 1000;
  }
  return served as ServedConfig['config'];
}
