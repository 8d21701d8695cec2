import { EVENT_TYPES } from '../contracts/events.ts';
import { describedCamera, HOME_ASSISTANT, HOME_ASSISTANT_STATUS } from '../contracts/home-assistant.ts';
import { isId } from '../contracts/ids.ts';
import { deviceTopics, parseDeviceTopic, serverStateTopic } from '../contracts/topics.ts';

/** Who is behind a connection. */
export type Principal = DevicePrincipal | UserPrincipal;

export interface DevicePrincipal {
  kind: 'device';
  id: string;
  /** whether the credential still holds; asked now and then while the connection is open */
  stillValid?: () => Promise<boolean>;
}

/** A person's app password, as Home Assistant uses one. */
export interface UserPrincipal {
  kind: 'user';
  name: string;
  /** null: all */
  cameras: string[] | null;
  /** may write `set` topics */
  mayControl: boolean;
  stillValid?: () => Promise<boolean>;
}

export type PublicationKind =
  | 'state'
  | 'info'
  | 'heartbeat'
  | 'response'
  | 'flow-reported'
  | 'event'
  | 'camera-state'
  | 'camera-motion'
  | 'camera-set';

/** What a topic is about, and what may be sent there. */
export interface Publication {
  kind: PublicationKind;
  device: string;
  mayRetain: boolean;
  maxBytes: number;
}

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const KB = 1024;

/** What the principal would publish with this topic; undefined when it may not (CONTRACTS §5, rows marked ←). */
export function publicationOf(site: string, who: Principal, topic: string): Publication | undefined {
  const parsed = parseDeviceTopic(site, topic);
  if (parsed === undefined || !isId(parsed.device)) return undefined;
  const { device, path } = parsed;
  if (who.kind === 'device') return device === who.id ? fromDevice(device, path) : undefined;
  const [branch, camera = '', control = '', verb] = path;
  const isSet = branch === 'c' && isId(camera) && NAME.test(control) && verb === 'set' && path.length === 4;
  if (!isSet || !who.mayControl || !sees(who, camera)) return undefined;
  return { kind: 'camera-set', device, mayRetain: false, maxBytes: 16 * KB };
}

function fromDevice(device: string, path: string[]): Publication | undefined {
  const [branch = '', second = '', third = '', fourth] = path;
  if (path.length === 1) {
    if (branch === 'state') return { kind: 'state', device, mayRetain: true, maxBytes: KB };
    if (branch === 'info') return { kind: 'info', device, mayRetain: true, maxBytes: 64 * KB };
    if (branch === 'hb') return { kind: 'heartbeat', device, mayRetain: false, maxBytes: KB };
  }
  if (path.length === 2) {
    if (branch === 'rsp' && NAME.test(second))
      return { kind: 'response', device, mayRetain: false, maxBytes: 256 * KB };
    if (branch === 'flow' && second === 'reported')
      return { kind: 'flow-reported', device, mayRetain: true, maxBytes: 64 * KB };
    if (branch === 'evt' && EVENT_TYPES.some((type) => type === second))
      return { kind: 'event', device, mayRetain: false, maxBytes: 64 * KB };
  }
  if (branch !== 'c' || !isId(second)) return undefined;
  if (path.length === 3 && third === 'state')
    return { kind: 'camera-state', device, mayRetain: true, maxBytes: 16 * KB };
  if (path.length === 3 && third === 'motion') return { kind: 'camera-motion', device, mayRetain: true, maxBytes: KB };
  if (path.length === 4 && NAME.test(third) && fourth === 'state')
    return { kind: 'camera-state', device, mayRetain: true, maxBytes: 16 * KB };
  return undefined;
}

/** Whether this is Home Assistant's word that it is there: its birth message or will, under a user's app password. */
export function isHomeAssistantStatus(who: Principal, topic: string): boolean {
  return who.kind === 'user' && topic === HOME_ASSISTANT_STATUS;
}

/** Whether the principal may ask for this filter. A device may only for exactly its own ones. */
export function maySubscribe(site: string, who: Principal, filter: string): boolean {
  if (who.kind === 'device') return deviceFilters(site, who.id).includes(filter);
  // What a person's filter matches is looked at message by message, in `mayReceive`.
  if (filter.startsWith(`${HOME_ASSISTANT}/`)) return true;
  return filter === serverStateTopic(site) || filter.startsWith(deviceRoot(site)) || filter === `${siteOf(site)}#`;
}

/** Whether a message may reach the principal: asked again for each one, whatever its subscription was. */
export function mayReceive(site: string, who: Principal, topic: string): boolean {
  if (topic === serverStateTopic(site)) return true;
  if (who.kind === 'user' && topic.startsWith(`${HOME_ASSISTANT}/`)) {
    if (who.cameras === null || topic === HOME_ASSISTANT_STATUS) return true;
    const camera = describedCamera(site, topic);
    return camera !== undefined && sees(who, camera);
  }
  const parsed = parseDeviceTopic(site, topic);
  if (parsed === undefined) return false;
  const [branch = '', second = '', third, fourth] = parsed.path;
  if (who.kind === 'device') {
    if (parsed.device !== who.id) return false;
    if (branch === 'cmd') return parsed.path.length === 2;
    if (branch === 'state') return parsed.path.length === 1;
    if (branch === 'c') return parsed.path.length === 4 && fourth === 'set';
    return (branch === 'flow' || branch === 'cfg') && second === 'desired' && parsed.path.length === 2;
  }
  if (branch === 'c') return sees(who, second) && third !== undefined && fourth !== 'set';
  // Events and the state of a device tell of all its cameras: for whoever may see all of them.
  return who.cameras === null && ['state', 'info', 'hb', 'evt'].includes(branch);
}

/** The filters of a device, and no others. */
export function deviceFilters(site: string, device: string): string[] {
  const topics = deviceTopics(site, device);
  return [
    topics.commands,
    topics.flowDesired,
    topics.configDesired,
    topics.cameraControls,
    // Its own, so that it sees the will of a session it has long left (decision 0020).
    topics.state,
    serverStateTopic(site),
  ];
}

function sees(who: UserPrincipal, camera: string): boolean {
  return who.cameras === null || who.cameras.includes(camera);
}

function siteOf(site: string): string {
  return serverStateTopic(site).slice(0, -'server/state'.length);
}

function deviceRoot(site: string): string {
  return `${siteOf(site)}d/`;
}
