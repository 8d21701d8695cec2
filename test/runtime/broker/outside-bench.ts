import { join } from 'node:path';
import { Link } from '../../../edge/agent/link.ts';
import { SessionNumber } from '../../../edge/agent/session-number.ts';
import { Reservation } from '../../../edge/spool/reservation.ts';
import type { HeartbeatMessage } from '../../../runtime/contracts/mqtt-messages.ts';
import { siteRoot } from '../../../runtime/contracts/topics.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { createUserStore } from '../../../runtime/db/users.repo.ts';
import { createDevices, type Devices, type DevicesParts } from '../../../runtime/devices.ts';
import { Accounts } from '../../../runtime/http/auth/accounts.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { ListLog } from '../../support/list-log.ts';
import { type Mosquitto, SERVER_LOGIN } from '../../support/mosquitto.ts';

export const ANNA = { name: 'user:anna' };

/** Register and link to an outside broker as main puts them together, and devices with the edge's own link. */
export class OutsideBench {
  readonly log = new ListLog();
  readonly devices: Devices;
  readonly #mosquitto: Mosquitto;
  readonly #links: Link[] = [];

  constructor(mosquitto: Mosquitto, db: Db, parts: Partial<DevicesParts> & { login?: string } = {}) {
    const { login = SERVER_LOGIN, ...others } = parts;
    this.#mosquitto = mosquitto;
    this.devices = createDevices({
      accounts: new Accounts({
        store: createUserStore(db),
        clock: systemClock,
        log: this.log,
        key: Buffer.alloc(32, 1),
      }),
      settings: {
        SITE: 'home',
        HOST: '127.0.0.1',
        MQTT_PORT: 1883,
        MQTT_URL: mosquitto.url(login),
        DATA_DIR: '/nowhere',
        FLOWS_DIR: '/nowhere/flows',
        HA_DISCOVERY: false,
        SIGNING_KEY_FILE: '',
      },
      mqttHost: '127.0.0.1',
      secrets: { pepper: Buffer.alloc(32, 2), urls: Buffer.alloc(32, 3), node: Buffer.alloc(32, 4) },
      db,
      clock: systemClock,
      log: this.log,
      checkUrl: async () => undefined,
      reservedCameraIds: new Set(),
      publicUrl: new URL('http://127.0.0.1:1880'),
      localCameraState: () => undefined,
      eventPicture: async () => Buffer.alloc(0),
      version: '0',
      outsideTimes: { silentMs: 60_000, graceMs: 200, echoMs: 1000, retry: { firstMs: 50, maxMs: 100 } },
      ...others,
    });
  }

  get broker() {
    return this.devices.broker;
  }

  get fleet() {
    return this.devices.fleet;
  }

  async start(): Promise<void> {
    await this.fleet.start();
    await this.broker.start();
  }

  async state(device: string): Promise<string> {
    return (await this.fleet.device(device)).state;
  }

  /** Registers a device, and its key at the outside broker, as an operator does both. */
  async register(id: string): Promise<string> {
    const { api_key } = await this.fleet.createDevice({ id, name: id }, ANNA);
    await this.#mosquitto.user(id, api_key);
    return api_key;
  }

  /** A device's own link, told of the broker as its configuration tells it; it answers `restart` with `ok`. */
  async device(
    id: string,
    key: string,
  ): Promise<{ link: Link; heard: string[]; beat: (body?: Partial<HeartbeatMessage>) => void }> {
    const heard: string[] = [];
    const folder = await temporaryFolder('outside-link');
    const link: Link = new Link({
      device: id,
      key,
      sessions: new SessionNumber(new Reservation(join(folder, 'session.json')), systemClock),
      clock: systemClock,
      log: silentLog,
      state: () => 'online',
      info: () => ({
        version: '1',
        node: '24',
        platform: 'linux',
        node_types: ['camera'],
        cameras: [{ id: `${id}-attic`, driver: 'sim', state: 'live' }],
      }),
      cameras: () => [],
      onConfigDesired: () => heard.push('config'),
      onServerOnline: () => heard.push('server online'),
      onCommand: (name, body) => {
        heard.push(`command ${name}`);
        void link.answer(String(body.reply_to), { id: String(body.id), status: 'ok', data: { done: name } });
      },
      // The shortest waits: a second.
      random: () => 0,
    });
    this.#links.push(link);
    await link.start();
    const { mqtt } = await this.fleet.servedConfig(id);
    link.use({ url: mqtt.url, root: siteRoot('home') });
    return { link, heard, beat: (body = {}) => void link.beat(body) };
  }

  async stop(): Promise<void> {
    for (const link of this.#links.splice(0)) await link.stop();
    await this.devices.commands.stop();
    await this.broker.stop();
    await this.fleet.stop();
  }
}
