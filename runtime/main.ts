import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { isLoopback, type Settings } from '../settings.ts';
import { eventSink } from './broker/event-sink.ts';
import type { Clock, Log } from './contracts/host.ts';
import { RESERVED_IDS } from './contracts/reserved-ids.ts';
import { createBackups } from './db/backup.ts';
import { migrate } from './db/migrate.ts';
import { type OpenedDatabase, openDatabase } from './db/open.ts';
import { createUpkeep } from './db/upkeep.ts';
import { createUserStore } from './db/users.repo.ts';
import { createDevices } from './devices.ts';
import { auditEditor } from './editor-audit.ts';
import { eventLog } from './events/event-log.ts';
import { createEvents } from './events/events.ts';
import { createOutboxRelay } from './events/outbox-relay.ts';
import { createCommandHost } from './fleet/commands/command-host.ts';
import type { Fleet } from './fleet/fleet.ts';
import { createCrashGuard } from './flow-engine/crash-guard.ts';
import { createFlowEngine } from './flow-engine/flow-engine.ts';
import { seedFlows } from './flow-engine/seed-flows.ts';
import { directDisk } from './frames/direct-disk.ts';
import { createFrames } from './frames/frames.ts';
import { createFrameIntake } from './frames/intake.ts';
import { replayFrames } from './frames/replay.ts';
import { SegmentStore } from './frames/segment-store.ts';
import { createGallery } from './gallery/gallery.ts';
import { createServerHost } from './host.ts';
import { createHttpApp } from './http/app.ts';
import { Accounts } from './http/auth/accounts.ts';
import { editorAuth } from './http/auth/editor.ts';
import { rememberUsers } from './http/auth/remembered-users.ts';
import { consolePages } from './http/console.ts';
import { InProcess } from './http/dialects/in-process.ts';
import { createEditorPort, toEditorPort } from './http/editor-port.ts';
import { ingestDoor } from './http/ingest/ingest.ts';
import { createMediamtxPorts } from './http/mediamtx-ports.ts';
import { createMetrics } from './http/metrics.ts';
import { HttpServer } from './http/server.ts';
import { registerServerGauges } from './http/server-gauges.ts';
import { createStageCounts } from './http/stage-counts.ts';
import { createJobQueue } from './jobs/queue.ts';
import { hostInUrl, reachableHost } from './lib/addresses.ts';
import { lockDataDir } from './lib/data-dir-lock.ts';
import { ensureFolder } from './lib/files.ts';
import { createCommitWatch } from './lib/git-commit.ts';
import { createHangWatch } from './lib/hang-watch.ts';
import { uuidv7 } from './lib/ids.ts';
import type { Part } from './lib/part.ts';
import { openSecrets } from './lib/secrets.ts';
import { createLive } from './live.ts';
import { createUrlCheck } from './media/url-policy.ts';
import { readJpegHeader } from './picture/jpeg-header.ts';
import { createPublishing } from './publishing.ts';
import { GIGABYTE, SHARE_IN_DOUBT, UNFINISHED_BYTES } from './retention/limits.ts';
import { createRetention } from './retention/retention.ts';
import { createServerCameras } from './server-cameras.ts';
import { createServerControls } from './server-controls.ts';
import { createServerState, flowTrouble, healthChecks } from './server-state.ts';
import { createUplink } from './uplink.ts';

export const VERSION = '0.1.0';
/** Two days of automatic backups of the embedded database. */
const BACKUP_EVERY_MS = 6 * 3600_000;
const BACKUPS_KEPT = 8;

export interface ServerParts {
  settings: Settings;
  log: Log;
  clock: Clock;
  /** root of the built product, where nodes/ and flows/ lie */
  productDir: string;
}

export interface RunningServer {
  /** address for people, as `http://127.0.0.1:1880` */
  url: string;
  /** the made-up password of `admin`, at the first start only */
  adminPassword: string | undefined;
  /** state of the flows in words */
  flows: string;
  /** the same, as it is now */
  flowsNow(): string;
  database: OpenedDatabase;
  fleet: Fleet;
  stop(): Promise<void>;
}

/**
 * Builds the server, starts its parts in order and answers once it serves; `stop` ends them in reverse. When a part does not start,
 * those before it are stopped and its error is thrown.
 */
export async function startServer({ settings, log, clock, productDir }: ServerParts): Promise<RunningServer> {
  const started: { name: string; stop(): Promise<void> }[] = [];
  const stop = async () => {
    for (const part of started.splice(0).reverse()) {
      await part.stop().catch((error) => log.error('a part did not stop', { part: part.name, error }));
    }
  };
  const run = async <P extends Part>(name: string, part: P): Promise<P> => {
    started.push({ name, stop: () => part.stop() });
    await part.start();
    return part;
  };
  try {
    return { ...(await compose({ settings, log, clock, productDir }, run, started)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Run = <P extends Part>(name: string, part: P) => Promise<P>;

async function compose(
  { settings, log, clock, productDir }: ServerParts,
  run: Run,
  started: { name: string; stop(): Promise<void> }[],
): Promise<Omit<RunningServer, 'stop'>> {
  // The data folder: one process, its secrets, its database.
  const dataDir = settings.DATA_DIR;
  await ensureFolder(dataDir, 0o700);
  const lock = await lockDataDir(dataDir, { pid: process.pid, clock });
  started.push({ name: 'lock', stop: () => lock.release() });
  const secrets = await openSecrets(dataDir, ['tokens', 'pepper', 'urls', 'node']);
  const nodeId = secrets.node.toString('hex', 0, 6);
  const blanks = join(productDir, 'database');
  const opened = await openDatabase({ databaseUrl: settings.DATABASE_URL, dataDir, blanks, log, clock });
  const { db } = opened;
  started.push({ name: 'database', stop: () => db.close() });
  await migrate(db, log);
  if (opened.embedded) {
    await run('upkeep', createUpkeep({ db: opened.embedded, clock, log }));
    const folder = join(dataDir, 'backups');
    await run(
      'backups',
      createBackups({ db: opened.embedded, folder, clock, log, everyMs: BACKUP_EVERY_MS, keep: BACKUPS_KEPT }),
    );
  }

  // The door is made early, since broker and editor share its port; it answers only when everything behind it is there.
  const tls =
    settings.TLS_CERT && settings.TLS_KEY ? { certFile: settings.TLS_CERT, keyFile: settings.TLS_KEY } : undefined;
  const door = new HttpServer({ host: settings.HOST, port: settings.PORT, tls });
  const publicUrl = new URL(
    settings.PUBLIC_URL ?? `${tls ? 'https' : 'http'}://${hostInUrl(reachableHost(settings.HOST))}:${settings.PORT}`,
  );
  const basePath = publicUrl.pathname.replace(/\/$/, '');

  // Stages.
  const metrics = createMetrics({ log: log.child('metrics'), process: true });
  const counts = createStageCounts({ metrics, clock });
  const checkUrl = createUrlCheck({ allow: settings.CAMERA_URL_ALLOW, clipsDir: join(dataDir, 'clips') });
  // Those who may log in, and their programs.
  const accounts = new Accounts({ store: rememberUsers(createUserStore(db), clock), clock, log, key: secrets.tokens });
  const { fleet, broker, commands, deployments, homeAssistant } = createDevices({
    version: VERSION,
    eventPicture: (id) => events.image(id, 'thumb'),
    accounts,
    settings,
    mqttHost: plainMqttHost(settings),
    secrets,
    db,
    clock,
    log,
    checkUrl,
    reservedCameraIds: RESERVED_IDS,
    publicUrl,
    onControl: (...set) => controls.hear(...set),
    localCameraState: (camera) => cameras.list().find(({ id }) => id === camera)?.state,
  });
  const uplink = createUplink({ fleet, commands, metrics, clock, log: log.child('uplink') });
  const [ffmpegPath, cacheFolder] = [settings.FFMPEG_PATH, join(dataDir, 'cache')];
  const live = createLive({ clock, log, ffmpegPath, metrics, settings, cacheFolder, checkUrl, uplink });
  const { cameras } = live;
  const store = new SegmentStore({ folder: join(dataDir, 'segments'), log: log.child('segments'), disk: directDisk() });
  const { onBatch, onAttempt } = counts;
  const intake = createFrameIntake({ db, store, nodeId, clock, log: log.child('frames'), newId: uuidv7, onBatch });
  const frames = createFrames({ db, store, nodeId, intake });
  const own = createServerCameras({ db, fleet, cameras, frames, clock, log: log.child('cameras') });
  const controls = createServerControls({
    site: settings.SITE,
    cameras,
    publish: (...said) => broker.publish(...said),
    clock,
    log: log.child('cameras'),
  });
  const owner = `${nodeId}:${process.pid}`;
  const jobs = createJobQueue({ db, clock, log, owner, readFrame: frames.read, onAttempt });
  const commit = createCommitWatch({ folder: settings.FLOWS_DIR, clock });
  const events = createEvents({ db, clock, log, folder: dataDir, readFrame: frames.read, commit: commit.current });
  const gallery = createGallery({
    db,
    folder: dataDir,
    clock,
    log: log.child('gallery'),
    newId: uuidv7,
    cameras,
    commands,
    fleet,
    isStreaming: (camera) => live.streams.isRunning(camera),
    timeoutMs: settings.SERVICE_TIMEOUT,
  });
  const publishing = createPublishing({
    clock,
    log,
    dataDir,
    cameras: uplink.forNodes(cameras, live.pictures, gallery),
    streams: live.streams,
    sound: live.sound,
    live: live.host,
    deviceOf: uplink.deviceOf,
    remotes: cameras,
    commands,
    db,
    key: secrets.urls,
    metrics,
    publicUrl,
    iceServers: () => live.whep.iceServers('diagnosis'),
    settings,
  });
  const retention = createRetention({
    db,
    clock,
    log,
    store,
    nodeId,
    folder: dataDir,
    limits: {
      eventImagesDays: settings.RETENTION_EVENT_IMAGES_DAYS,
      stagingHours: settings.RETENTION_STAGING_HOURS,
      maxBytes: settings.RETENTION_MAX_GB === undefined ? undefined : settings.RETENTION_MAX_GB * GIGABYTE,
      minFreeBytes: settings.RETENTION_MIN_FREE_GB * GIGABYTE,
      unfinishedBytes: UNFINISHED_BYTES,
      shareInDoubt: SHARE_IN_DOUBT,
    },
    async freeBytes() {
      const { bavail, bsize } = await statfs(dataDir);
      return bavail * bsize;
    },
  });
  const relay = createOutboxRelay({
    db,
    clock,
    log,
    sinks: [
      events.sink,
      { name: 'mqtt', deliver: eventSink({ broker, site: settings.SITE }) },
      eventLog(log),
      ...(homeAssistant ? [{ name: 'home assistant', deliver: homeAssistant.deliver.bind(homeAssistant) }] : []),
      counts.events,
    ],
  });

  await fleet.registerBuiltIn(settings.PYTHON_CAMERA_URL);
  await fleet.forgetSessions();
  await run('fleet', fleet);
  await run('commands', commands);
  await run('deployments', deployments);
  await run('segments', store);
  await replayFrames({ db, store, nodeId, log: log.child('frames') });
  await run('frames', intake);
  await run('uplink', uplink);
  await run('live', live);
  await run('publishing', publishing);
  await run('cameras', own);
  await run('gallery', gallery);
  await run('jobs', jobs);
  await run('commit', commit);
  await run('events', events);
  await run('retention', retention);

  // Flows, and the people who may edit them.
  const adminPassword = await accounts.ensureAdmin(settings.ADMIN_PASSWORD);
  const userDir = join(dataDir, 'node-red');
  await seedFlows({
    shippedDir: join(productDir, 'flows'),
    flowsDir: settings.FLOWS_DIR,
    memoryFile: join(userDir, 'shipped.json'),
    log: log.child('flows'),
  });
  const guard = createCrashGuard({ file: join(userDir, 'starts.json'), clock, log: log.child('flows') });
  const safeMode = await guard.begin();
  started.push({ name: 'crash guard', stop: () => guard.end() });
  await run('hang watch', createHangWatch());
  const caller = new InProcess({ dialectCamera: settings.DIALECT_CAMERA, basePath });
  const engine = createFlowEngine({
    userDir,
    flowsDir: settings.FLOWS_DIR,
    nodesDir: join(productDir, 'nodes'),
    host: createServerHost({
      clock,
      log: log.child('nodes'),
      newId: uuidv7,
      db,
      cameras: uplink.forNodes(cameras, live.pictures, gallery),
      ingest: intake,
      own,
      live: live.host,
      commands: createCommandHost(commands),
      devices: fleet.words,
      api: caller,
      pushes: publishing.pushes,
      broadcasts: publishing.broadcasts,
      rooms: publishing.rooms,
      jobs,
      events,
      retention: retention.host,
      fleet,
    }),
    log: log.child('flows'),
    server: door.server,
    editor: settings.EDITOR ? { root: '/editor', auth: editorAuth(accounts) } : false,
    unsafeNodes: settings.UNSAFE_NODES,
    safeMode,
    onAudit: (entry) => auditEditor(db, log, entry),
    check: (flows, changed) => deployments.checkTabs(flows, changed),
  });

  const { EDITOR_PORT } = settings;
  const state = createServerState({ dataDir, db, clock, store, jobs, fleet, broker, engine, relay });
  registerServerGauges(metrics, state, VERSION);
  const app = createHttpApp({
    version: VERSION,
    accounts,
    fleet,
    commands,
    deployments,
    frames,
    gallery,
    jobs,
    events,
    retention,
    published: publishing.streams,
    checks: healthChecks({ db, broker, store, frames, engine, relay }),
    operations: { metrics, frames: counts.frames, state },
    ingest: ingestDoor({
      fleet,
      frames,
      pictures: gallery.desk,
      devicePushes: publishing.devicePushes,
      readJpegHeader,
      clock,
      log: log.child('ingest'),
      onFrame: counts.frames.note,
    }),
    live: { ...live, sessions: [...live.sessions, publishing.viewers] },
    flows: {
      node: engine.httpNode,
      trouble: () => flowTrouble(engine.state()),
      methods: engine.httpMethods,
      ...(settings.EDITOR && { editor: EDITOR_PORT === undefined ? engine.httpAdmin : toEditorPort(EDITOR_PORT) }),
    },
    console: consolePages(join(productDir, 'console'), basePath, publishing.streams.livekit.status().url ?? undefined),
    clock,
    log,
    trustProxy: settings.TRUST_PROXY,
    corsOrigins: settings.CORS_ORIGINS,
    openPaths: settings.OPEN_PATHS,
    dialects: { open: settings.OPEN_DIALECTS, caller },
    basePath,
  });
  door.serve(app);
  await run('broker', broker);
  await run('controls', controls);
  if (settings.EDITOR && EDITOR_PORT !== undefined) {
    const at = { host: settings.HOST, port: EDITOR_PORT, tls, trustProxy: settings.TRUST_PROXY };
    const own = { accounts, editor: engine.httpAdmin, main: door.server, product: app, log: log.child('http') };
    await run('editor port', createEditorPort({ ...at, ...own }));
  }
  if (homeAssistant) await run('home assistant', homeAssistant);
  const origins = [publicUrl.origin, ...settings.CORS_ORIGINS];
  broker.attachWebSocket(door.server, '/mqtt', { allowOrigin: (origin) => origins.includes(origin) });
  uplink.attach(door.server);
  await run('http', { start: async () => void (await door.start()), stop: () => door.stop() });
  if (settings.MEDIAMTX_PORTS) await run('mediamtx ports', createMediamtxPorts({ host: settings.HOST, tls, app }));
  await run('flows', engine);
  // Only now: nodes that wait for events must be there before the first one is told.
  await run('outbox', relay);
  const flowsNow = () => flowTrouble(engine.state()) ?? 'running';
  return {
    url: publicUrl.href.replace(/\/$/, ''),
    adminPassword,
    flows: flowsNow(),
    flowsNow,
    database: opened,
    fleet,
  };
}

/** MQTT without TLS goes to the network only where that was asked for; else devices come by WebSocket, over TLS. */
function plainMqttHost({ HOST, TRUST_LAN }: Settings): string {
  return isLoopback(HOST) || TRUST_LAN ? HOST : '127.0.0.1';
}
