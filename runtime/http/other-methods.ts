import { type RequestHandler, Router } from 'express';
import { allowOf, notAllowed } from '../lib/methods.ts';

/** A method of a path, as route tables name them: lower case, Express path. */
export interface MethodOfPath {
  method: string;
  path: string;
}

/**
 * Behind routes: what none of them took although some of them have its path gets 405 with `Allow`, OPTIONS 204 with the same. Nobody is
 * asked who they are, nothing is looked up: the answer says what the public document says. All other paths pass.
 */
export function otherMethods(routes: readonly MethodOfPath[]): RequestHandler {
  const byPath = new Map<string, string[]>();
  for (const { path, method } of routes) byPath.set(path, [...(byPath.get(path) ?? []), method]);
  const router = Router();
  for (const [path, methods] of byPath) {
    router.all(path, (_req, res, next) => {
      // `/cameras/test` is also a `/cameras/:id`.
      res.locals.methods = [...((res.locals.methods as string[] | undefined) ?? []), ...methods];
      next();
    });
  }
  router.use((req, res, next) => {
    const { methods } = res.locals as { methods?: string[] };
    if (!methods) {
      next();
      return;
    }
    const allow = allowOf(methods);
    res.set('Allow', allow);
    if (req.method === 'OPTIONS') res.status(204).end();
    else next(notAllowed(req.method, allow));
  });
  return router;
}
