import { json, type Request, type RequestHandler, type Response, urlencoded } from 'express';
import { type DialectName, type DialectPath, dialectAt, dialectError, tellsMethods } from '../../contracts/dialects.ts';
import { AppError, toAppError } from '../../contracts/errors.ts';
import type { User } from '../../contracts/users.ts';
import { allowOf } from '../../lib/methods.ts';
import { strangerOf, withoutCallback } from '../../lib/openness.ts';
import { checkStorable } from '../../lib/storable.ts';
import { hasBody } from '../ingest/read-body.ts';
import { tellingAddress } from '../trusted-proxies.ts';

const BODY_LIMIT = '64kb';
/** Devices show their key there, which the API behind it checks. */
const DEVICE_PATH = /^(\/secure)?\/webrtc\/token$/;
/** What logs somebody in cannot ask for a login first. */
const LOGINS = /^\/api\/(v1\/auth\/register|auth\/(login|logout|session))$|^(\/secure)?\/logout$/;

export interface DialectDoorOptions {
  isOpen: (name: DialectName, ip: string) => boolean;
  authenticate: (req: Request) => Promise<User>;
  /** Notes who asks, for the flow behind the door. */
  remember: (req: Request, user: User | undefined) => void;
}

/**
 * In front of the dialects' flows: a credential, or a dialect that OPEN_DIALECTS names, and a body that can be read. Refusals have the
 * shape that clients of the dialect know. What is no dialect's path passes untouched.
 */
export function dialectDoor({ isOpen, authenticate, remember }: DialectDoorOptions): RequestHandler {
  const readJson = json({ limit: BODY_LIMIT, strict: true });
  const readForm = urlencoded({ limit: BODY_LIMIT, extended: false });
  return async (req, res, next) => {
    const found = dialectAt('server', req.path);
    if (!found) return next();
    try {
      remember(req, await userOf(req, found));
      await readBody(req, res);
      // Node-RED answers with JSONP, which any page could read across origins.
      req.url = withoutCallback(req.url);
      res.locals.dialect = found;
      next();
    } catch (error) {
      refuse(res, found, toAppError(error));
    }
  };

  async function userOf(req: Request, { dialect }: DialectPath): Promise<User | undefined> {
    const isLogin = LOGINS.test(req.path);
    try {
      return await authenticate(req);
    } catch (thrown) {
      const error = toAppError(thrown);
      const hasKey = (req.get('X-Device-Key') ?? req.get('X-API-Key')) !== undefined;
      if (isLogin || (hasKey && error.code === 'auth.missing' && DEVICE_PATH.test(req.path))) return undefined;
      // A wrong credential is told, also where none is needed.
      if (error.code === 'auth.missing' && isOpen(dialect, tellingAddress(req) ?? '')) return strangerOf(dialect);
      throw error;
    }
  }

  async function readBody(req: Request, res: Response): Promise<void> {
    const read = req.is('urlencoded') ? readForm : readJson;
    await new Promise<void>((resolve, reject) =>
      read(req, res, (error) => (error ? reject(asInvalid(error)) : resolve())),
    );
    if (hasBody(req) && !req.is(['json', 'urlencoded', 'multipart'])) {
      throw new AppError('request.unsupported_type', 'the body must be JSON, with Content-Type: application/json');
    }
    checkStorable(req.query, 'query');
    checkStorable(req.body, 'body');
    // Node-RED's own parsers answer 500 to what they cannot read: they need not look again.
    if (!req.is('multipart')) (req as { _body?: boolean })._body = true;
  }
}

/**
 * Behind the flows: what no flow took of a dialect's paths is not there, in its own words, or has other methods (`methods`) where its
 * system says that. While flows do not run (`trouble` says why) it may be there in a moment.
 */
export function dialectNotFound(flows: {
  trouble: () => string | undefined;
  methods: (path: string) => string[];
}): RequestHandler {
  return (req, res, next) => {
    const found = dialectAt('server', req.path);
    if (!found) return next();
    const reason = flows.trouble();
    const others = tellsMethods(found.shape) ? flows.methods(req.path) : [];
    if (reason !== undefined) refuse(res, found, new AppError('flows.stopped', reason, { retryAfterS: 2 }));
    else if (others.length === 0) refuse(res, found, new AppError('route.not_found', 'Not Found'));
    else {
      res.set('Allow', allowOf(others));
      refuse(res, found, new AppError('route.method_not_allowed', 'Method Not Allowed'));
    }
  };
}

/** Answers an error as clients of the dialect know it. */
export function refuse(res: Response, { shape }: DialectPath, error: AppError): void {
  const status = error.code === 'request.invalid' && shape === 'fastapi' ? 422 : error.status;
  if (error.details.retryAfterS !== undefined) res.set('Retry-After', String(Math.ceil(error.details.retryAfterS)));
  if (status === 401)
    res.set('WWW-Authenticate', shape === 'mediamtx' ? 'Basic realm="mediamtx"' : 'Bearer realm="redeye"');
  res.set('Cache-Control', 'no-store').status(status);
  res.json(dialectError(shape, { status, code: error.code, message: error.message }));
}

function asInvalid(thrown: unknown): AppError {
  const { type, status } = thrown as { type?: string; status?: number };
  if (status === 413) return new AppError('request.too_large', 'the body is too large');
  const words = type === 'entity.parse.failed' ? 'the body is not valid JSON' : 'the body cannot be read';
  return new AppError('request.invalid', words, {}, { cause: thrown });
}
