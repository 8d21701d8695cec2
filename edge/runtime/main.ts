import { join } from 'node:path';
import type { CameraStatus } from '../../runtime/contracts/cameras.ts';
import { firstCameraOf } from '../../runtime/contracts/ids.ts';
import { createFlowEngine } from '../../runtime/flow-engine/flow-engine.ts';
import { seedFlows } from '../../runtime/flow-engine/seed-flows.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { writeCompiledCode } from '../../runtime/lib/compiled-code.ts';
import { createLog } from '../../runtime/lib/log.ts';
import { guardNodeVersion } from '../../runtime/lib/node-version.ts';
import { createCameraSet } from '../../runtime/media/camera-set.ts';
import { KEY_HASHES } from '../agent/child-environment.ts';
import { systemReadings } from '../agent/machine/readings.ts';
import { createEdgeHost } from '../host.ts';
import { ALIVE_EVERY_MS, type ToAgent, type ToChild } from '../ipc.ts';
import { readSettings } from '../settings.ts';
import { productVersion } from '../version.ts';
import { Access } from './access.ts';
import { AgentPort } from './agent-port.ts';
import { registerCameraCommands } from './camera-commands.ts';
import { createDialects } from './dialects.ts';
import { registerFlowCommand } from './flow-command.ts';
import { createEdgeStorage } from './flow-storage.ts';
import { FlowSwitch } from './flow-switch.ts';
import { LiveDoor } from './live-door.ts';
import { LiveGate } from './live-gate.ts';
import { createEdgeLiveHost } from './live-host.ts';
import { localAccess, localKey } from './local-access.ts';
import { OrderedPushes } from './ordered-pushes.ts';
import type { DeviceHealthPage } from './page-html.ts';
import { Pages } from './pages.ts';
import { PlayerFiles } from './player-files.ts';
import { createEdgePushes } from './pushes.ts';
import { StartErrors } from './start-errors.ts';
import { StreamSender } from './stream-sender.ts';
import { streamLimit, ThermalGovernor } from './thermal-governor.ts';

/** The child of the agent: Node-RED, the cameras and the HTTP port. It lives as long as its agent does, and no longer. */
guardNodeVersion();

const STOP_TIMEOUT_MS = 8_000;
const SHIPPED = join(import.meta.dirname, '..', '..');
const clock = systemClock;
const settings = readSettings(process.env);
const log = createLog({ level: settings.LOG_LEVEL });
const version = productVersion();
const { DEVICE_ID: device, EDGE_DATA_DIR: folder, FLOWS_DIR: flowsDir } = settings;

const say = (message: ToAgent) => {
  // Once the agent is gone there is nobody to tell; `disconnect` ends this process.
  if (process.connected) process.send?.(message, undefined, {}, () => undefined);
};
const agent = new AgentPort(
  { send: say, onMessage: (hear) => process.on('message', (message) => hear(message as ToChild)) },
  () => void end(0),
);
process.on('disconnect', () => void end(0));
// Ctrl-C and systemd reach this process too; the agent says when to stop.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => log.debug('left to the agent', { signal }));
process.on('uncaughtException', (error) => die('uncaught exception', error));
process.on('unhandledRejection', (error) => die('unhandled rejection', error));
say({ type: 'alive' });

const { FFMPEG_PATH: ffmpegPath, SERVICE_TIMEOUT: serviceTimeoutMs } = settings;
const cameras = createCameraSet({ clock, log: log.child('camera'), ffmpegPath, serviceTimeoutMs });
const live = new LiveGate({
  cameras,
  clock,
  log: log.child('live'),
  ffmpegPath,
  cacheFolder: join(folder, 'cache'),
  host: settings.EDGE_HOST,
  udpPort: settings.EDGE_WEBRTC_UDP_PORT,
});
const readings = systemReadings();
const governor = new ThermalGovernor({
  temperature: () => readings.temperature(),
  onChange: (isHot, celsius) => void live.limit(...streamLimit(isHot, celsius)),
  clock,
  log: log.child('heat'),
});
const sender = new StreamSender({ streams: () => live.streams(), send: say, clock, log: log.child('uplink') });
agent.onUplink = (message) => sender.hear(message);
registerCameraCommands(agent.commands, {
  cameras,
  isStreaming: async (camera) => (await live.opened())?.streams.isRunning(camera) ?? false,
  log: log.child('commands'),
});
const pushes = createEdgePushes({
  cameras,
  streams: () => live.streams(),
  sound: async () => (await live.open()).sound,
  clock,
  log: log.child('push'),
  folder,
  settings,
});
const ordered = new OrderedPushes({ pushes, send: say, clock, log: log.child('push') });
agent.onPushes = (orders) => ordered.hear(orders);
const access = new Access({ device, keyHashes: (process.env[KEY_HASHES] ?? '').split(',').filter(Boolean), clock });
const ownKey = await localKey(join(folder, 'local-key'));
access.add(ownKey);
const liveDoor = new LiveDoor({ gate: live, access, cameras, clock });
const dialects = createDialects({
  device,
  cameras,
  live,
  liveDoor,
  access,
  dialectCamera: settings.DIALECT_CAMERA,
  open: settings.OPEN_DIALECTS,
  flows: (req, res, next) => engine.httpNode(req, res, next),
  methods: (path) => engine.httpMethods(path),
  isRunning: () => engine.state().state === 'running',
  bring: (id, picture) => agent.bring(id, picture),
  folder: join(folder, 'captures'),
  machine: async () => {
    const [celsius, disk] = await Promise.all([readings.temperature(), readings.disk(folder)]);
    const used = disk && disk.totalMb > 0 ? Math.round((1 - disk.freeMb / disk.totalMb) * 1000) / 10 : null;
    return { temperature_c: celsius ?? null, disk_percent: used };
  },
  localAccess: () => localAccess(ownKey, { host: settings.EDGE_HOST, port: settings.EDGE_PORT }),
  clock,
  log: log.child('dialects'),
});
const host = createEdgeHost({
  device,
  clock,
  log,
  cameras,
  agent,
  pushes,
  live: createEdgeLiveHost(live, cameras, log.child('outputs')),
  api: dialects.api,
});
const pages = new Pages({
  port: settings.EDGE_PORT,
  host: settings.EDGE_HOST,
  clock,
  log: log.child('http'),
  health,
  access,
  doors: [liveDoor, dialects],
  corsOrigins: settings.CORS_ORIGINS,
  player: new PlayerFiles(join(SHIPPED, 'console')),
  cameras: () => cameras.ids(),
});
const userDir = join(folder, 'node-red');
const startErrors = new StartErrors(clock, report);
const engine = createFlowEngine({
  userDir,
  flowsDir,
  nodesDir: join(SHIPPED, 'nodes'),
  host,
  log: startErrors.listen(log.child('flow-engine')),
  editor: false,
  slim: true,
  storage: createEdgeStorage({ flowsDir, userDir, log: log.child('flow-engine'), load: () => agent.load() }),
});
const { FLOWS_MAX_MB: maxRssMb } = settings;
const flowSwitch = new FlowSwitch({
  engine,
  startErrors,
  current: () => agent.load(),
  take: (load) => agent.take(load),
  send: say,
  maxRssMb,
});
agent.onSwitch = (message) => void flowSwitch.hear(message);
registerFlowCommand(agent.commands, () => engine.getFlows());

const alive = setInterval(report, ALIVE_EVERY_MS);
engine.onState(({ state }) => {
  if (state === 'running') startErrors.flowsRun();
  report();
});
await cameras.start();
try {
  cameras.define({ id: firstCameraOf(device), url: settings.CAMERA });
} catch (error) {
  log.error('the camera of CAMERA cannot be used', { error });
}
await dialects.start();
dialects.attach(pages.server);
await pages.start();
await governor.start();
await pushes.start();
ordered.start();
await agent.ready();
await seedFlows({
  shippedDir: join(SHIPPED, 'flows'),
  flowsDir,
  memoryFile: join(folder, 'shipped-flows.json'),
  sides: ['edge'],
  log: log.child('flow-engine'),
});
await engine.start();
report();
writeCompiledCode();

function report(): void {
  say({
    type: 'report',
    cameras: cameras.list(),
    flows: engine.state().state,
    ...(engine.state().reason !== undefined && { reason: engine.state().reason }),
    startErrors: startErrors.seen,
    nodeTypes: engine.state().state === 'stopped' ? [] : nodeTypes(),
    rssMb: Math.round(process.memoryUsage.rss() / 1024 / 1024),
    ...(governor.isHot && { streamLimited: true }),
  });
}

function nodeTypes(): string[] {
  try {
    return engine.nodeTypes();
  } catch {
    return [];
  }
}

function health(): DeviceHealthPage {
  const { state, frames, bytes, sent, dropped, rejected } = agent.upload();
  const { mqtt, trouble } = agent.link();
  const camera = cameras.list()[0];
  const flows = engine.state();
  const camera_connected = camera !== undefined && isWell(camera);
  const well = flows.state === 'running' && trouble === undefined && camera_connected;
  return {
    status: well ? 'healthy' : 'degraded',
    camera_connected,
    timestamp: new Date(clock.now()).toISOString(),
    device,
    version,
    uptime_s: Math.round(process.uptime()),
    mode: agent.config()?.mode ?? 'baseline',
    camera: camera ? cameraRow(camera) : null,
    spool: { state, frames, bytes, sent, dropped, rejected },
    captures: agent.captures(),
    link: { mqtt, server: trouble === undefined ? 'reached' : 'not reached', ...(trouble ? { reason: trouble } : {}) },
    flows,
    publisher: pushes.health(),
  };
}

function isWell({ state }: CameraStatus): boolean {
  return state === 'live' || state === 'idle';
}

function cameraRow({ id, driver, state, lastFrameAt, reason }: CameraStatus): NonNullable<DeviceHealthPage['camera']> {
  const last_frame = lastFrameAt === undefined ? null : new Date(lastFrameAt).toISOString();
  return { id, driver, state, last_frame, ...(reason === undefined ? {} : { reason }) };
}

async function end(code: number): Promise<void> {
  clearInterval(alive);
  setTimeout(() => process.exit(code), STOP_TIMEOUT_MS).unref();
  sender.stop();
  ordered.stop();
  for (const part of [governor, engine, dialects, pushes, live, cameras, pages]) {
    try {
      await part.stop();
    } catch (error) {
      log.warn('did not stop cleanly', { error });
    }
  }
  process.exit(code);
}

function die(what: string, error: unknown): void {
  log.error(what, { error });
  process.exit(1);
}
