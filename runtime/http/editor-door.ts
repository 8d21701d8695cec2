import { json, type RequestHandler, urlencoded } from 'express';
import { AppError } from '../contracts/errors.ts';
import type { Accounts } from './auth/accounts.ts';

/**
 * In front of Node-RED's pages: an address that climbs out of its folder, encoded or not, is refused here. They refuse it too, but print
 * a stack past our log while they do.
 */
export const editorDoor: RequestHandler = (req, _res, next) => {
  next(climbs(req.path) ? new AppError('request.invalid', 'the address may not contain ..') : undefined);
};

function climbs(path: string): boolean {
  try {
    return decodeURIComponent(path).includes('..');
  } catch {
    // What cannot be decoded names nothing.
    return true;
  }
}

/** The editor's logout: it names its session to Node-RED, which keeps none of ours. Answers nothing itself. */
export function editorLogout(accounts: Pick<Accounts, 'endEditorSession'>): RequestHandler {
  const readers = [json({ limit: '8kb' }), urlencoded({ limit: '8kb', extended: false })];
  return async (req, res, next) => {
    if (req.method !== 'POST' || req.path !== '/auth/revoke') {
      next();
      return;
    }
    try {
      for (const read of readers)
        await new Promise<void>((resolve, reject) => read(req, res, (error) => (error ? reject(error) : resolve())));
      const { token } = (req.body ?? {}) as { token?: unknown };
      if (typeof token === 'string') await accounts.endEditorSession(token);
      next();
    } catch (error) {
      next(error);
    }
  };
}
