import { join } from 'node:path';
import type { ServedConfig } from '../../runtime/contracts/device-config.ts';
import { PUSHES_COMMAND } from '../../runtime/contracts/device-pushes.ts';
import { toAppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { DeviceStateMessage } from '../../runtime/contracts/mqtt-messages.ts';
import { STREAM_COMMAND, type StreamCommandArgs } from '../../runtime/contracts/uplink.ts';
import { type DataDirLock, lockDataDir } from '../../runtime/lib/data-dir-lock.ts';
import { ensureFolder } from '../../runtime/lib/files.ts';
import type { Part } from '../../runtime/lib/part.ts';
import type { CameraControls } from '../../runtime/media/camera-controls.ts';
import type { AgentView, ChildView, ToAgent } from '../ipc.ts';
import type { Settings } from '../settings.ts';
import { Reservation } from '../spool/reservation.ts';
import { Spool } from '../spool/spool.ts';
import { controlsOf } from './camera-controls.ts';
import { captureCommand } from './capture-command.ts';
import { Child } from './child.ts';
import { ChildCommands } from './child-commands.ts';
import { CommandLedger } from './command-ledger.ts';
import { type CommandHandler, Commands } from './commands.ts';
import { birthOf, conditionOf } from './condition.ts';
import { Config } from './config.ts';
import { framePost } from './frame-post.ts';
import { type Heartbeat, HeartbeatLoop } from './heartbeat.ts';
import { identifyCommand } from './identify.ts';
import { Link } from './link.ts';
import { LogTail, logsCommand } from './log-tail.ts';
import { Machine } from './machine/machine.ts';
import { OwnCaptures } from './own-captures.ts';
import { rebootCommand, rebootMachine, restartCommand } from './power.ts';
import { PushOrders } from './push-orders.ts';
import { createRollout } from './rollout/create.ts';
import type { Rollout } from './rollout/rollout.ts';
import { ServerHttp } from './server-http.ts';
import { ServerTime } from './server-time.ts';
import { SessionNumber } from './session-number.ts';
import { Uplinks } from './uplinks.ts';
import { Upload } from './upload.ts';

/** The child's pages and nodes learn of changes within this time; a spool that empties fast is not told frame by frame. */
const TELL_CHILD_MS = 200;
const MB = 1024 * 1024;

export interface AgentOptions {
  settings: Settings;
  key: string;
  version: string;
  clock: Clock;
  log: Log;
  child: { entry: string; execArgv?: string[]; env: NodeJS.ProcessEnv };
  /** the lines of `log`, for who asks to see them */
  logTail?: LogTail;
  machine?: Machine;
  /** where edge/machine is asked for what takes root */
  askFolder?: string | undefined;
}

/**
 * The process that must not die: it alone talks to the server (HTTP, MQTT), numbers frames and keeps them, and looks after the child
 * that runs the flows. Whatever the child does, this one goes on sending what is spooled and answers the fleet.
 */
export class Agent implements Part {
  readonly #options: AgentOptions;
  readonly #http: ServerHttp;
  readonly #time: ServerTime;
  readonly #spool: Spool;
  readonly #upload: Upload;
  readonly #captures: OwnCaptures;
  readonly #config: Config;
  readonly #child: Child;
  readonly #link: Link;
  readonly #heartbeat: HeartbeatLoop;
  readonly #uplinks: Uplinks;
  readonly #childCommands: ChildCommands;
  readonly #controls: CameraControls;
  readonly #commands: Commands;
  readonly #rollout: Rollout;
  readonly #pushOrders: PushOrders;
  readonly #startedAt: number;
  readonly #machine: Machine;
  #childView: ChildView = { cameras: [], flows: 'starting', nodeTypes: [], rssMb: 0 };
  #toTell: Partial<AgentView> = {};
  #telling: (() => void) | undefined;
  #lock: DataDirLock | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { settings, key, version, clock, log, child } = options;
    const { DEVICE_ID: device, EDGE_DATA_DIR: folder } = settings;
    this.#startedAt = clock.monotonicMs();
    this.#machine = options.machine ?? new Machine();
    this.#http = new ServerHttp({ url: settings.SERVER_URL, key, clock });
    this.#time = new ServerTime(clock);
    const { call } = this.#http;
    this.#spool = new Spool({
      folder: join(folder, 'spool'),
      reservation: new Reservation(join(folder, 'sequence.json')),
      maxBytes: settings.SPOOL_MAX_MB * MB,
      clock,
      log: log.child('spool'),
    });
    this.#upload = new Upload({
      spool: this.#spool,
      post: framePost({ call, device, firmware: version, now: () => clock.now() }),
      clock,
      log: log.child('upload'),
    });
    this.#captures = new OwnCaptures({
      folder: join(folder, 'outbox'),
      maxBytes: settings.CAPTURES_MAX_MB * MB,
      call,
      clock,
      log: log.child('captures'),
      toChild: (message) => this.#child.send(message),
      onChange: (captures) => this.#tellChild({ captures }),
    });
    this.#config = new Config({
      file: join(folder, 'config.json'),
      device,
      call,
      time: this.#time,
      clock,
      log: log.child('config'),
      onAnswer: ({ last_seq }) => this.#spool.settle(last_seq),
    });
    this.#child = new Child({
      ...child,
      pidFile: join(folder, 'child.pid'),
      clock,
      log: log.child('child'),
      onMessage: (message) => this.#hearChild(message),
      onStart: () => {
        this.#child.send({ type: 'view', ...this.#view() });
        this.#child.send({ type: 'load', ...this.#rollout.load() });
        this.#rollout.childStarted();
        this.#pushOrders.childStarted();
      },
      onEnd: (end) => this.#rollout.childEnded(end),
      onChange: () => {
        if (!this.#child.status().alive) {
          this.#uplinks.childIsGone();
          this.#childCommands.gone();
        }
        this.#link.tellState();
      },
    });
    this.#childCommands = new ChildCommands({
      send: (message) => this.#child.send(message),
      isAlive: () => this.#child.status().alive,
    });
    this.#uplinks = new Uplinks({
      url: settings.SERVER_URL,
      key,
      clock,
      log: log.child('uplink'),
      toChild: (message) => this.#child.send(message),
    });
    this.#link = new Link({
      device,
      key,
      sessions: new SessionNumber(new Reservation(join(folder, 'session.json')), clock),
      clock,
      log: log.child('link'),
      state: () => this.#state(),
      info: () => this.#info(),
      cameras: () => this.#childView.cameras,
      onConfigDesired: () => this.#config.refresh(),
      onServerOnline: () => this.#serverIsBack(),
      onCommand: (name, body) => this.#commands.hear(name, body),
      onControl: (camera, ...set) => {
        if (this.#childView.cameras.some(({ id }) => id === camera)) this.#controls.hear(camera, ...set);
        else log.warn('there is no such camera here to be set', { camera });
      },
      onFlowDesired: (body) => this.#rollout.hearDesired(body),
      flowReport: () => this.#rollout.current(),
    });
    this.#controls = controlsOf(this.#childCommands, this.#link, log.child('cameras'));
    this.#rollout = createRollout({
      settings,
      call,
      clock,
      log: log.child('rollout'),
      config: this.#config,
      upload: () => this.#upload.status(),
      lastSeq: () => this.#spool.lastSeq,
      childView: () => this.#childView,
      child: this.#child,
      link: this.#link,
    });
    const rollout = this.#rollout;
    this.#pushOrders = new PushOrders({
      device,
      call,
      sealing: {
        get publicKey() {
          return rollout.sealingKey;
        },
        open: (sealed) => rollout.openSealed(sealed),
      },
      toChild: (message) => this.#child.send(message),
      clock,
      log: log.child('push orders'),
    });
    this.#commands = this.#createCommands();
    this.#heartbeat = new HeartbeatLoop({
      device,
      measure: () => this.#measure(),
      beat: (body) => this.#link.beat(body),
      call,
      clock,
      log: log.child('heartbeat'),
    });
  }

  async start(): Promise<void> {
    const { clock, settings } = this.#options;
    await ensureFolder(settings.EDGE_DATA_DIR, 0o700);
    // Two agents on one spool would number frames twice.
    this.#lock = await lockDataDir(settings.EDGE_DATA_DIR, { pid: process.pid, clock });
    await this.#spool.start();
    this.#config.watch((config) => this.#follow(config));
    this.#upload.watch((upload) => this.#tellChild({ upload }));
    this.#link.watch((connected) => {
      this.#tellChild({ link: this.#view().link });
      if (!connected) return;
      this.#heartbeat.now();
      for (const { id } of this.#childView.cameras) void this.#controls.tell(id);
      this.#serverIsBack();
    });
    await this.#config.start();
    await this.#uplinks.start();
    await this.#commands.start();
    await this.#rollout.start();
    await this.#captures.start();
    await this.#child.start();
    await this.#upload.start();
    await this.#link.start();
    await this.#heartbeat.start();
    await this.#pushOrders.start();
  }

  /** In an order that loses nothing: first who makes frames, last what keeps them. */
  async stop(): Promise<void> {
    await this.#pushOrders.stop();
    await this.#uplinks.stop();
    await this.#commands.stop();
    await this.#rollout.stop();
    await this.#child.stop();
    await this.#heartbeat.stop();
    await this.#upload.stop();
    await this.#captures.stop();
    await this.#config.stop();
    await this.#link.stop();
    await this.#spool.stop();
    this.#telling?.();
    this.#http.close();
    await this.#lock?.release();
  }

  /** When the agent itself must end at once: nothing may be left behind. */
  abandon(): void {
    this.#child.kill();
  }

  /** What the server may ask of this device; what the flow process does goes on to it. */
  #createCommands(): Commands {
    const { askFolder, settings, clock, log, logTail = new LogTail() } = this.#options;
    const commands = new Commands({
      ledger: new CommandLedger(join(settings.EDGE_DATA_DIR, 'commands.json')),
      time: this.#time,
      clock,
      log: log.child('commands'),
      answer: (to, body) => this.#link.answer(to, body),
    });
    commands
      .on('restart', async (...given) => {
        await this.#rollout.leaveSafe();
        return restartCommand(this.#child, clock)(...given);
      })
      .on('reboot', rebootCommand(settings.ALLOW_REBOOT, rebootMachine(log, clock, askFolder)))
      .on('logs', logsCommand(logTail, clock))
      .on('identify', identifyCommand({ clock, log, machine: askFolder }))
      .on(PUSHES_COMMAND, () => this.#pushOrders.hurry())
      .on(STREAM_COMMAND, (args) => this.#uplinks.open(args as StreamCommandArgs));
    const byChild =
      (name: string): CommandHandler =>
      (args, run) =>
        this.#childCommands.run(name, args, run);
    commands.on('captures', this.#captures.command);
    commands.on('snapshot', byChild('snapshot'));
    commands.on('camera-settings', async (args, run) => {
      const data = await byChild('camera-settings')(args, run);
      if (args.change) void this.#controls.tell(String(args.camera));
      return data;
    });
    commands.on('flows', async (args, run) => {
      const { slot, revision } = this.#rollout.current();
      return { ...((await byChild('flows')(args, run)) as object), slot, revision };
    });
    commands.on('capture', captureCommand({ take: byChild('capture'), call: this.#http.call }));
    return commands;
  }

  #follow(config: ServedConfig): void {
    this.#link.use(config.mqtt);
    this.#tellChild({ config });
  }

  #serverIsBack(): void {
    this.#upload.hurry();
    this.#captures.hurry();
    this.#config.refresh();
    this.#pushOrders.hurry();
  }

  #hearChild(message: Exclude<ToAgent, { type: 'alive' }>): void {
    if (message.type === 'report') {
      const { type: _type, ...view } = message;
      const { cameras: before, nodeTypes } = this.#childView;
      const typesBefore = nodeTypes.length;
      this.#childView = view;
      this.#rollout.hearChild(view);
      this.#link.tellCameras();
      for (const { id } of view.cameras) if (!before.some((one) => one.id === id)) void this.#controls.tell(id);
      if (view.nodeTypes.length !== typesBefore) this.#link.tellInfo();
      return;
    }
    if (message.type !== 'spool') {
      if (message.type === 'pong') this.#rollout.pong();
      else if (message.type === 'switch-answer' || message.type === 'switch-refusal') this.#rollout.hearSwitch(message);
      else if (message.type === 'pushes') this.#pushOrders.hear(message.pushes);
      else if (message.type === 'picture') this.#captures.hear(message);
      else if (message.type === 'uplink-record' || message.type === 'uplink-end') this.#uplinks.hear(message);
      else this.#childCommands.hear(message);
      return;
    }
    const { call, still } = message;
    const { jpeg, ...meta } = still;
    this.#rollout.noteFrame();
    this.#spool.add({ meta, jpeg }).then(
      ({ seq }) => this.#child.send({ type: 'answer', call, seq }),
      (thrown: unknown) => {
        const { code, message: why } = toAppError(thrown);
        this.#options.log.warn('a frame could not be spooled', { code, why });
        this.#child.send({ type: 'refusal', call, code, message: why });
      },
    );
  }

  #view(): AgentView {
    const trouble = this.#config.trouble();
    return {
      config: this.#config.current(),
      upload: this.#upload.status(),
      captures: this.#captures.view(),
      link: {
        mqtt: this.#link.connected ? 'connected' : 'disconnected',
        ...(trouble === undefined ? {} : { trouble }),
      },
    };
  }

  #tellChild(change: Partial<AgentView>): void {
    this.#toTell = { ...this.#toTell, ...change };
    this.#telling ??= this.#options.clock.after(TELL_CHILD_MS, () => {
      this.#child.send({ type: 'view', ...this.#toTell, link: this.#view().link });
      this.#toTell = {};
      this.#telling = undefined;
    });
  }

  #state(): DeviceStateMessage['state'] {
    if (this.#rollout.isUpdating) return 'updating';
    // The first start takes a while and is no reason for concern.
    const { alive, starts } = this.#child.status();
    return alive || starts <= 1 ? 'online' : 'degraded';
  }

  #info() {
    return birthOf(this.#options.version, this.#childView, this.#rollout.sealingKey);
  }

  #measure(): Promise<Heartbeat> {
    const { clock, settings, version } = this.#options;
    return conditionOf({
      version,
      folder: settings.EDGE_DATA_DIR,
      startedAt: this.#startedAt,
      clock,
      machine: this.#machine,
      childView: this.#childView,
      child: this.#child,
      spool: this.#spool,
      captures: this.#captures,
      time: this.#time,
      config: this.#config,
    });
  }
}
