import type { CameraControl, CameraControlState } from '../../runtime/contracts/camera-controls.ts';
import type { CameraStatus } from '../../runtime/contracts/cameras.ts';
import type { CommandAnswer } from '../../runtime/contracts/commands.ts';
import type { FlowReportedMessage } from '../../runtime/contracts/deployments.ts';
import type { Clock, Log, Release } from '../../runtime/contracts/host.ts';
import type { DeviceInfoMessage, DeviceStateMessage, HeartbeatMessage } from '../../runtime/contracts/mqtt-messages.ts';
import { deviceTopics, serverStateTopic, TOPIC_ROOT } from '../../runtime/contracts/topics.ts';
import { Backoff } from '../../runtime/lib/backoff.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { isPlainMqtt, type MqttConnection, type MqttOptions, openMqtt, REFUSED } from './mqtt/connection.ts';
import { Pause } from './pause.ts';
import { objectIn } from './server-http.ts';
import type { SessionNumber } from './session-number.ts';

/** A half-open connection is noticed after one and a half of these. */
const KEEPALIVE_S = 30;
const CONNECT_TIMEOUT_MS = 10_000;
const GOODBYE_TIMEOUT_MS = 2000;

/** Body of a message without what every message has. */
type Body<M> = Omit<M, 'v' | 'ts'>;

export interface LinkOptions {
  device: string;
  key: string;
  sessions: SessionNumber;
  clock: Clock;
  log: Log;
  /** how the device is while it is connected */
  state: () => DeviceStateMessage['state'];
  info: () => Body<DeviceInfoMessage>;
  cameras: () => CameraStatus[];
  /** the server says that a new configuration is there */
  onConfigDesired: () => void;
  /** a command came: `cmd/<name>` with its body */
  onCommand: (name: string, body: Record<string, unknown>) => void;
  /** somebody sets a control of a camera: `c/<camera>/<control>/set` */
  onControl?: (camera: string, control: string, body: Record<string, unknown>) => void;
  /** a deployment came: `flow/desired` */
  onFlowDesired?: (body: Record<string, unknown>) => void;
  /** what is said of deployments at each connect; none where there are no deployments */
  flowReport?: () => Body<FlowReportedMessage>;
  /** the server is back, as far as the broker knows */
  onServerOnline: () => void;
  random?: () => number;
}

export interface MqttTarget {
  url: string;
  /** `redeye/v1/<site>` */
  root: string;
}

/**
 * The device's only MQTT connection (3.1.1; CONTRACTS §5). Where to comes with the configuration; without it, or without MQTT there,
 * it rests. Connecting again takes 1 to 5 s, at random, so that a fleet does not come as one; then longer, up to a minute.
 */
export class Link implements Part {
  readonly #options: LinkOptions;
  readonly #pause: Pause;
  readonly #watchers = new Set<(connected: boolean) => void>();
  readonly #retries: Backoff;
  #target: MqttTarget | undefined;
  #client: MqttConnection | undefined;
  #session = -1;
  #connected = false;
  #told: DeviceStateMessage['state'] = 'offline';
  #running = false;
  #mayHearItself = true;
  #toldCameras = new Map<string, string>();
  #loop: Promise<void> | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#pause = new Pause(options.clock);
    this.#retries = new Backoff({ firstMs: 5000, maxMs: 60_000, random: options.random ?? Math.random });
  }

  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#loop = this.#run();
  }

  /** Says goodbye (`offline`) when connected; the will is not needed then. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    const client = this.#client;
    if (client && this.#connected) {
      const goodbye = this.#send(this.#topics.state, this.#state('offline'), { retain: true, qos: 1 });
      await Promise.race([goodbye, this.#options.clock.sleep(GOODBYE_TIMEOUT_MS)]);
    }
    this.#pause.end();
    client?.end();
    // On a half-open connection the polite end never comes.
    const cancel = this.#options.clock.after(GOODBYE_TIMEOUT_MS, () => client?.end(true));
    await this.#loop;
    cancel();
    await this.#options.sessions.release();
  }

  get connected(): boolean {
    return this.#connected;
  }

  watch(onChange: (connected: boolean) => void): Release {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /** Where the broker is; a change moves the connection. */
  use(target: MqttTarget): void {
    if (this.#target?.url === target.url && this.#target.root === target.root) return;
    this.#target = target;
    if (this.#client) this.#client.end(true);
    else this.#pause.cut();
  }

  /** Sends a heartbeat; false when there is no connection to send it on. */
  beat(body: Body<HeartbeatMessage>): boolean {
    if (!this.#connected) return false;
    void this.#send(this.#topics.heartbeat, body, { qos: 0 });
    return true;
  }

  /** Answers a command; resolves when the broker has it, or it is lost. */
  answer(to: string, body: CommandAnswer): Promise<void> {
    return this.#send(this.#topics.response(to), body, { qos: 1 });
  }

  /** Publishes the device's state when it is not what was last published. */
  tellState(): void {
    if (this.#connected && this.#options.state() !== this.#told) void this.#publishState();
  }

  /** Publishes what the device is made of, again. */
  tellInfo(): void {
    if (this.#connected) void this.#send(this.#topics.info, this.#options.info(), { retain: true, qos: 1 });
  }

  /** Says how far a deployment is. Without a connection it is said at the next one, as it is then. */
  tellFlow(body: Body<FlowReportedMessage>): void {
    if (this.#connected) void this.#send(this.#topics.flowReported, body, { retain: true, qos: 1 });
  }

  /** Says how a control of a camera is. Without a connection it is said at the next one. */
  tellControl(camera: string, control: CameraControl, state: CameraControlState): void {
    if (!this.#connected) return;
    void this.#send(this.#topics.cameraControlState(camera, control), state, { retain: true, qos: 1 });
  }

  #publishState(): Promise<void> {
    this.#told = this.#options.state();
    return this.#send(this.#topics.state, this.#state(this.#told), { retain: true, qos: 1 });
  }

  /** Publishes the cameras whose state is not what was last published. */
  tellCameras(): void {
    if (!this.#connected) return;
    for (const { id, driver, state, reason } of this.#options.cameras()) {
      const body = { state, driver, ...(reason === undefined ? {} : { reason }) };
      const face = JSON.stringify(body);
      if (this.#toldCameras.get(id) === face) continue;
      this.#toldCameras.set(id, face);
      void this.#send(this.#topics.cameraState(id), body, { retain: true, qos: 1 });
    }
  }

  get #site(): string {
    return this.#target?.root.slice(TOPIC_ROOT.length + 1) ?? '';
  }

  get #topics() {
    return deviceTopics(this.#site, this.#options.device);
  }

  async #run(): Promise<void> {
    const { log, random = Math.random } = this.#options;
    let failures = 0;
    while (this.#running) {
      const target = this.#target;
      if (!target || !isUsable(target)) {
        await this.#pause.wait();
        continue;
      }
      const before = this.#options.clock.monotonicMs();
      let reason = 'closed';
      try {
        reason = await this.#connection(target);
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
      const wasConnected = this.#connected;
      this.#become(false);
      if (!this.#running) return;
      if (target !== this.#target) continue;
      if (wasConnected || failures === 0) {
        log.warn(wasConnected ? 'MQTT connection lost' : 'no MQTT connection', { reason });
      }
      log.debug('MQTT attempt ended', { reason, after_ms: Math.round(this.#options.clock.monotonicMs() - before) });
      if (wasConnected) {
        failures = 0;
        this.#retries.reset();
      }
      await this.#pause.wait(failures === 0 ? 1000 + 4000 * random() : this.#retries.next());
      failures += 1;
    }
  }

  /** One connection from its beginning to its end; answers why it ended. */
  async #connection(target: MqttTarget): Promise<string> {
    const { clock, device, key, sessions } = this.#options;
    this.#session = await sessions.next();
    const { promise, resolve } = Promise.withResolvers<string>();
    let greeting: string | undefined;
    const client = await open(target.url, {
      client: device,
      user: device,
      password: key,
      keepaliveS: KEEPALIVE_S,
      connectMs: CONNECT_TIMEOUT_MS,
      will: { topic: this.#topics.state, payload: JSON.stringify(this.#enveloped(this.#state('offline'))) },
      clock,
      onConnect: () => {
        this.#greet().catch((error: unknown) => {
          greeting = `greeting failed: ${error instanceof Error ? error.message : String(error)}`;
          this.#client?.end(true);
        });
      },
      onMessage: (topic, payload, retained) => this.#hear(topic, payload, retained),
      onEnd: (reason) => resolve(greeting ?? reason),
    });
    this.#client = client;
    if (!this.#running || target !== this.#target) client.end(true);
    try {
      return await promise;
    } finally {
      this.#client = undefined;
      client.end(true);
    }
  }

  async #greet(): Promise<void> {
    const topics = this.#topics;
    const filters = [topics.commands, topics.flowDesired, topics.configDesired, topics.cameraControls];
    await this.#client?.subscribe([...filters, serverStateTopic(this.#site)]);
    const flow = this.#options.flowReport?.();
    // In one go: on a slow line each would take a way there and back, and a server to which a crowd comes reads and answers once.
    await Promise.all([
      this.#publishState(),
      this.#send(topics.info, this.#options.info(), { retain: true, qos: 1 }),
      flow && this.#send(topics.flowReported, flow, { retain: true, qos: 1 }),
    ]);
    this.#toldCameras.clear();
    this.#become(true);
    this.tellCameras();
    if (!this.#mayHearItself) return;
    // A broker that keeps a late farewell over our word would leave us offline; one that refuses this filter is asked once.
    const granted = await this.#client?.subscribe([topics.state]).catch(() => [REFUSED]);
    if (granted?.includes(REFUSED)) this.#mayHearItself = false;
  }

  #hear(topic: string, payload: Buffer, retained: boolean): void {
    const { log, onConfigDesired, onServerOnline, sessions, device } = this.#options;
    const topics = this.#topics;
    const body = objectIn(payload);
    if (!body) {
      log.warn('MQTT message is no JSON object', { topic });
    } else if (topic === topics.configDesired) {
      onConfigDesired();
    } else if (topic === topics.flowDesired) {
      this.#options.onFlowDesired?.(body);
    } else if (topic === serverStateTopic(this.#site)) {
      if (body.state === 'online') onServerOnline();
    } else if (topic === topics.state) {
      // A broker may hand out our farewell before it has acknowledged it: that one is meant.
      if (!this.#running) return;
      const { session, state } = body as Partial<DeviceStateMessage>;
      // Our own words come back, too, late ones among them; only a farewell needs an answer then.
      if (session === this.#session && state !== 'offline') return;
      if (typeof session === 'number' && session > this.#session) {
        // Another device with our name, or our own future from before a restored backup: be above it from the next connection on.
        log.warn('the broker knows a later session of this device', { seen: session, own: this.#session });
        sessions.raise(session);
      }
      void this.#publishState();
    } else if (topic.startsWith(`${topics.root}/cmd/`)) {
      // A retained command would run again at each connect: never.
      if (!retained) this.#options.onCommand(topic.slice(`${topics.root}/cmd/`.length), body);
    } else if (topic.startsWith(`${topics.root}/c/`) && topic.endsWith('/set')) {
      const [camera = '', control = ''] = topic.slice(`${topics.root}/c/`.length).split('/');
      // One that was kept would undo, at each connect, what was set since.
      if (!retained) this.#options.onControl?.(camera, control, body);
    } else log.debug('MQTT message for a part that is not here', { topic, device });
  }

  #state(state: DeviceStateMessage['state']): Body<DeviceStateMessage> {
    return { state, session: this.#session };
  }

  #enveloped(body: object): object {
    return { v: 1, ts: this.#options.clock.now(), ...body };
  }

  async #send(topic: string, body: object, options: { retain?: boolean; qos: 0 | 1 }): Promise<void> {
    try {
      const { qos, retain = false } = options;
      await this.#client?.publish(topic, JSON.stringify(this.#enveloped(body)), { qos, retain });
    } catch (error) {
      this.#options.log.debug('MQTT message not sent', { topic, error });
    }
  }

  #become(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    if (connected) this.#options.log.info('MQTT connected', { session: this.#session });
    for (const watcher of this.#watchers) watcher(connected);
  }
}

/** By our own client where it can; the package is loaded only for what it cannot. */
async function open(url: string, options: MqttOptions): Promise<MqttConnection> {
  if (isPlainMqtt(url)) return openMqtt(url, options);
  const { openPackagedMqtt } = await import('./mqtt/packaged.ts');
  return openPackagedMqtt(url, options);
}

function isUsable({ url, root }: MqttTarget): boolean {
  return url !== '' && /^redeye\/v1\/[a-z0-9][a-z0-9_-]{0,62}$/.test(root);
}
