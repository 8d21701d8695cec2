import { resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import { OPEN_DIALECT } from '../runtime/contracts/dialects.ts';
import { AppError } from '../runtime/contracts/errors.ts';
import { ID_PATTERN } from '../runtime/contracts/ids.ts';
import { readEnvironment } from '../runtime/lib/environment.ts';
import type { LogLevel } from '../runtime/lib/log.ts';

/** Every setting of the edge: name, type, default, meaning. `docs/generated/settings.md` is made from it. */
export const EdgeSettings = Type.Object({
  SERVER_URL: Type.String({
    default: 'http://127.0.0.1:1880',
    pattern: '^https?://[^\\s?#]+$',
    description: 'where the server is, as https://host or http://host:1880; may hold a path',
  }),
  DEVICE_ID: Type.Optional(
    Type.String({
      pattern: ID_PATTERN,
      description:
        'id of this device as registered on the server: a-z, 0-9, _ and -, at most 63 characters; not needed where it is paired',
    }),
  ),
  DEVICE_KEY: Type.Optional(
    Type.String({
      minLength: 1,
      secret: true,
      description: 'key of this device, shown once when it was registered; without one it shows a pairing code',
    }),
  ),
  EDGE_PORT: Type.Integer({ default: 8018, minimum: 1, maximum: 65_535, description: 'HTTP port of the device' }),
  EDGE_HOST: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    description: 'address to listen on; any but a loopback one needs TRUST_LAN=1',
  }),
  EDGE_WEBRTC_UDP_PORT: Type.Integer({
    default: 8190,
    minimum: 0,
    maximum: 65_535,
    description: "UDP port of the device's own WebRTC, for all viewers; 0 switches it off",
  }),
  AUTHORIZED_API_KEYS: Type.Array(Type.String({ minLength: 8 }), {
    default: [],
    list: true,
    secret: true,
    description:
      "keys that open the device's own pages and pictures beside its DEVICE_KEY, at least 8 characters each; a JSON array or by commas",
  }),
  OPEN_DIALECTS: Type.Array(Type.String({ pattern: OPEN_DIALECT }), {
    default: [],
    list: true,
    description: `dialects of other systems that this device answers without a key (relab, compucyto, uuplastination); with @lan only to private addresses`,
  }),
  CORS_ORIGINS: Type.Array(Type.String({ pattern: '^https?://[^/\\s?#@*]+$' }), {
    default: [],
    list: true,
    aliases: ['ALLOWED_CORS_ORIGINS'],
    description:
      "origins whose pages may ask this device with its key, as https://lab.example, without a path: a platform's page in a browser of the device's network; none by default",
  }),
  DIALECT_CAMERA: Type.Optional(
    Type.String({
      pattern: ID_PATTERN,
      description: 'id of the camera that dialects of one camera mean; without it the only or first one',
    }),
  ),
  TRUST_LAN: Type.Boolean({ default: false, description: 'serve plain HTTP to the network' }),
  EDGE_DATA_DIR: Type.String({
    default: './data/edge',
    minLength: 1,
    description: 'folder for spool, counter, configuration and flows; one process only',
  }),
  FLOWS_DIR: Type.Optional(
    Type.String({ minLength: 1, description: 'folder of the flows, one file a tab (default: EDGE_DATA_DIR/flows)' }),
  ),
  SPOOL_MAX_MB: Type.Integer({
    default: 512,
    minimum: 1,
    maximum: 1_000_000,
    description: 'how much the frames that wait for the server may take on disk; the oldest are dropped beyond it',
  }),
  CAPTURES_MAX_MB: Type.Integer({
    default: 256,
    minimum: 1,
    maximum: 1_000_000,
    description:
      "how much this device's own captures that wait for the server, or were given up, may take on disk; the oldest go beyond it",
  }),
  CAMERA: Type.String({
    default: 'auto',
    minLength: 1,
    secret: true,
    aliases: ['PYTHON_CAMERA_URL'],
    description: 'driver URL of the camera: auto, rpicam:0, v4l2:/dev/video0, rtsp://…, file:clip.mp4, sim:shelf',
  }),
  SERVICE_TIMEOUT: Type.Integer({
    default: 30_000,
    minimum: 100,
    maximum: 600_000,
    description: 'how long the camera service behind http: or relab+http: may take for an answer, ms',
  }),
  ALLOW_REBOOT: Type.Boolean({
    default: false,
    description: 'let operators start the whole machine again from the server (command reboot)',
  }),
  PROBATION_S: Type.Number({
    default: 60,
    minimum: 1,
    maximum: 3600,
    description: 'how long newly deployed flows must run well before they count as good',
  }),
  FLOWS_MAX_MB: Type.Integer({
    default: 400,
    minimum: 100,
    maximum: 65_536,
    description: 'memory that the process of the flows may take on probation, resident',
  }),
  FFMPEG_PATH: Type.String({ default: 'ffmpeg', minLength: 1, description: 'the ffmpeg to use (5.1 or newer)' }),
  RTMP_URL: Type.Optional(
    Type.String({
      pattern: '^(rtmp|whip)s?://[^\\s]+$',
      secret: true,
      description: 'where pushes go that name no destination, as rtmps://host/app or whips://host/path',
    }),
  ),
  STREAM_KEY: Type.Optional(
    Type.String({ minLength: 1, secret: true, description: 'the key that goes with RTMP_URL' }),
  ),
  PUSH_KEY_FILE: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'file with RTMP_URL= and STREAM_KEY= for such pushes, read at each start of one',
    }),
  ),
  PUBLISHER_HEALTH_FILE: Type.Optional(
    Type.String({
      minLength: 1,
      aliases: ['HEALTH_FILE'],
      description: 'file that is kept with the state of all pushes (default: EDGE_DATA_DIR/publisher_health.json)',
    }),
  ),
  LOG_LEVEL: Type.Union(
    ['debug', 'info', 'warn', 'error', 'silent'].map((level) => Type.Literal(level)),
    { default: 'info', description: 'how much is logged: debug, info, warn, error or silent' },
  ),
  LOG_FILE: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'file that the log is written to as well; at 10 MB it becomes <file>.1, and a new one begins',
    }),
  ),
});

type Values = Static<typeof EdgeSettings>;
export type Settings = Readonly<
  Omit<Values, 'DEVICE_ID' | 'FLOWS_DIR' | 'LOG_LEVEL'> & { DEVICE_ID: string; FLOWS_DIR: string; LOG_LEVEL: LogLevel }
>;

/**
 * The edge's settings: schema + environment → one typed, frozen object; folders are absolute. A wrong value throws `setting.invalid`
 * with the setting's name and what is allowed. The key may be missing: the child process is not given it.
 */
export function readSettings(env: NodeJS.ProcessEnv, cwd = process.cwd()): Settings {
  const values = readEnvironment(EdgeSettings, env);
  const { DEVICE_ID, EDGE_HOST, FLOWS_DIR } = values;
  if (DEVICE_ID === undefined) {
    throw missing('DEVICE_ID', 'is not set: give the id under which this device is registered on the server');
  }
  if (!isLoopback(EDGE_HOST) && !values.TRUST_LAN) {
    throw missing('EDGE_HOST', `${JSON.stringify(EDGE_HOST)} is reachable from the network; that needs TRUST_LAN=1`);
  }
  const dataDir = resolve(cwd, values.EDGE_DATA_DIR);
  return Object.freeze({
    ...values,
    DEVICE_ID,
    EDGE_DATA_DIR: dataDir,
    FLOWS_DIR: FLOWS_DIR === undefined ? resolve(dataDir, 'flows') : resolve(cwd, FLOWS_DIR),
    LOG_LEVEL: values.LOG_LEVEL as LogLevel,
  });
}

/** What is known before the device has a name: who paired it, and where that is kept, says the rest. */
export function readUnnamed(
  env: NodeJS.ProcessEnv,
  cwd = process.cwd(),
): { server: string; folder: string; device?: string | undefined; key?: string | undefined } {
  const { SERVER_URL, EDGE_DATA_DIR, DEVICE_ID, DEVICE_KEY } = readEnvironment(EdgeSettings, env);
  return { server: SERVER_URL, folder: resolve(cwd, EDGE_DATA_DIR), device: DEVICE_ID, key: DEVICE_KEY };
}

function missing(name: string, why: string): AppError {
  return new AppError('setting.invalid', `${name}: ${why}`, { field: name });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
