import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import type { CameraRecord, DeviceRecord } from '../../contracts/api.ts';
import type { EventMessage } from '../../contracts/events.ts';
import { discoveryTopic, homeAssistantId } from '../../contracts/home-assistant.ts';
import type { Clock, Log, Release } from '../../contracts/host.ts';
import { deviceTopics } from '../../contracts/topics.ts';
import { ifThere, writeFileDurably } from '../../lib/files.ts';
import type { Part } from '../../lib/part.ts';
import { parser } from '../../lib/validate.ts';
import { describeCamera, describeMachine, type Origin } from './descriptions.ts';

/** Changes of one moment are told together; Home Assistant asks for a pause after its birth message, too. */
const GATHER_MS = 1000;
/** Names change without a word; so often it is looked for that. */
const LOOK_EVERY_MS = 60_000;
/** What is published of a picture at most: the broker takes no larger packets. */
const MAX_PICTURE_BYTES = 200 * 1024;

export interface DiscoveryOptions extends Origin {
  /** ids that were ever described, so that those which are gone are taken back, also after a restart */
  file: string;
  devices: () => Promise<DeviceRecord[]>;
  cameras: () => Promise<CameraRecord[]>;
  /** Calls when a device or camera came, went, or told something that it never told before. */
  watch: (onChange: () => void) => Release;
  publish: (topic: string, body: object, options: { retain: boolean }) => Promise<void>;
  /** an empty one takes a retained message back */
  publishBytes: (topic: string, payload: Buffer, options: { retain: boolean }) => Promise<void>;
  /** the small picture of an event */
  picture: (event: string) => Promise<Buffer>;
  clock: Clock;
  log: Log;
}

const parseKnown = parser(Type.Array(Type.String({ pattern: '^redeye_[a-z0-9_-]{1,200}$' })));

/** Tells Home Assistant what cameras and devices there are, and what happens before the cameras. */
export class HomeAssistantDiscovery implements Part {
  readonly #options: DiscoveryOptions;
  /** what was last published, by id */
  readonly #said = new Map<string, string>();
  readonly #states = new Map<string, string>();
  #known = new Set<string>();
  #releases: Release[] = [];
  #cancel: (() => void) | undefined;
  #work: Promise<void> = Promise.resolve();
  #again = false;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { file, log, watch } = this.#options;
    try {
      const text = await ifThere(() => readFile(file, 'utf8'));
      this.#known = new Set(text === undefined ? [] : parseKnown(JSON.parse(text)));
    } catch (error) {
      log.warn('what Home Assistant was told of before is not known any more', { error });
    }
    this.#releases = [watch(() => this.#soon())];
    this.#soon();
  }

  async stop(): Promise<void> {
    for (const release of this.#releases.splice(0)) release();
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#work;
  }

  /** Home Assistant has started, and knows nothing of what was said before. */
  born(): void {
    this.#again = true;
    if (this.#releases.length > 0) this.#soon();
  }

  /** An event, for the camera's event entity and its last picture. Never rejects: Home Assistant must not hold up anybody. */
  async deliver({ event, phase, ts }: EventMessage): Promise<void> {
    const { log, picture, publish, publishBytes, site } = this.#options;
    const topics = deviceTopics(site, event.device);
    const event_type = phase === 'start' ? event.type : `${event.type}_end`;
    const { id, score, stock_changed, started_at, ended_at } = event;
    try {
      const body = { v: 1, ts, event_type, id, score, stock_changed, started_at, ended_at };
      await publish(topics.cameraEvent(event.camera), body, { retain: false });
      if (phase === 'start' || event.images.thumb === undefined) return;
      const jpeg = await picture(id);
      if (jpeg.length > MAX_PICTURE_BYTES) log.debug('the picture of an event is too large for MQTT', { id });
      else await publishBytes(topics.cameraLastEvent(event.camera), jpeg, { retain: true });
    } catch (error) {
      log.warn('Home Assistant was not told of an event', { id, error });
    }
  }

  #soon(ms = GATHER_MS): void {
    this.#cancel?.();
    this.#cancel = this.#options.clock.after(ms, () => {
      this.#cancel = undefined;
      this.#work = this.#work.then(() => this.#turn());
    });
  }

  async #turn(): Promise<void> {
    const again = this.#again;
    this.#again = false;
    try {
      await this.#tell(again);
    } catch (error) {
      this.#again ||= again;
      this.#options.log.warn('Home Assistant was not told of what there is', { error });
    }
    // Whoever asked meanwhile is not put off.
    if (this.#releases.length > 0 && !this.#cancel) this.#soon(LOOK_EVERY_MS);
  }

  async #tell(again: boolean): Promise<void> {
    const { cameras, devices, publish, publishBytes, site } = this.#options;
    const [allDevices, allCameras] = await Promise.all([devices(), cameras()]);
    const wanted = new Map<string, object>();
    for (const device of allDevices)
      wanted.set(homeAssistantId(site, 'machine', device.id), describeMachine(device, this.#options));
    for (const camera of allCameras)
      wanted.set(homeAssistantId(site, 'camera', camera.id), describeCamera(camera, this.#options));
    // First on disk: whatever happens between, it is known what has to be taken back one day.
    await this.#remember([...wanted.keys()]);
    for (const id of this.#known) {
      // Taken back once while this runs, at its first look or when it goes, and at each birth message.
      if (wanted.has(id) || (!again && this.#said.size > 0 && !this.#said.has(id))) continue;
      await publishBytes(discoveryTopic(id), Buffer.alloc(0), { retain: true });
      this.#said.delete(id);
    }
    for (const [id, body] of wanted) {
      const text = JSON.stringify(body);
      if (!again && this.#said.get(id) === text) continue;
      await publish(discoveryTopic(id), body, { retain: true });
      this.#said.set(id, text);
    }
    await this.#tellStates(allCameras, again);
  }

  /** Devices say themselves how their cameras are; for those of the server this does. */
  async #tellStates(cameras: CameraRecord[], again: boolean): Promise<void> {
    const { clock, publish, site } = this.#options;
    for (const { id, device, state, driver } of cameras) {
      if (device !== 'server' || (!again && this.#states.get(id) === state)) continue;
      this.#states.set(id, state);
      const body = { v: 1, ts: clock.now(), state, driver };
      await publish(deviceTopics(site, device).cameraState(id), body, { retain: true });
    }
  }

  async #remember(ids: string[]): Promise<void> {
    if (ids.every((id) => this.#known.has(id))) return;
    for (const id of ids) this.#known.add(id);
    await writeFileDurably(this.#options.file, `${JSON.stringify([...this.#known], null, 1)}\n`, 0o600);
  }
}
