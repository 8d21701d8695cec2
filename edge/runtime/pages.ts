import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { AppError, toAppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import { createServer, STATUS_CODES } from '../../runtime/lib/builtin-http.ts';
import { allowOf, notAllowed } from '../../runtime/lib/methods.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { nameOfRequest } from '../../runtime/lib/request-name.ts';
import type { Access } from './access.ts';
import { admitOrigin } from './cross-origin.ts';
import type { LiveDoor } from './live-door.ts';
import { Login } from './login.ts';
import { type DeviceHealthPage, ICON, statusPage, watchPage } from './page-html.ts';
import type { PlayerFiles } from './player-files.ts';

const RETRY_MS = 10_000;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const MAX_CONNECTIONS = 64;
/** Own scripts and pictures only; pieces of HLS are put together by the page. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' blob: data:; " +
  "media-src 'self' blob:; connect-src 'self'; worker-src blob:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

export interface PagesOptions {
  port: number;
  host: string;
  clock: Clock;
  log: Log;
  health: () => DeviceHealthPage;
  access: Access;
  /** live pictures, and what flows answer for other systems; asked in that order */
  doors: readonly Pick<LiveDoor, 'serve'>[];
  player: PlayerFiles;
  /** origins whose pages may ask; default: none */
  corsOrigins?: readonly string[];
  /** ids of the device's cameras, the first one first */
  cameras: () => string[];
}

/**
 * The device's HTTP port. `/health` (always 200: a device that answers is alive), `/login` and the icon are open; its pages and pictures want its
 * key. A port that is taken is tried again every 10 s; pictures are taken and sent all the same.
 */
export class Pages implements Part {
  readonly server: Server;
  readonly #options: PagesOptions;
  readonly #login: Login;
  #cancelRetry: (() => void) | undefined;
  #stopped = false;

  constructor(options: PagesOptions) {
    this.#options = options;
    this.#login = new Login(options.access);
    this.server = createServer((request, response) => void this.#answer(request, response));
    this.server.headersTimeout = HEADERS_TIMEOUT_MS;
    this.server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  async start(): Promise<void> {
    const { port, host, clock, log } = this.#options;
    this.server.on('error', (error: NodeJS.ErrnoException) => {
      log.error('the HTTP port cannot be used; trying again', { port, host, code: error.code });
      if (!this.#stopped) this.#cancelRetry = clock.after(RETRY_MS, () => this.server.listen(port, host));
    });
    this.server.on('listening', () => log.info('device page', { url: `http://${host}:${port}/` }));
    this.server.listen(port, host);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry?.();
    this.server.closeAllConnections();
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve));
  }

  /** Never rejects: whatever a route throws becomes the answer, or the end of one that was begun. */
  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('X-Request-Id', nameOfRequest(req));
    if (admitOrigin(req, res, this.#options.corsOrigins ?? [])) return;
    try {
      await this.#route(req, res);
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.code === 'internal.error') this.#options.log.error('a request was not served', { error: thrown });
      if (res.headersSent) res.destroy();
      // `Allow` says it already.
      else if (error.code === 'route.method_not_allowed' && req.method === 'OPTIONS') res.writeHead(204).end();
      else refuse(req, res, error);
    }
  }

  async #route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = urlOf(req);
    const { health, doors, access, player, cameras } = this.#options;
    if (url.pathname === '/health') {
      onlyRead(req, res);
      send(res, 'application/json; charset=utf-8', JSON.stringify(health()));
      return;
    }
    if (url.pathname === '/favicon.ico') {
      onlyRead(req, res);
      send(res, 'image/svg+xml', ICON);
      return;
    }
    if (await this.#login.serve(req, res, url)) return;
    for (const door of doors) if (await door.serve(req, res, url)) return;
    const isPage = url.pathname === '/' || /^\/stream\/watch(\/(youtube|local))?$/.test(url.pathname);
    if (!isPage && !url.pathname.startsWith('/assets/')) throw new AppError('route.not_found', 'there is nothing here');
    onlyRead(req, res);
    if (isPage && this.#sendToLogin(req, res, url)) return;
    access.caller(req);
    if (url.pathname.startsWith('/assets/')) {
      await player.serve(url.pathname, res);
      return;
    }
    res.setHeader('Content-Security-Policy', PAGE_POLICY);
    res.setHeader('X-Frame-Options', 'DENY');
    const known = cameras();
    const wanted = url.searchParams.get('camera') ?? known[0] ?? '';
    const html =
      url.pathname === '/'
        ? statusPage(health(), known)
        : watchPage({ device: health().device, cameras: known, camera: wanted, hasPlayer: await player.isThere() });
    send(res, 'text/html; charset=utf-8', html);
  }

  /** A person without a credential is shown where to give one; a program is told. */
  #sendToLogin(req: IncomingMessage, res: ServerResponse, url: URL): boolean {
    if (!(req.headers.accept ?? '').includes('text/html')) return false;
    try {
      this.#options.access.caller(req);
      return false;
    } catch (error) {
      if (toAppError(error).status !== 401) throw error;
      const back = url.pathname === '/' ? '' : `?redirect_url=${encodeURIComponent(url.pathname + url.search)}`;
      res.writeHead(303, { Location: `/login${back}` }).end();
      return true;
    }
  }
}

/** Throws `request.invalid` for an address that is none. */
function urlOf({ url = '/' }: IncomingMessage): URL {
  const found = url.startsWith('/') ? URL.parse(`http://device${url}`) : null;
  if (!found) throw new AppError('request.invalid', 'the address cannot be read');
  return found;
}

/** Throws for what would change something, and says what is possible. */
function onlyRead({ method }: IncomingMessage, res: ServerResponse): void {
  if (method === 'GET' || method === 'HEAD') return;
  const allow = allowOf(['GET']);
  res.setHeader('Allow', allow);
  throw notAllowed(method, allow);
}

function refuse(req: IncomingMessage, res: ServerResponse, error: AppError): void {
  const { code, status: statusCode, details } = error;
  const message = code === 'internal.error' ? 'something went wrong on the device' : error.message;
  const { retryAfterS = statusCode === 503 ? 5 : undefined } = details;
  if (retryAfterS !== undefined) res.setHeader('Retry-After', String(Math.ceil(retryAfterS)));
  // A body that nobody reads any more must not be taken for the next request.
  if (!req.complete) res.setHeader('Connection', 'close');
  res.statusCode = statusCode;
  const body = JSON.stringify({ statusCode, error: STATUS_CODES[statusCode] ?? 'Error', message, code });
  send(res, 'application/json; charset=utf-8', body);
}

function send(res: ServerResponse, type: string, body: string): void {
  res.setHeader('Content-Type', type);
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.end(body);
}
