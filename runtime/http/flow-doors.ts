import type { Request, RequestHandler } from 'express';
import { AppError } from '../contracts/errors.ts';
import type { FleetService } from '../contracts/services.ts';
import type { User } from '../contracts/users.ts';
import { wantsPage } from './console.ts';

/**
 * In front of what flows serve by `http in`: closed unless a user or a device shows a credential, or the path is listed in
 * OPEN_PATHS (`/hook`, or `/public/*` for everything below). Paths of dialects have had a door of their own.
 */
export function flowDoor(options: {
  openPaths: readonly string[];
  authenticate: (req: Request) => Promise<User>;
  fleet: Pick<FleetService, 'deviceOfKey'>;
  /** notes who asks, for nodes that ask the API in their name */
  remember: (req: Request, user: User | undefined) => void;
}): RequestHandler {
  return async (req, res, next) => {
    if (res.locals.dialect) {
      next();
      return;
    }
    // A browser that is not logged in gets the console, which asks for the login, not a flow's page and not a bare 401.
    const refuse = (error: unknown) => (wantsPage(req) ? next('router') : next(error));
    try {
      if (isOpen(req.path, options.openPaths)) {
        next();
        return;
      }
      const key = deviceKeyOf(req);
      const device = key === undefined ? undefined : await options.fleet.deviceOfKey(key);
      if (device?.disabled) throw new AppError('device.disabled', 'this device is disabled');
      options.remember(req, device ? undefined : await options.authenticate(req));
      next();
    } catch (error) {
      refuse(error);
    }
  };
}

/** The key a device shows, in either of the two headers of the contract. */
export function deviceKeyOf(req: Request): string | undefined {
  return req.get('X-DEVICE-KEY') ?? req.get('X-API-Key');
}

function isOpen(path: string, openPaths: readonly string[]): boolean {
  return openPaths.some((open) => (open.endsWith('/*') ? path.startsWith(open.slice(0, -1)) : path === open));
}
