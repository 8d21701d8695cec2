import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { AppError } from '../contracts/errors.ts';
import type { Part } from '../lib/part.ts';
import { errorBody } from './errors.ts';
import { HttpServer } from './server.ts';

const CAMERA = '[a-z0-9][a-z0-9_-]{0,62}';

/**
 * What answers at each of MediaMTX' ports: a path that is listed goes to the same handlers as at our own port, `as` another one where
 * that is given; any other is a 404.
 */
export const MEDIAMTX_PORTS: readonly { port: number; paths: readonly RegExp[]; as?: string }[] = [
  { port: 8889, paths: [new RegExp(`^/${CAMERA}/whep(/[A-Za-z0-9_-]{1,128})?/?$`)] },
  {
    port: 8888,
    paths: [new RegExp(`^(/hls)?/${CAMERA}/((index|live)\\.m3u8|(init|seg|part)-[0-9a-f]+-\\d+\\.mp4)$`)],
  },
  { port: 9997, paths: [/^\/v3\//] },
  { port: 9998, paths: [/^\/metrics$/], as: '/metrics?names=mediamtx' },
];

export interface MediamtxPortsParts {
  host: string;
  tls?: { certFile: string; keyFile: string } | undefined;
  app: RequestListener;
  /** for tests, which cannot have those */
  ports?: typeof MEDIAMTX_PORTS;
}

/** Listeners at the ports of MediaMTX (MEDIAMTX_PORTS), for players and programs that were set up for that. */
export function createMediamtxPorts({ host, tls, app, ports = MEDIAMTX_PORTS }: MediamtxPortsParts): Part {
  const servers = ports.map(({ port, paths, as }) => {
    const server = new HttpServer({ host, port, tls, setting: 'MEDIAMTX_PORTS' });
    server.serve((req, res) => {
      if (!isListed(req, paths)) return refuse(res);
      if (as !== undefined) req.url = as;
      app(req, res);
    });
    return server;
  });
  return {
    async start() {
      for (const server of servers) await server.start();
    },
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

function isListed({ url = '' }: IncomingMessage, paths: readonly RegExp[]): boolean {
  const [path = ''] = url.split('?');
  return paths.some((one) => one.test(path));
}

function refuse(res: ServerResponse): void {
  const body = errorBody(new AppError('route.not_found', 'nothing is at this path of this port'));
  res.writeHead(404, { 'Content-Type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
