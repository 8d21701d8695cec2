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
