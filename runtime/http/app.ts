import type { RequestListener } from 'node:http';
import express, { type Request, type RequestHandler, Router } from 'express';
import helmet from 'helmet';
import { dialectAt } from '../contracts/dialects.ts';
import type { GalleryService } from '../contracts/gallery.ts';
import type { Clock, Log } from '../contracts/host.ts';
import type { ServerState } from '../contracts/metrics.ts';
import type { YoutubeService } from '../contracts/published.ts';
import type { LivekitService } from '../contracts/rooms.ts';
import type {
  CommandService,
  DeploymentService,
  EventsService,
  FleetService,
  FramesService,
  JobsService,
  RetentionService,
  StreamsService,
} from '../contracts/services.ts';
import type { User } from '../contracts/users.ts';
import { Watchers } from '../lib/live/watchers.ts';
import { opennessOf } from '../lib/openness.ts';
import { apiDocs } from './api-docs.ts';
import type { Accounts } from './auth/accounts.ts';
import { StreamTokens } from './auth/stream-tokens.ts';
import { viewerDoor } from './auth/viewers.ts';
import { authenticator } from './authenticate.ts';
import { corsFor } from './cors.ts';
import { deviceBundles } from './device-bundles.ts';
import { dialectDoor, dialectNotFound } from './dialects/door.ts';
import { InProcess } from './dialects/in-process.ts';
import { MOVING_PATHS, movingPictures } from './dialects/moving.ts';
import { editorPages } from './editor-port.ts';
import { errorHandler, notFound } from './errors.ts';
import { flowDoor } from './flow-doors.ts';
import type { FrameCounts } from './frame-counts.ts';
import { type HealthCheck, healthRoutes } from './health.ts';
import { IdempotencyCache } from './idempotency.ts';
import type { IngestDoor } from './ingest/ingest.ts';
import { type LiveParts, liveRoutes } from './live/live.ts';
import { mediamtxMetrics } from './mediamtx-metrics.ts';
import type { MetricsRegistry } from './metrics.ts';
import { openApi } from './openapi.ts';
import { otherMethods } from './other-methods.ts';
import { requestId } from './request-id.ts';
import { mountRoutes, type RouteSpec } from './route.ts';
import { authRoutes } from './routes/auth.ts';
import { cameraControlRoutes } from './routes/camera-control.ts';
import { cameraRoutes } from './routes/cameras.ts';
import { captureRoutes } from './routes/captures.ts';
import { commandRoutes } from './routes/commands.ts';
import { deploymentRoutes } from './routes/deployments.ts';
import { deviceRoutes } from './routes/devices.ts';
import { eventRoutes } from './routes/events.ts';
import { galleryRoutes } from './routes/gallery.ts';
import { jobRoutes } from './routes/jobs.ts';
import { liveApiRoutes } from './routes/live.ts';
import { livekitRoutes } from './routes/livekit.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { pairingRoutes } from './routes/pairing.ts';
import { retentionRoutes } from './routes/retention.ts';
import { streamRoutes } from './routes/stream.ts';
import { publishedRoutes } from './routes/streams.ts';
import { userRoutes } from './routes/users.ts';
import { youtubeRoutes } from './routes/youtube.ts';
import { scrapeRoutes } from './scrape.ts';
import { trustedProxies } from './trusted-proxies.ts';

export interface HttpParts {
  version: string;
  accounts: Accounts;
  fleet: FleetService;
  commands: CommandService;
  deployments: DeploymentService;
  frames: FramesService;
  gallery: GalleryService;
  jobs: JobsService;
  events: EventsService;
  retention: RetentionService;
  /** cameras brought to others */
  published: StreamsService & { youtube: YoutubeService; livekit: LivekitService };
  checks: readonly HealthCheck[];
  /** how the server itself is, and what is counted */
  operations: { metrics: MetricsRegistry; frames: FrameCounts; state: ServerState };
  /** the device contract's routes, below /api/v1 */
  ingest: IngestDoor;
  /** live pictures; none where there are no cameras to watch */
  live?: LiveParts | undefined;
  /**
   * Node-RED's editor and admin API (below /editor), what flows serve, and why they do not run; none while there is no engine. `methods`:
   * those that flows answer at a path
   */
  flows: {
    editor?: RequestHandler;
    node: RequestHandler;
    trouble?: () => string | undefined;
    methods?: (path: string) => string[];
  };
  /** the operators' pages; none while they are not built */
  console?: RequestHandler | undefined;
  clock: Clock;
  log: Log;
  trustProxy?: string;
  corsOrigins: readonly string[];
  openPaths: readonly string[];
  /** names of dialects that answer without a credential, and what asks the API in the name of who asked a flow */
  dialects?: { open: readonly string[]; caller: InProcess };
  /** path of PUBLIC_URL, without a slash at its end */
  basePath: string;
}

const FRAME_PATH = '/api/v1/ingest/frame';

/** Every route of our own API, from which handlers and documentation are made. */
export function apiRoutes(parts: HttpParts): RouteSpec[] {
  const idempotency = new IdempotencyCache(parts.clock);
  return [
    ...authRoutes(parts.accounts, parts.basePath),
    ...userRoutes(parts.accounts, idempotency),
    ...deviceRoutes(parts.fleet, idempotency),
    ...pairingRoutes(parts.fleet, idempotency),
    ...commandRoutes(parts.commands, parts.fleet, idempotency),
    ...deploymentRoutes(parts.deployments, idempotency),
    ...cameraRoutes(parts.fleet, idempotency, parts.live?.test),
    ...cameraControlRoutes(parts.gallery, idempotency),
    ...captureRoutes(parts.frames),
    ...galleryRoutes(parts.gallery, idempotency),
    ...eventRoutes(parts.events),
    ...jobRoutes(parts.jobs),
    ...retentionRoutes(parts.retention),
    ...streamRoutes(parts.events, parts.clock, parts.accounts?.people),
    ...publishedRoutes(parts.published, parts.fleet, idempotency),
    ...youtubeRoutes(() => parts.published.youtube),
    ...livekitRoutes(() => parts.published.livekit, parts.fleet),
    ...metricsRoutes({ ...parts.operations, clock: parts.clock }),
    ...liveApiRoutes({
      sessions: parts.live?.sessions ?? [],
      streams: parts.live?.streams,
      tokens: new StreamTokens({ accounts: parts.accounts, clock: parts.clock }),
      fleet: parts.fleet,
    }),
  ];
}

/**
 * The whole HTTP face in its order: device contract, health, product API, editor, flows. Node-RED comes after our routes, so a flow
 * cannot shadow them, and no body parser stands before it: Node-RED reads its bodies itself.
 */
export function createHttpApp(parts: HttpParts): RequestListener {
  const app = express();
  const { open: openDialects, caller } = parts.dialects ?? { open: [], caller: new InProcess() };
  const authenticate = authenticator(parts.accounts, (req) => caller.actingUser(req));
  const remember = (req: Request, user: User | undefined) =>
    caller.remember(req, {
      user,
      ip: req.ip ?? '',
      host: req.get('Host') ?? 'localhost',
      isSecure: req.secure,
      cookie: req.get('Cookie'),
    });
  app.disable('x-powered-by');
  if (parts.trustProxy !== undefined) app.set('trust proxy', trustedProxies(parts.trustProxy));
  const { operations, checks, version, clock } = parts;
  app.use(corsFor(parts.corsOrigins));
  // First, and without what pages need: this is the busiest path, and it is no browser that comes.
  app.use('/api/v1', parts.ingest.routes);
  app.use('/api/v1', deviceBundles(parts));
  app.use(requestId);
  app.use(healthRoutes({ checks, version, clock, state: operations.state }));

  const { basePath } = parts;
  const watchers = parts.live?.watchers ?? new Watchers(clock);
  const others = parts.live?.sessions.filter((source) => source !== watchers) ?? [];
  const live = parts.live && { ...parts.live, sessions: [...others, watchers] };
  const mediamtx =
    live &&
    (() =>
      mediamtxMetrics(
        live.streams.list(),
        live.sessions.flatMap((one) => one.sessions()),
      ));
  const { metrics } = operations;
  app.use(scrapeRoutes({ metrics, mediamtx, accounts: parts.accounts, authenticate, log: parts.log.child('metrics') }));
  // Who may not see a camera any longer stops seeing it.
  parts.accounts.people.onRights(({ name, sees }) => {
    for (const source of live?.sessions ?? []) {
      for (const { id, user, camera } of source.sessions()) if (user === name && !sees(camera)) source.kick(id);
    }
  });
  const viewerOf = viewerDoor({ accounts: parts.accounts, clock, authenticate });
  const pictures =
    live &&
    liveRoutes({
      live,
      viewerOf,
      watchers,
      registered: (id) => parts.fleet.camera(id),
      roomOf: (id) => parts.published.livekit.roomOf(id),
      clock,
      basePath,
    });
  if (pictures) app.use('/api/v1/cameras/:camera', pictures.api);

  const strict = helmet({
    contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    hsts: false,
  });
  const api = Router();
  api.use(strict);
  const routes = apiRoutes({ ...parts, live });
  mountRoutes(api, routes, authenticate);
  api.use(otherMethods(routes));
  app.use('/api/v1', api);
  // Few ask for it, and to put it together is work that no start should wait for.
  let document: ReturnType<typeof openApi> | undefined;
  app.get('/api/openapi.json', strict, (_req, res) => {
    document ??= openApi(routes, parts.version);
    res.json(document);
  });
  app.use('/api/openapi.json', strict, otherMethods([{ method: 'get', path: '/' }]));
  app.use('/api/docs', apiDocs(parts.basePath));
  // Below /api only dialects of other systems come after our own routes.
  app.use((req, res, next) =>
    /^\/api(\/|$)/.test(req.path) && !dialectAt('server', req.path) ? notFound(req, res, next) : next(),
  );

  if (parts.flows.editor) {
    // What the editor does not have, nobody has: flows would ask its session for a credential of theirs.
    app.use('/editor', ...editorPages(parts.accounts, parts.flows.editor), notFound);
  }
  if (!parts.console) {
    app.get('/', (_req, res) => {
      res.redirect(302, `${parts.basePath}/editor/`);
    });
  }
  // Scripts, styles and fonts of the console come before the door of flows, which would ask even the login page for a credential.
  if (parts.console) app.get('/assets/{*path}', parts.console);
  if (pictures) app.use(pictures.players);
  const flows = Router();
  flows.use(dialectDoor({ isOpen: opennessOf(openDialects), authenticate, remember }));
  if (live?.pictures) {
    flows.all(MOVING_PATHS, movingPictures({ pictures: live.pictures, watchers, clock, fleet: parts.fleet, caller }));
  }
  flows.use(flowDoor({ openPaths: parts.openPaths, authenticate, fleet: parts.fleet, remember }), parts.flows.node);
  const { trouble = () => undefined, methods = () => [] } = parts.flows;
  flows.use(dialectNotFound({ trouble, methods }));
  app.use(flows);
  if (parts.console) app.use(parts.console);
  app.use(notFound);
  app.use(errorHandler(parts.log.child('http')));
  caller.serve(app);
  return (req, res) => {
    // A device's frame goes past Express, which would cost it a tenth of its CPU; a browser's needs the answer of `corsFor`.
    if (req.url === FRAME_PATH && req.method === 'POST' && req.headers.origin === undefined)
      parts.ingest.frame(req, res);
    else app(req, res);
  };
}
