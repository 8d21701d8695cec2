import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { PublisherHealth } from '../../runtime/contracts/pushes.ts';
import type { Part } from '../../runtime/lib/part.ts';

const RETRY_MS = 10_000;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;
const MAX_CONNECTIONS = 64;

export interface DeviceHealthPage {
  status: 'ok' | 'degraded';
  device: string;
  version: string;
  uptime_s: number;
  mode: 'baseline' | 'burst';
  camera: { id: string; driver: string; state: string; last_frame: string | null; reason?: string } | null;
  spool: { state: string; frames: number; bytes: number; sent: number; dropped: number; rejected: number };
  link: { mqtt: 'connected' | 'disconnected'; server: 'reached' | 'not reached'; reason?: string };
  flows: { state: string; reason?: string };
  /** all pushes of this device in one, as seed 001's dashboard reads it */
  publisher: PublisherHealth;
}

/**
 * The device's HTTP port: `/health` (open, always 200: a device that answers is alive) and a plain page. A port that is taken is tried
 * again every 10 s; pictures are taken and sent all the same.
 */
export class Pages implements Part {
  readonly server: Server;
  readonly #options: { port: number; host: string; clock: Clock; log: Log; health: () => DeviceHealthPage };
  #cancelRetry: (() => void) | undefined;
  #stopped = false;

  constructor(options: { port: number; host: string; clock: Clock; log: Log; health: () => DeviceHealthPage }) {
    this.#options = options;
    this.server = createServer((request, response) => this.#answer(request.method ?? '', request.url ?? '/', response));
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

  #answer(method: string, url: string, response: ServerResponse): void {
    const path = url.split('?')[0];
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'no-store');
    if (method !== 'GET' && method !== 'HEAD') {
      refuse(response, 405, 'route.method_not_allowed', 'only GET is answered here');
    } else if (path === '/health') {
      send(response, 200, 'application/json; charset=utf-8', JSON.stringify(this.#options.health()));
    } else if (path === '/') {
      response.setHeader('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'");
      send(response, 200, 'text/html; charset=utf-8', page(this.#options.health()));
    } else refuse(response, 404, 'route.not_found', 'there is nothing here');
  }
}

function refuse(response: ServerResponse, statusCode: number, code: string, message: string): void {
  const error = statusCode === 405 ? 'Method Not Allowed' : 'Not Found';
  send(response, statusCode, 'application/json; charset=utf-8', JSON.stringify({ statusCode, error, message, code }));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
}

function page(health: DeviceHealthPage): string {
  const { camera, spool, link, flows, publisher } = health;
  const rows: [string, string][] = [
    ['Camera', camera ? `${camera.driver}: ${camera.state}${camera.reason ? ` (${camera.reason})` : ''}` : 'none'],
    ['Last picture', camera?.last_frame ?? 'none yet'],
    ['Mode', health.mode],
    ['Waiting for the server', `${spool.frames} frames (${spool.state})`],
    ['Sent', String(spool.sent)],
    [
      'On the air',
      publisher.status === 'missing'
        ? 'no push'
        : publisher.status + (publisher.detail ? ` (${publisher.detail})` : ''),
    ],
    ['Server', link.server + (link.reason ? ` (${link.reason})` : '')],
    ['MQTT', link.mqtt],
    ['Flows', flows.state + (flows.reason ? ` (${flows.reason})` : '')],
  ];
  const table = rows.map(([name, value]) => `<tr><th>${asHtml(name)}</th><td>${asHtml(value)}</td></tr>`).join('');
  const title = asHtml(`Redeye on ${health.device}`);
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
    `<meta http-equiv="refresh" content="5"><title>${title}</title>` +
    `<style>body{font:16px system-ui;margin:2rem;color:#222}th{text-align:left;padding:.2rem 1.5rem .2rem 0}</style>` +
    `<h1>${title}</h1><table>${table}</table></html>`
  );
}

function asHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
