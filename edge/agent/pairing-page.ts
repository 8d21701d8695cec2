import type { Server } from 'node:http';
import type { Log } from '../../runtime/contracts/host.ts';
import { createServer } from '../../runtime/lib/builtin-http.ts';
import type { Part } from '../../runtime/lib/part.ts';

/** What is shown: the code, and where to type it. */
export interface ShownCode {
  code: string;
  server: string;
  /** RFC 3339 */
  until: string;
}

const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
};

/**
 * The device's port for as long as nobody has paired it: a page with the code, and `/health` that says so. The code is no credential:
 * only an administrator of the server can use it. A port that is taken is said, and nothing more: the code stands in the log, too.
 */
export class PairingPage implements Part {
  readonly #options: { port: number; host: string; log: Log };
  readonly #server: Server;
  #shown: ShownCode | undefined;

  constructor(options: { port: number; host: string; log: Log }) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      const isHealth = request.url === '/health';
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, HEADERS).end();
        return;
      }
      const type = isHealth ? 'application/json; charset=utf-8' : 'text/html; charset=utf-8';
      response.writeHead(200, { ...HEADERS, 'Content-Type': type });
      response.end(isHealth ? JSON.stringify({ status: 'degraded', paired: false }) : page(this.#shown));
    });
    this.#server.headersTimeout = 10_000;
    this.#server.requestTimeout = 10_000;
    this.#server.maxConnections = 16;
  }

  show(shown: ShownCode): void {
    this.#shown = shown;
  }

  /** Where it listens; undefined when it does not. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : undefined;
  }

  async start(): Promise<void> {
    const { port, host, log } = this.#options;
    await new Promise<void>((resolve) => {
      this.#server.on('error', (error) => {
        log.warn('the pairing code cannot be shown as a page', { port, host, reason: error.message });
        resolve();
      });
      this.#server.listen(port, host, resolve);
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

function page(shown: ShownCode | undefined): string {
  const words = shown
    ? `<p>Pairing code</p><p class="code">${asHtml(shown.code)}</p><p>Type it at <b>${asHtml(shown.server)}</b> under Devices, Pair a device.</p>`
    : '<p>The server does not answer yet; the pairing code appears here once it does.</p>';
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">' +
    '<meta http-equiv="refresh" content="5"><title>Pair this device · Redeye</title><style>:root{color-scheme:light dark}' +
    'body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;text-align:center}' +
    '.code{font-size:3rem;font-weight:700;letter-spacing:.15em;margin:.5rem 0}</style></head>' +
    `<body><main><h1>This device is not paired yet</h1>${words}</main></body></html>`
  );
}

function asHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
