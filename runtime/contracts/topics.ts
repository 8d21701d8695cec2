/** Builds and takes apart the MQTT topics of CONTRACTS §5; nobody else writes a topic as a string. */
export const TOPIC_ROOT = 'redeye/v1';

/** The prefix of one site: `redeye/v1/<site>`. */
export function siteRoot(site: string): string {
  return `${TOPIC_ROOT}/${site}`;
}

/** Topics of one device. */
export function deviceTopics(site: string, device: string) {
  const root = `${siteRoot(site)}/d/${device}`;
  return {
    root,
    state: `${root}/state`,
    info: `${root}/info`,
    heartbeat: `${root}/hb`,
    command: (name: string) => `${root}/cmd/${name}`,
    commands: `${root}/cmd/+`,
    response: (requester: string) => `${root}/rsp/${requester}`,
    flowDesired: `${root}/flow/desired`,
    flowReported: `${root}/flow/reported`,
    configDesired: `${root}/cfg/desired`,
    event: (type: string) => `${root}/evt/${type}`,
    cameraState: (camera: string) => `${root}/c/${camera}/state`,
    cameraMotion: (camera: string) => `${root}/c/${camera}/motion`,
    /** for Home Assistant: `{event_type, …}`, and the small picture of the last event as bytes */
    cameraEvent: (camera: string) => `${root}/c/${camera}/event`,
    cameraLastEvent: (camera: string) => `${root}/c/${camera}/last_event`,
    cameraControl: (camera: string, control: string) => `${root}/c/${camera}/${control}/set`,
    cameraControls: `${root}/c/+/+/set`,
    cameraControlState: (camera: string, control: string) => `${root}/c/${camera}/${control}/state`,
  };
}

/** The server's own state topic, retained, with will. */
export function serverStateTopic(site: string): string {
  return `${siteRoot(site)}/server/state`;
}

/** Splits a topic below `…/d/<device>/`; undefined for any other topic. */
export function parseDeviceTopic(site: string, topic: string): { device: string; path: string[] } | undefined {
  const prefix = `${siteRoot(site)}/d/`;
  if (!topic.startsWith(prefix)) return undefined;
  const [device, ...path] = topic.slice(prefix.length).split('/');
  return device && path.length > 0 ? { device, path } : undefined;
}

/** The topics of CONTRACTS §5 as a table; the generated page is made from it. Topics below `…/d/<device>/`. */
export const DEVICE_TOPICS: readonly {
  topic: string;
  direction: 'to the server' | 'to the device';
  retained: boolean;
  body: string;
  meaning: string;
}[] = [
  {
    topic: 'state',
    direction: 'to the server',
    retained: true,
    body: '{v, ts, state: online | offline | degraded | updating, session}',
    meaning: 'also the will; a device that sees an older session here publishes its own again',
  },
  {
    topic: 'info',
    direction: 'to the server',
    retained: true,
    body: '{v, ts, version, node, platform, node_types, cameras: [{id, driver, state}]}',
    meaning: 'what the device is, at each connect',
  },
  {
    topic: 'hb',
    direction: 'to the server',
    retained: false,
    body: '{v, ts, rssi?, battery_mv?, fw_version?, health?}',
    meaning: 'heartbeat every 30 s, QoS 0, at most 1 kB',
  },
  {
    topic: 'cmd/<name>',
    direction: 'to the device',
    retained: false,
    body: '{id, reply_to, counter, issued_at, expires_at, args}',
    meaning: 'a command; never retained, never run twice',
  },
  {
    topic: 'rsp/<requester>',
    direction: 'to the server',
    retained: false,
    body: '{id, status: ok | error | accepted | progress, code, data, error}',
    meaning: 'the answer',
  },
  {
    topic: 'flow/desired',
    direction: 'to the device',
    retained: false,
    body: '{v, ts, generation, id, url, sha256, size, signature, key_id}',
    meaning:
      'flows to run: a signed pointer to a bundle, fetched by HTTP; sent at each connect and change; the generation rises',
  },
  {
    topic: 'flow/reported',
    direction: 'to the server',
    retained: true,
    body: '{v, ts, generation, phase, revision, slot?, reason?, code?}',
    meaning:
      'fetching, verifying, staged, switching, probation, active, rejected or rolled_back; and the revision of what runs',
  },
  {
    topic: 'cfg/desired',
    direction: 'to the device',
    retained: false,
    body: '{v, ts, version}',
    meaning: 'fetch the configuration by HTTP, which is the authority; sent at each connect and change',
  },
  {
    topic: 'evt/<type>',
    direction: 'to the server',
    retained: false,
    body: '{v, ts, n, phase: start | end, event}',
    meaning: 'an event; by the server for what it detects, with a number that repeats after a crash',
  },
  {
    topic: 'c/<camera>/motion',
    direction: 'to the server',
    retained: true,
    body: '{v, ts, motion}',
    meaning: 'whether an interaction is going on; by the server',
  },
  {
    topic: 'c/<camera>/state',
    direction: 'to the server',
    retained: true,
    body: '{v, ts, state: idle | live | stalled | failed, driver, reason?}',
    meaning: 'how a camera of the device is, at each connect and change',
  },
  {
    topic: 'c/<camera>/<control>/set',
    direction: 'to the device',
    retained: false,
    body: '{value}',
    meaning:
      'sets exposure, gain, fps (a number; null: the camera finds it) or resolution ({width, height}); by a user’s app password too',
  },
  {
    topic: 'c/<camera>/<control>/state',
    direction: 'to the server',
    retained: true,
    body: '{v, ts, value, range?, choices?, error?}',
    meaning: 'how a control is, and why the last set did nothing; only of what can be set',
  },
  {
    topic: 'c/<camera>/event',
    direction: 'to the server',
    retained: false,
    body: '{v, ts, event_type, id, score, stock_changed, started_at, ended_at}',
    meaning: 'what happened, for Home Assistant (HA_DISCOVERY); by the server',
  },
  {
    topic: 'c/<camera>/last_event',
    direction: 'to the server',
    retained: true,
    body: 'JPEG, at most 200 kB',
    meaning: 'the small picture of the last event, for Home Assistant (HA_DISCOVERY); by the server',
  },
];
