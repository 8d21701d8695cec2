import type { RequestListener } from 'node:http';
import express, { type RequestHandler } from 'express';
import helmet from 'helmet';
import type { Log } from '../contracts/host.ts';
import type { Part } from '../lib/part.ts';
import { type Accounts, EDITOR_TOKEN } from './auth/accounts.ts';
import { editorDoor, editorLogout } from './editor-door.ts';
import { errorHandler, notFound } from './errors.ts';
import { HttpServer } from './server.ts';
import { trustedProxies } from './trusted-proxies.ts';

type Sessions = Pick<Accounts, 'endEditorSession'>;

/** What stands before Node-RED's pages, and they themselves; below `/editor`. */
export function editorPages(accounts: Sessions, editor: RequestHandler): RequestHandler[] {
  return [
    editorDoor,
    editorLogout(accounts),
    // The editor is Node-RED's own page with inline scripts: it cannot live under our content policy.
    helmet({ contentSecurityPolicy: false, hsts: false, crossOriginEmbedderPolicy: false }),
    editor,
  ];
}

export interface EditorPortParts {
  host: string;
  port: number;
  tls?: { certFile: string; keyFile: string } | undefined;
  accounts: Sessions;
  editor: RequestHandler;
  /** Node-RED listens to the upgrades of this server only */
  main: Pick<HttpServer['server'], 'emit'>;
  /** the product's own pages and API: the sidebar Edge needs a little of them */
  product?: RequestListener | undefined;
  trustProxy?: string | undefined;
  log: Log;
}

/**
 * The editor at a port, and so an origin, of its own (EDITOR_PORT): what a flow serves at the product's port cannot reach into it, nor
 * what the editor shows into the console.
 */
export function createEditorPort(parts: EditorPortParts): Part & { address(): number } {
  const { host, port, tls, accounts, editor, main, product, trustProxy, log } = parts;
  const server = new HttpServer({ host, port, tls, setting: 'EDITOR_PORT' });
  const app = express();
  app.disable('x-powered-by');
  if (trustProxy !== undefined) app.set('trust proxy', trustedProxies(trustProxy));
  app.get('/', (_req, res) => res.redirect(302, 'editor/'));
  app.use('/editor', ...editorPages(accounts, editor));
  if (product) app.use(forTheSidebar(product));
  app.use(notFound);
  app.use(errorHandler(log));
  server.serve(app);
  server.server.on('upgrade', (req, socket, head) => {
    if (/^\/editor\/comms(\?|$)/.test(req.url ?? '')) main.emit('upgrade', req, socket, head);
    else socket.destroy();
  });
  let listening = port;
  return {
    address: () => listening,
    async start() {
      listening = await server.start();
    },
    stop: () => server.stop(),
  };
}

/**
 * The sidebar's script, and the API for the editor's own session, which counts for few routes. Cookies know no ports: the console's is taken
 * off, so that what the editor shows cannot use it here.
 */
function forTheSidebar(product: RequestListener): RequestHandler {
  return (req, res, next) => {
    const isScript = req.method === 'GET' && /^\/assets\/[\w.-]+\.js$/.test(req.path);
    const isSession = (req.get('Authorization') ?? '').startsWith(`Bearer ${EDITOR_TOKEN}`);
    if (!isScript && !(isSession && req.path.startsWith('/api/v1/'))) {
      next();
      return;
    }
    delete req.headers.cookie;
    product(req, res);
  };
}

/** Sends whoever comes to `/editor` at the product's port on to the editor's own. */
export function toEditorPort(port: number): RequestHandler {
  return (req, res, next) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      notFound(req, res, next);
      return;
    }
    const { protocol, hostname, url } = req;
    const host = hostname.includes(':') ? `[${hostname.replace(/^\[|\]$/g, '')}]` : hostname;
    res.redirect(302, `${protocol}://${host}:${port}/editor${url}`);
  };
}
