import type { RequestHandler } from 'express';
import { AppError } from '../contracts/errors.ts';

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
