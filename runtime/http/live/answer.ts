import type { NextFunction, Request, Response } from 'express';
import { AppError } from '../../contracts/errors.ts';
import { isId } from '../../contracts/ids.ts';

/** What live answers share: never kept, never held back by a proxy, nothing but pictures for a browser. */
export const LIVE_HEADERS = {
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
};

/** The camera in the address; throws `camera.not_found` for what cannot be one. */
export function cameraOf(req: Request): string {
  const { camera = '' } = req.params as Record<string, string | undefined>;
  if (!isId(camera)) throw new AppError('camera.not_found', 'there is no such camera');
  return camera;
}

/**
 * Lets pages of other origins show the picture in `<img>` and `<video>` when they were given a token for it; without one the browser
 * would send the console's cookie, and pictures are then for our own pages.
 */
export function allowEmbedding(req: Request, res: Response): void {
  const { token } = req.query;
  res.set('Cross-Origin-Resource-Policy', typeof token === 'string' ? 'cross-origin' : 'same-origin');
}

/** Answers a preflight-less OPTIONS, and refuses what only reads. */
export function readOnly(req: Request, res: Response, next: NextFunction): void {
  const allow = 'GET, HEAD, OPTIONS';
  if (req.method === 'GET' || req.method === 'HEAD') {
    next();
    return;
  }
  res.set('Allow', allow);
  if (req.method === 'OPTIONS') res.status(204).end();
  else next(new AppError('route.method_not_allowed', `${req.method} is not possible here; ${allow} are`));
}

/** A whole number in the query; undefined when there is none, `request.invalid` outside the limits. */
export function wholeNumber(req: Request, field: string, least: number, most: number): number | undefined {
  const text = req.query[field];
  if (text === undefined) return undefined;
  const number = typeof text === 'string' && /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new AppError('request.invalid', `${field} must be a whole number from ${least} to ${most}`, { field });
}
