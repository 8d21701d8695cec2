import { randomUUID } from 'node:crypto';
import { join, sep } from 'node:path';
import { createBroker } from './broker/broker.ts';
import type { BrokerHandlers } from './broker/inbox.ts';
import type { MessageBroker } from './broker/message-broker.ts';
import { OutsideBroker, type OutsideBrokerOptions } from './broker/outside-broker.ts';
import type { UserPrincipal } from './broker/rights.ts';
import type { CameraState } from './contracts/cameras.ts';
import type { CommandAnswer } from './contracts/commands.ts';
import { AppError } from './contracts/errors.ts';
import type { Clock, Log } from './contracts/host.ts';
import type { ConfigDesiredMessage } from './contracts/mqtt-messages.ts';
import { deviceTopics } from './contracts/topics.ts';
import type { Db } from './db/db.ts';
import { Commands } from './fleet/commands/commands.ts';
import { BundleFiles } from './fleet/deployments/bundle-files.ts';
import { Deployments, type DeploymentsOptions } from './fleet/deployments/deployments.ts';
import { SigningKeys } from './fleet/deployments/signing-keys.ts';
import { createFleet, type Fleet } from './fleet/fleet.ts';
import { HomeAssistantDiscovery } from './fleet/home-assistant/discovery.ts';
import type { Accounts } from './http/auth/accounts.ts';
import { AppPasswords } from './http/auth/app-passwords.ts';
import { uuidv7 } from './lib/ids.ts';
import { addressForDevices, parseOutsideAddress } from './lib/outside-address.ts';
import { createCipher } from './lib/secrets.ts';

/** A device that is there says what it runs at once; a small one with many flows takes a moment. */
const FLOWS_ANSWER_MS = 10_000;

export interface DevicesParts {
  settings: {
    SITE: string;
    HOST: string;
    MQTT_PORT: number;
    MQTTS_PORT?: number;
    /** a broker that stands elsewhere, instead of the built-in one */
    MQTT_URL?: string | undefined;
    MQTT_PUBLIC_URL?: string | undefined;
    TLS_CERT?: string | undefined;
    TLS_KEY?: string | undefined;
    DATA_DIR: string;
    FLOWS_DIR: string;
    SIGNING_KEY_FILE: string;
    HA_DISCOVERY: boolean;
  };
  /** where MQTT without TLS is listened to: HOST, or only this machine */
  mqttHost: string;
  secrets: { pepper: Buffer; urls: Buffer; node?: Buffer };
  db: Db;
  clock: Clock;
  log: Log;
  checkUrl: (url: string) => Promise<void>;
  reservedCameraIds: ReadonlySet<string>;
  /** address of the server as devices reach it; may hold a path */
  publicUrl: URL;
  /** who has app passwords, and hears when their rights change */
  accounts: Pick<Accounts, 'appPasswords' | 'people'>;
  /** somebody sets a control of one of the server's own cameras */
  onControl?: (camera: string, control: string, body: unknown) => void;
  /** how one of the server's own cameras is */
  localCameraState: (camera: string) => CameraState | undefined;
  /** the small picture of an event */
  eventPicture: (event: string) => Promise<Buffer>;
  version: string;
  /** waits at an outside broker, where they are not the usual ones (tests) */
  outsideTimes?: OutsideBrokerOptions['times'];
}

export interface Devices {
  fleet: Fleet;
  broker: MessageBroker;
  commands: Commands;
  deployments: Deployments;
  /** undefined unless HA_DISCOVERY is on */
  homeAssistant: HomeAssistantDiscovery | undefined;
}

/** The register of devices, what they are told to do, and the broker they come to, each told of what the others see. The caller starts them. */
export function createDevices(parts: DevicesParts): Devices {
  const { settings, mqttHost, secrets, db, clock, log, checkUrl, reservedCameraIds, localCameraState, accounts } =
    parts;
  const fleet = createFleet({
    db,
    clock,
    log: log.child('fleet'),
    site: settings.SITE,
    pepper: secrets.pepper,
    urlCipher: createCipher(secrets.urls),
    checkUrl,
    reservedCameraIds,
    mqttUrl: () => mqttUrl(parts),
    localCameraState,
    signing: () => deployments.signing(),
    notifyConfig: (device, version) => tellConfig(device, version),
    onRevoked: (device) => broker.disconnect(device),
    onMembership: (device) => void deployments.deviceCame(device),
  });
  const handlers: BrokerHandlers = {
    onConnected: () => undefined,
    async onDisconnected(device) {
      commands.deviceGone(device);
      await fleet.markOffline(device);
    },
    onCommandsWanted: (device) => commands.deviceListens(device),
    onFlowWanted: (device) => deployments.deviceListens(device),
    async onMessage(device, { kind, topic, body }) {
      if (kind === 'camera-set') parts.onControl?.(...controlIn(topic), body);
      if (kind === 'flow-reported') await deployments.hear(device, body);
      if (kind !== 'response') return;
      await commands.hear(device, topic.slice(topic.lastIndexOf('/') + 1), body as CommandAnswer);
    },
    async onConfigWanted(device) {
      const version = await fleet.configVersion(device);
      if (version !== undefined) tellConfig(device, version);
    },
    onState: (device, { state, session }) => fleet.markOnline(device, state, session),
    async onInfo(device, message) {
      await fleet.noteInfo(device, message);
      void deployments.deviceCame(device);
    },
    onHeartbeat: async (device, message) => void (await fleet.heartbeat({ ...message, device_id: device })),
  };
  const onHomeAssistant = () => homeAssistant?.born();
  const outside = { handlers, onHomeAssistant, isAdmitted: (device: string) => isAdmitted(fleet, device) };
  const own = (): MessageBroker =>
    createBroker({
      site: settings.SITE,
      host: mqttHost,
      port: settings.MQTT_PORT,
      tls: tlsOf(settings),
      clock,
      log: log.child('broker'),
      async authenticate(username, password) {
        const shown = password.toString('utf8');
        if (AppPasswords.isOne(shown)) return userPrincipal(accounts.appPasswords, username, shown);
        const device = await fleet.deviceOfKey(shown);
        if (!device || device.disabled) return undefined;
        const stillValid = async () => {
          const now = await fleet.deviceOfKey(shown);
          return now?.id === device.id && !now.disabled;
        };
        return { kind: 'device', id: device.id, stillValid };
      },
      onHomeAssistant,
      handlers,
    });
  const broker = settings.MQTT_URL === undefined ? own() : createOutside(parts, settings.MQTT_URL, outside);
  const tellConfig = (device: string, version: number) => {
    const topic = deviceTopics(settings.SITE, device).configDesired;
    broker
      .publish(topic, { v: 1, ts: clock.now(), version } satisfies ConfigDesiredMessage)
      .catch((error) => log.warn('a device was not told of its configuration', { device, error }));
  };
  const commands = new Commands({
    db,
    clock,
    log: log.child('commands'),
    newId: uuidv7,
    isConnected: (device) => broker.isConnected(device),
    publish: (device, name, body) => broker.publish(deviceTopics(settings.SITE, device).command(name), body),
  });
  // Its programs come back with the rights of now, or not at all.
  accounts.people.onRights(({ name }) => broker.disconnectUser(name));
  const deployments = createDeployments(parts, {
    publish: (device, body) => broker.publish(deviceTopics(settings.SITE, device).flowDesired, body),
    askFlows: (device) => commands.request(device, 'flows', {}, { timeoutMs: FLOWS_ANSWER_MS }),
  });
  const homeAssistant = settings.HA_DISCOVERY ? createDiscovery(parts, fleet, broker) : undefined;
  return { fleet, broker, commands, deployments, homeAssistant };
}

/** The link to the broker that MQTT_URL names; its user names and rights are that one's. */
function createOutside(
  { settings, secrets, clock, log, outsideTimes: times }: DevicesParts,
  url: string,
  told: Pick<OutsideBrokerOptions, 'handlers' | 'isAdmitted' | 'onHomeAssistant'>,
): MessageBroker {
  const address = parseOutsideAddress(url);
  const name = secrets.node?.toString('hex', 0, 6) ?? randomUUID().slice(-12);
  log.info('MQTT is done by an outside broker; this server listens to none', { broker: address.url });
  // 23 characters are what every broker has to take (MQTT 3.1.1 §3.1.3.1).
  return new OutsideBroker({
    ...told,
    ...(times && { times }),
    site: settings.SITE,
    address,
    clientId: `redeye-${name}`,
    clock,
    log: log.child('broker'),
  });
}

/** Whether what a device says counts: it is registered, and not shut out. */
async function isAdmitted(fleet: Fleet, id: string): Promise<boolean> {
  try {
    return !(await fleet.device(id)).disabled;
  } catch (error) {
    if (error instanceof AppError && error.code === 'device.not_found') return false;
    throw error;
  }
}

function createDiscovery(parts: DevicesParts, fleet: Fleet, broker: MessageBroker): HomeAssistantDiscovery {
  const { settings, clock, log, publicUrl, version, eventPicture } = parts;
  /** what each device has ever measured */
  const told = new Map<string, string>();
  return new HomeAssistantDiscovery({
    site: settings.SITE,
    version,
    url: publicUrl.href.replace(/\/$/, ''),
    file: join(settings.DATA_DIR, 'home-assistant.json'),
    devices: () => fleet.devices(),
    cameras: () => fleet.cameras(),
    watch(onChange) {
      const cameras = fleet.onCamerasChanged(onChange);
      const words = fleet.words.watch({ kinds: ['info', 'heartbeat'] }, (word) => {
        if (word.kind === 'heartbeat') {
          const { health = {}, rssi } = word.heartbeat;
          const names = [...Object.keys(health as object), ...(rssi === undefined ? [] : ['rssi'])].sort().join();
          if (told.get(word.device) === names) return;
          told.set(word.device, names);
        }
        onChange();
      });
      return () => {
        cameras();
        words();
      };
    },
    publish: (topic, body, options) => broker.publish(topic, body, options),
    publishBytes: (topic, payload, options) => broker.publishBytes(topic, payload, options),
    picture: eventPicture,
    clock,
    log: log.child('home-assistant'),
  });
}

/** Camera and control of `…/c/<camera>/<control>/set`. */
function controlIn(topic: string): [camera: string, control: string] {
  const [camera = '', control = ''] = topic.split('/').slice(-3, -1);
  return [camera, control];
}

/** Flows for devices: the key and the bundles lie in the data folder, unless the key is elsewhere. */
function createDeployments(
  { settings, secrets, db, clock, log }: DevicesParts,
  talk: Pick<DeploymentsOptions, 'publish' | 'askFlows'>,
): Deployments {
  const { DATA_DIR, FLOWS_DIR, SIGNING_KEY_FILE: file } = settings;
  const own = log.child('deployments');
  return new Deployments({
    db,
    clock,
    log: own,
    newId: uuidv7,
    files: new BundleFiles(join(DATA_DIR, 'bundles')),
    keys: new SigningKeys({
      db,
      clock,
      log: own,
      file: file === '' ? undefined : file,
      mayMake: file.startsWith(DATA_DIR + sep),
    }),
    flowsDir: FLOWS_DIR,
    userDir: join(DATA_DIR, 'node-red'),
    secret: secrets.pepper,
    ...talk,
  });
}

/** The program behind a user's app password: it reads what the user may see and, for an operator, writes `set`. Undefined for nobody. */
async function userPrincipal(
  passwords: Accounts['appPasswords'],
  login: string,
  password: string,
): Promise<UserPrincipal | undefined> {
  const now = async () => {
    try {
      const { name, cameras, role } = await passwords.userOf(login, password);
      return { name, cameras, mayControl: role !== 'viewer' };
    } catch (error) {
      if (error instanceof AppError && error.code === 'auth.invalid') return undefined;
      throw error;
    }
  };
  const rights = await now();
  const face = JSON.stringify(rights);
  // Another process may have changed the rights that this connection was opened with.
  return rights && { kind: 'user', ...rights, stillValid: async () => JSON.stringify(await now()) === face };
}

function tlsOf({ HOST: host, MQTTS_PORT: port = 0, TLS_CERT: certFile, TLS_KEY: keyFile }: DevicesParts['settings']) {
  if (port === 0 || certFile === undefined || keyFile === undefined) return undefined;
  return { host: host === 'localhost' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1'), port, certFile, keyFile };
}

/** Where devices find the broker: by its own port over TLS, or without where that is as open as HTTP, else by WebSocket. */
function mqttUrl({ settings, mqttHost, publicUrl }: DevicesParts): string {
  const { MQTT_URL: outside, MQTT_PUBLIC_URL: own } = settings;
  if (outside !== undefined) return addressForDevices(parseOutsideAddress(outside), own, publicUrl.hostname);
  if (tlsOf(settings)) return `mqtts://${publicUrl.hostname}:${settings.MQTTS_PORT}`;
  if (settings.MQTT_PORT > 0 && mqttHost === settings.HOST) return `mqtt://${publicUrl.hostname}:${settings.MQTT_PORT}`;
  const scheme = publicUrl.protocol === 'https:' ? 'wss' : 'ws';
  return `${scheme}://${publicUrl.host}${publicUrl.pathname.replace(/\/$/, '')}/mqtt`;
}
