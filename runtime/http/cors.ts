import type { RequestHandler } from 'express';

/** Lets the listed origins' pages call the API with a Bearer token; cookies are never allowed across origins. */
export function corsFor(origins: readonly string[]): RequestHandler {
  return (req, res, next) => {
    const origin = req.get('Origin');
    // Also where nothing is allowed: a browser would show one origin what it keeps of another.
    if (origins.length > 0) res.vary('Origin');
    if (origin === undefined || !origins.includes(origin)) {
      next();
      return;
    }
    res.set('Access-Control-Allow-Origin', origin);
    if (req.method !== 'OPTIONS' || req.get('Access-Control-Request-Method') === undefined) {
      next();
      return;
    }
    res.set({
      'Access-Control-Allow-Methods': 'GET, POST, PUT, PATCH, DELETE, OPTIONS',
      'Access-Control-Allow-Headers':
        'Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-DEVICE-KEY, X-API-Key',
      'Access-Control-Max-Age': '600',
    });
    res.sendStatus(204);
  };
}
