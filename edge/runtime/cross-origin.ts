import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Lets the pages of these origins ask the device with its key: a platform's page whose browser is in the device's network (S0.38), which browsers
 * allow a public page only where the private network says so too. Cookies never count across origins. True when the request was a
 * browser's question, and is answered.
 */
export function admitOrigin(req: IncomingMessage, res: ServerResponse, origins: readonly string[]): boolean {
  const { origin } = req.headers;
  // Also where this one is not allowed: a browser would show one origin what it keeps of another.
  if (origins.length > 0) res.setHeader('Vary', 'Origin');
  if (origin === undefined || !origins.includes(origin)) return false;
  res.setHeader('Access-Control-Allow-Origin', origin);
  res.setHeader('Access-Control-Expose-Headers', 'X-Request-Id, Location, Link');
  if (req.method !== 'OPTIONS' || req.headers['access-control-request-method'] === undefined) return false;
  res.writeHead(204, {
    'Access-Control-Allow-Methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
    'Access-Control-Allow-Headers': 'Authorization, Content-Type, X-API-Key, X-Request-Id',
    'Access-Control-Max-Age': '600',
    ...(req.headers['access-control-request-private-network'] === 'true' && {
      'Access-Control-Allow-Private-Network': 'true',
    }),
  });
  res.end();
  return true;
}
