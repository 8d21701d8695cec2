import { Type } from 'typebox';
import { DeviceConfig, type ServedConfig, withMilliseconds } from '../../runtime/contracts/device-config.ts';
import { parser } from '../../runtime/lib/validate.ts';

// Unknown fields are ignored, missing tunables get the contract's default: a device outlives the server's version.
const parse = parser(
  Type.Object({
    ok: Type.Literal(true),
    device_id: Type.String(),
    version: Type.Integer({ minimum: 0 }),
    last_seq: Type.Integer({ minimum: -1 }),
    mode: Type.Union([Type.Literal('baseline'), Type.Literal('burst')]),
    burst_until: Type.Union([Type.String(), Type.Null()]),
    mqtt: Type.Object({ url: Type.String(), root: Type.String() }),
    config: Type.Object(DeviceConfig.properties),
  }),
);

/** Reads the answer of the config route, or a copy of one; throws `request.invalid` naming what is wrong. */
export function parseServedConfig(value: unknown): ServedConfig {
  const served = parse(value) as Omit<ServedConfig, 'config'> & { config: DeviceConfig };
  const known = Object.keys(DeviceConfig.properties);
  const tunables = Object.fromEntries(Object.entries(served.config).filter(([name]) => known.includes(name)));
  return { ...served, config: withMilliseconds(tunables as DeviceConfig) };
}

/** The configuration as it is in force at a moment of the server's time: a burst ends by itself at `burst_until`. */
export function inForce(config: ServedConfig, serverNow: number): ServedConfig {
  const until = burstEnd(config);
  if (config.mode === 'baseline' || until === undefined || serverNow < until) return config;
  return { ...config, mode: 'baseline', burst_until: null };
}

/** When the burst of this configuration ends, epoch ms; undefined when none runs or it has no end. */
export function burstEnd(config: ServedConfig): number | undefined {
  if (config.mode !== 'burst' || config.burst_until === null) return undefined;
  const at = Date.parse(config.burst_until);
  return Number.isNaN(at) ? undefined : at;
}
