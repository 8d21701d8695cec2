import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import express, { type Request, type RequestHandler, Router } from 'express';
import helmet from 'helmet';

const DIRECTIVES = {
  defaultSrc: ["'self'"],
  imgSrc: ["'self'", 'blob:', 'data:'],
  // Pieces of HLS are put together by the page.
  mediaSrc: ["'self'", 'blob:'],
  styleSrc: ["'self'", "'unsafe-inline'"],
  objectSrc: ["'none'"],
  baseUri: ["'self'"],
  frameAncestors: ["'none'"],
  upgradeInsecureRequests: null,
};

/** A host with its port: nothing that could be read as more of the policy. */
const HOST = /^[\w.[\]:-]+$/;

/** Where pages of the console may connect to: home, and LiveKit (its signalling, and what it is asked over HTTP) where browsers reach it. */
function connectionsTo(livekitUrl: string | undefined): string[] {
  const { protocol, host } = (livekitUrl === undefined ? null : URL.parse(livekitUrl)) ?? { protocol: '', host: '' };
  if (!HOST.test(host)) return ["'self'"];
  return /^(?:wss|https):$/.test(protocol)
    ? ["'self'", `wss://${host}`, `https://${host}`]
    : ["'self'", `ws://${host}`, `http://${host}`];
}

/**
 * The operators' pages: files below /assets never change under their name; every other GET of a page answers the one page, which finds
 * its way by the address. `livekitUrl`: where browsers reach LiveKit. Undefined while no console is built.
 */
export function consolePages(
  folder: string,
  basePath: string,
  livekitUrl?: string | undefined,
): RequestHandler | undefined {
  const index = join(folder, 'index.html');
  if (!existsSync(index)) return undefined;
  const page = readFileSync(index, 'utf8').replaceAll('__BASE__', basePath);
  const router = Router();
  const directives = { ...DIRECTIVES, connectSrc: connectionsTo(livekitUrl) };
  router.use(helmet({ contentSecurityPolicy: { useDefaults: false, directives }, hsts: false }));
  router.use(
    express.static(folder, { index: false, setHeaders: (res, path) => res.set('Cache-Control', cachingOf(path)) }),
  );
  router.get('/{*path}', (req, res, next) => {
    if (!wantsPage(req)) {
      next();
      return;
    }
    res.set('Cache-Control', 'no-cache').type('html').send(page);
  });
  return router;
}

/** Whether a page is what was asked for: at the first address by whoever takes one, elsewhere by whoever prefers it, as browsers do. */
export function wantsPage(req: Request): boolean {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false;
  return req.path === '/' ? req.accepts('html') !== false : req.accepts(['json', 'html']) === 'html';
}

/** The names of the player and of the editor's sidebar are known to other pages, so they stay while their bytes change. */
function cachingOf(path: string): string {
  return /[\\/]assets[\\/](?!redeye-(player|edge-sidebar)\.js$)/.test(path)
    ? 'public, max-age=31536000, immutable'
    : 'no-cache';
}
