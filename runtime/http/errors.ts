import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { ErrorBody } from '../contracts/api.ts';
import { AppError, type ErrorCode, toAppError } from '../contracts/errors.ts';
import type { Log } from '../contracts/host.ts';
import { STATUS_CODES } from '../lib/builtin-http.ts';
import { requestIdOf } from './request-id.ts';

/** Their message is what clients of seed 002 expect to the letter (S2.14, S2.15); why it is so stands beside it. */
const SAID_TWICE: ReadonlySet<ErrorCode> = new Set(['camera.unreachable', 'camera.no_picture']);

/** A camera or device that is not there, or cannot do it, is no fault of the server's: whoever asked is told, and the log need not be. */
const OF_CAMERAS: ReadonlySet<ErrorCode> = new Set([
  'camera.unreachable',
  'camera.no_picture',
  'camera.not_supported',
  'device.offline',
  'command.timeout',
]);
/** Every 503 says when another try makes sense (RFC 9110 §15.6.4). */
const RETRY_AFTER_S = 5;

/** The error envelope of our own routes. */
export function errorBody(error: AppError): ErrorBody {
  const hidden = error.code === 'internal.error';
  return {
    statusCode: error.status,
    error: STATUS_CODES[error.status] ?? 'Error',
    message: hidden ? 'something went wrong on our side; the log says what' : error.message,
    code: error.code,
    ...(error.details.field === undefined ? {} : { field: error.details.field }),
    // The picture itself is there: whoever can do without its row is told of it (S2.40).
    ...(error.code === 'image.unsaved' && { image: error.details.image }),
    ...(typeof error.details.reason === 'string' && SAID_TWICE.has(error.code) && { reason: error.details.reason }),
  };
}

/** The last handler of the app: whatever was thrown becomes one envelope, and what is our fault is logged with its cause. */
export function errorHandler(log: Log): ErrorRequestHandler {
  return (thrown, req, res, next) => {
    if (res.headersSent) {
      next(thrown);
      return;
    }
    const error = fromExpress(thrown);
    if (OF_CAMERAS.has(error.code)) {
      log.debug('a camera was asked in vain', { path: req.path, code: error.code, reason: error.message });
    } else if (error.status >= 500) {
      log.error('request failed', {
        method: req.method,
        path: req.path,
        code: error.code,
        request: requestIdOf(res),
        error: error.cause ?? error,
      });
    }
    const { retryAfterS = error.status === 503 ? RETRY_AFTER_S : undefined } = error.details;
    if (retryAfterS !== undefined) res.set('Retry-After', String(Math.ceil(retryAfterS)));
    if (error.status === 401 && !res.hasHeader('WWW-Authenticate'))
      res.set('WWW-Authenticate', 'Bearer realm="redeye"');
    res.status(error.status).json(errorBody(error));
  };
}

/** Answers what no route took. */
export const notFound: RequestHandler = (req, _res, next) => {
  next(new AppError('route.not_found', `there is nothing at ${req.method} ${(req.baseUrl + req.path).slice(0, 200)}`));
};

/** Errors of Express and its body parser carry a status of their own; those are the asker's fault, not ours. */
function fromExpress(thrown: unknown): AppError {
  const { status, type, message } = (thrown ?? {}) as { status?: number; type?: string; message?: string };
  if (thrown instanceof AppError || status === undefined || status >= 500) return toAppError(thrown);
  const code: ErrorCode =
    status === 413 ? 'request.too_large' : status === 415 ? 'request.unsupported_type' : 'request.invalid';
  const said = type === 'entity.parse.failed' ? 'the body is not valid JSON' : (message ?? 'the request is not valid');
  return new AppError(code, said, type === 'entity.parse.failed' ? { field: 'body' } : {}, { cause: thrown });
}
