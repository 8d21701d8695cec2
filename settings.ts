import { isIP } from 'node:net';
import { isAbsolute, resolve } from 'node:path';
import { type Static, Type } from 'typebox';
import { DIALECT_NAMES, OPEN_DIALECT } from './runtime/contracts/dialects.ts';
import { AppError } from './runtime/contracts/errors.ts';
import { ID_PATTERN, SERVICE_CAMERA } from './runtime/contracts/ids.ts';
import { readEnvironment } from './runtime/lib/environment.ts';
import { parseOutsideAddress } from './runtime/lib/outside-address.ts';

const port = (value: number, description: string, minimum = 1) =>
  Type.Integer({ default: value, minimum, maximum: 65_535, description });
const text = (description: string, options: Record<string, unknown> = {}) =>
  Type.Optional(Type.String({ minLength: 1, description, ...options }));
const list = (description: string, options: Record<string, unknown> = {}, pattern = '.') =>
  Type.Array(Type.String({ pattern }), { default: [], list: true, description, ...options });

/** Every setting of the server: name, type, default, meaning. `docs/generated/settings.md` is made from it. */
export const ServerSettings = Type.Object({
  PORT: port(1880, 'HTTP port: console, editor, API, ingest, MQTT over WebSocket'),
  HOST: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    description:
      'address to listen on; any but a loopback one needs TLS_CERT and TLS_KEY, or TRUST_LAN=1; MQTT binds alike',
  }),
  TLS_CERT: text('PEM file of the certificate (chain)'),
  TLS_KEY: text('PEM file of its private key'),
  TRUST_LAN: Type.Boolean({
    default: false,
    description: 'serve plain HTTP and MQTT to the network, with a banner that says so',
  }),
  PUBLIC_URL: text('address under which people reach the server, when it is not http(s)://HOST:PORT; may hold a path', {
    pattern: '^https?://[^\\s?#@]+$',
  }),
  TRUST_PROXY: text(
    'addresses and networks of reverse proxies whose X-Forwarded-* headers count, as loopback,10.0.0.0/8; also linklocal and uniquelocal; or how many stand one behind the other, 1 to 9',
  ),
  DATA_DIR: Type.String({
    default: './data',
    minLength: 1,
    description: 'folder for everything that is kept; one process only',
  }),
  FLOWS_DIR: text(
    'folder of the flows: server/ and edge/, one file a tab; may be a git checkout (default: DATA_DIR/flows)',
  ),
  DATABASE_URL: text(
    'PostgreSQL, as postgres://user:password@host/database; without it an embedded PGlite in DATA_DIR',
    {
      secret: true,
      pattern: '^postgres(ql)?://',
    },
  ),
  MQTT_PORT: port(1883, 'port of the built-in MQTT broker; 0 turns the port off (WebSocket at /mqtt stays)', 0),
  MQTTS_PORT: port(0, 'port of the broker over TLS, with TLS_CERT and TLS_KEY; listens where HOST does; 0: none', 0),
  MQTT_URL: text(
    'an outside MQTT broker, as mqtts://user:password@broker.example:8883, instead of the built-in one: MQTT_PORT, MQTTS_PORT and /mqtt are not served then',
    { secret: true, pattern: '^(mqtt|ws)s?://[^\\s]+$' },
  ),
  MQTT_PUBLIC_URL: text(
    'where devices reach the broker of MQTT_URL, when that is another address than the server’s, as mqtts://broker.example:8883',
    { pattern: '^(mqtt|ws)s?://[^\\s@]+$', secret: true },
  ),
  WEBRTC_UDP_PORT: port(8189, 'UDP port of WebRTC, for all viewers; 0 turns WebRTC off', 0),
  WEBRTC_HOSTS: list(
    'addresses or names under which viewers reach WEBRTC_UDP_PORT where they are not this machine’s own, as behind a router',
    { aliases: ['TURN_EXTERNAL_IP'] },
    '^[^\\s!?#@]+$',
  ),
  ICE_SERVERS: list(
    'STUN and TURN servers that players are told of, as stun:host:3478 or turn:user:password@host:3478?transport=tcp; the server itself asks them (over UDP) how its own port is seen from outside',
    { aliases: ['LIVEKIT_ICE_SERVERS'], secret: true },
    '^(stuns?|turns?):[^\\s]+$',
  ),
  TURN_URLS: list(
    'TURN servers that take TURN_STATIC_SECRET, as turns:host:5349?transport=tcp',
    {},
    '^turns?:[^\\s@]+$',
  ),
  TURN_REALM: text(
    'realm of the TURN server: read by deploy/compose for coturn, which tells it to players itself; the server has no use for it',
    { pattern: '^[^\\s]+$' },
  ),
  TURN_STATIC_SECRET: text("coturn's static-auth-secret: each player gets credentials of its own, for a day", {
    secret: true,
  }),
  SERVICE_TIMEOUT: Type.Integer({
    default: 30_000,
    minimum: 100,
    maximum: 600_000,
    description: 'how long the camera service behind http: or relab+http: may take for an answer, ms',
  }),
  PYTHON_CAMERA_URL: text(
    'address of a camera service, as http://localhost:8001: the server then has the camera `camera-service` there, and dialects of one camera mean it unless DIALECT_CAMERA names another',
    { pattern: '^https?://[^\\s]+$', secret: true },
  ),
  FFMPEG_PATH: Type.String({ default: 'ffmpeg', minLength: 1, description: 'the ffmpeg to use (5.1 or newer)' }),
  RTMP_URL: text('where pushes go that name no destination, as rtmps://host/app or whips://host/path', {
    pattern: '^(rtmp|whip)s?://[^\\s]+$',
    secret: true,
  }),
  STREAM_KEY: text('the key that goes with RTMP_URL', { secret: true }),
  PUSH_KEY_FILE: text('file with RTMP_URL= and STREAM_KEY= for such pushes, read at each start of one'),
  PUBLISHER_HEALTH_FILE: text(
    'file that is kept with the state of all pushes (default: DATA_DIR/publisher_health.json)',
    { aliases: ['HEALTH_FILE'] },
  ),
  LIVEKIT_URL: text('LiveKit server, as https://live.example or http://127.0.0.1:7880', {
    aliases: ['LIVEKIT_HOST'],
    pattern: '^(https?|wss?)://[^\\s]+$',
  }),
  LIVEKIT_PUBLIC_URL: text('where browsers reach it, when that is not LIVEKIT_URL, as wss://live.example', {
    pattern: '^(https?|wss?)://[^\\s]+$',
  }),
  LIVEKIT_API_KEY: text("one of LiveKit's keys"),
  LIVEKIT_API_SECRET: text('its secret', { secret: true }),
  YOUTUBE_CLIENT_ID: text('OAuth client of a Google project with the YouTube Data API, for streams to YouTube'),
  YOUTUBE_CLIENT_SECRET: text('its secret', { secret: true }),
  YOUTUBE_API_URL: text('a stand-in for the YouTube API, for tests', { pattern: '^https?://[^\\s]+$' }),
  ADMIN_PASSWORD: text(
    "the first start's password of the user admin, at least 12 characters; without it a random one is printed once",
    {
      secret: true,
      minLength: 12,
    },
  ),
  SITE: Type.String({
    default: 'home',
    pattern: '^[a-z0-9][a-z0-9_-]{0,62}$',
    description: 'name of this site: a topic prefix, nothing more',
  }),
  EDITOR: Type.Boolean({
    default: true,
    description:
      'on or off: serve the flow editor at /editor; any other value is some text editor of the shell, and ignored',
  }),
  EDITOR_PORT: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 65535,
      description: 'serve the flow editor at a port, and so an origin, of its own; /editor at PORT leads there',
    }),
  ),
  UNSAFE_NODES: Type.Boolean({ default: false, description: 'allow the exec, file, tcp and udp nodes in flows' }),
  OPEN_PATHS: list("paths of flows' http-in nodes that answer without a credential, as /hook,/public/*", {}, '^/'),
  OPEN_DIALECTS: Type.Array(Type.String({ pattern: OPEN_DIALECT }), {
    default: [],
    list: true,
    description: `dialects of other systems that answer without a credential (${DIALECT_NAMES.join(', ')}); with @lan only to private addresses, as relab@lan`,
  }),
  MEDIAMTX_PORTS: Type.Boolean({
    default: false,
    description: 'answer at the ports of MediaMTX too: 8889 WHEP, 8888 HLS, 9997 its reading API, 9998 metrics',
  }),
  DIALECT_CAMERA: text('id of the camera that dialects of one camera mean; without it the only or oldest one', {
    pattern: ID_PATTERN,
  }),
  SIGNING_KEY_FILE: text(
    'file with the key that signs flows for devices (default: DATA_DIR/signing-key.json, made at the first start); empty: deployments wait for signatures of npm run sign, made elsewhere',
  ),
  HA_DISCOVERY: Type.Boolean({
    default: false,
    description: 'describe cameras and devices to Home Assistant by MQTT discovery, under homeassistant/',
  }),
  CORS_ORIGINS: list(
    'origins whose pages may call the API, as https://shop.example, without a path; none by default',
    {},
    '^https?://[^/\\s?#@*]+$',
  ),
  CAMERA_URL_ALLOW: list('networks (CIDR) that camera addresses given through the API may lie in', {
    default: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
  }),
  RETENTION_EVENT_IMAGES_DAYS: Type.Number({
    default: 7,
    minimum: 0.01,
    description: "days that events' pictures are kept; the events themselves, and kept ones' pictures, stay",
  }),
  RETENTION_STAGING_HOURS: Type.Number({
    default: 24,
    minimum: 0.01,
    description: 'hours that frames are kept, counted from their receipt',
  }),
  RETENTION_MAX_GB: Type.Optional(
    Type.Number({
      minimum: 0.01,
      description:
        "size of frames and events' pictures together, in GB; the oldest frames go first; no limit by default",
    }),
  ),
  RETENTION_MIN_FREE_GB: Type.Number({
    default: 2,
    minimum: 0,
    description:
      'what is to stay free on the disk, in GB: the oldest frames are deleted when it is less; 0 for no limit',
  }),
  LOG_LEVEL: Type.Enum(['debug', 'info', 'warn', 'error', 'silent'], {
    default: 'info',
    description: 'how much is logged',
  }),
  LOG_FILE: text('file that the log is written to as well; at 10 MB it becomes <file>.1, and a new one begins'),
});

type Values = Static<typeof ServerSettings>;
export type Settings = Readonly<
  Omit<Values, 'FLOWS_DIR' | 'SIGNING_KEY_FILE'> & {
    FLOWS_DIR: string;
    /** empty: signatures are made elsewhere */
    SIGNING_KEY_FILE: string;
  }
>;

/**
 * The server's settings: schema + environment → one typed, frozen object; folders are absolute. A wrong value throws
 * `setting.invalid` with the setting's name and what is allowed.
 */
export function readSettings(env: NodeJS.ProcessEnv, cwd = process.cwd()): Settings {
  const values = readEnvironment(ServerSettings, withoutTextEditor(env));
  const dataDir = resolve(cwd, values.DATA_DIR);
  if ((values.TLS_CERT === undefined) !== (values.TLS_KEY === undefined)) {
    const name = values.TLS_CERT === undefined ? 'TLS_CERT' : 'TLS_KEY';
    throw new AppError('setting.invalid', `${name}: TLS_CERT and TLS_KEY go together, and this one is missing`, {
      field: name,
    });
  }
  if (values.MQTTS_PORT !== 0 && values.TLS_CERT === undefined) {
    throw new AppError('setting.invalid', 'MQTTS_PORT: TLS needs TLS_CERT and TLS_KEY', { field: 'MQTTS_PORT' });
  }
  if (values.PUBLIC_URL !== undefined && !URL.canParse(values.PUBLIC_URL))
    throw new AppError('setting.invalid', `PUBLIC_URL: ${JSON.stringify(values.PUBLIC_URL)} is no address`, {
      field: 'PUBLIC_URL',
    });
  if (!isHops(values.TRUST_PROXY)) for (const proxy of values.TRUST_PROXY?.split(',') ?? []) checkProxy(proxy.trim());
  if (values.MQTT_URL !== undefined) parseOutsideAddress(values.MQTT_URL);
  if (values.EDITOR_PORT === values.PORT)
    throw new AppError('setting.invalid', 'EDITOR_PORT: that is PORT already; leave it out, or choose another one', {
      field: 'EDITOR_PORT',
    });
  if (!isLoopback(values.HOST) && values.TLS_CERT === undefined && !values.TRUST_LAN) {
    throw new AppError(
      'setting.invalid',
      `HOST: ${JSON.stringify(values.HOST)} is reachable from the network; that needs TLS_CERT and TLS_KEY, or TRUST_LAN=1`,
      { field: 'HOST' },
    );
  }
  const flowsDir = values.FLOWS_DIR ?? 'flows';
  const signingKey = env.SIGNING_KEY_FILE?.trim() === '' ? '' : values.SIGNING_KEY_FILE;
  return Object.freeze({
    ...values,
    ...(values.PYTHON_CAMERA_URL !== undefined && { DIALECT_CAMERA: values.DIALECT_CAMERA ?? SERVICE_CAMERA }),
    DATA_DIR: dataDir,
    SIGNING_KEY_FILE:
      signingKey === undefined ? resolve(dataDir, 'signing-key.json') : signingKey && resolve(cwd, signingKey),
    FLOWS_DIR: isAbsolute(flowsDir) ? flowsDir : values.FLOWS_DIR ? resolve(cwd, flowsDir) : resolve(dataDir, flowsDir),
  });
}

const PROXY_NAMES = ['loopback', 'linklocal', 'uniquelocal'];

/** How many proxies stand in front, one behind the other. */
function isHops(proxies: string | undefined): boolean {
  return proxies !== undefined && /^[1-9]$/.test(proxies.trim());
}

/** Express ends the start over a name with words of its own. */
function checkProxy(proxy: string): void {
  const [address = '', bits, ...rest] = proxy.split('/');
  const version = isIP(address);
  const isNetwork = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 6 ? 128 : 32));
  if (PROXY_NAMES.includes(proxy) || (version !== 0 && isNetwork && rest.length === 0)) return;
  throw new AppError(
    'setting.invalid',
    `TRUST_PROXY: ${JSON.stringify(proxy)} is no address, no network as 10.0.0.0/8, no number of proxies from 1 to 9, and none of ${PROXY_NAMES.join(', ')}`,
    { field: 'TRUST_PROXY' },
  );
}

/** Shells and npm itself set EDITOR to a program (`vi`): only what can be meant for us is ours. */
function withoutTextEditor(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(on|off|true|false|yes|no|0|1)$/i.test(env.EDITOR ?? '');
  return ours ? env : { ...env, EDITOR: undefined };
}

/** Tells whether an address of HOST is reachable from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
