import { type NextFunction, type Request, type Response, Router, text } from 'express';
import { AppError, toAppError } from '../../contracts/errors.ts';
import type { IceServer, WhepService } from '../../contracts/live.ts';
import type { ViewerOf } from '../auth/viewers.ts';
import { cameraOf } from './answer.ts';

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
const BODY_LIMIT = '64kb';
/** What pages of other origins may read of our answers. */
const EXPOSED = 'Accept-Patch, Accept-Post, ETag, Link, Location, Retry-After, WWW-Authenticate';

export interface WhepRouteParts {
  whep: WhepService;
  viewerOf: ViewerOf;
  /** path of PUBLIC_URL, without a slash at its end */
  basePath: string;
  /** Where these routes lie, with their camera, as `/api/v1/cameras/gate`. */
  rootOf(camera: string): string;
  /** path of the camera's HLS playlist below `basePath` */
  playlistOf(camera: string): string;
  /** status for a body of another type: 415, or 400 where clients of MediaMTX expect that */
  wrongType: 415 | 400;
}

/**
 * WHEP (draft-ietf-wish-whep, RFC 9725) below a path with `:camera`. Opening needs a user's credential; changing and ending need the
 * session's address, which only the one who opened it knows.
 */
export function whepRoutes(parts: WhepRouteParts): Router {
  const { whep, viewerOf, basePath, wrongType } = parts;
  const router = Router({ mergeParams: true });
  const read = text({ type: () => true, limit: BODY_LIMIT });
  const body = async (req: Request, res: Response, type: string): Promise<string> => {
    if (!req.is(type)) {
      const said = `the body must be ${type}`;
      throw new AppError(wrongType === 415 ? 'request.unsupported_type' : 'request.invalid', said, {
        field: 'Content-Type',
      });
    }
    await new Promise<void>((resolve, reject) => read(req, res, (error) => (error ? reject(error) : resolve())));
    return typeof req.body === 'string' ? req.body : '';
  };

  router.use((_req, res, next) => {
    res.set({
      'Access-Control-Expose-Headers': EXPOSED,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    });
    next();
  });

  const endpoint = router.route('/');
  endpoint.options(async (req, res) => {
    // Whoever shows no credential still learns of the servers that need none; a TURN server's are for viewers.
    const user = await viewerOf(req, cameraOf(req)).catch(() => undefined);
    res.set({ 'Accept-Post': SDP, Allow: 'OPTIONS, POST' });
    setLinks(res, whep.iceServers(user?.name));
    res.status(204).end();
  });
  endpoint.post(async (req, res) => {
    const camera = cameraOf(req);
    const user = await viewerOf(req, camera);
    const offer = await body(req, res, SDP);
    const viewer = { user: user.name, address: req.ip ?? '', path: req.baseUrl };
    const opened = await whep.open(camera, offer, viewer).catch((error) => {
      if (toAppError(error).status === 406)
        res.append('Link', `<${basePath}${parts.playlistOf(camera)}>; rel="alternate"`);
      throw error;
    });
    setLinks(res, whep.iceServers(user.name));
    res.set({
      Location: `${basePath}${parts.rootOf(camera)}/whep/${opened.secret}`,
      ETag: `"${opened.etag}"`,
      'Accept-Patch': FRAGMENT,
      'Content-Type': SDP,
    });
    res.status(201).end(opened.answer);
  });
  endpoint.all(refuse('OPTIONS, POST'));

  const session = router.route('/:secret');
  session.options((_req, res) => {
    res.set({ 'Accept-Patch': FRAGMENT, Allow: 'DELETE, OPTIONS, PATCH' }).status(204).end();
  });
  session.patch(async (req, res) => {
    const fragment = await body(req, res, FRAGMENT);
    whep.patch(cameraOf(req), secretOf(req), fragment, etagOf(req));
    res.status(204).end();
  });
  session.delete((req, res) => {
    whep.close(cameraOf(req), secretOf(req));
    res.status(200).end();
  });
  session.all(refuse('DELETE, OPTIONS, PATCH'));
  return router;
}

function setLinks(res: Response, servers: readonly IceServer[]): void {
  const links = iceLinks(servers);
  if (links.length > 0) res.append('Link', links);
}

/** Values of the `Link` header, one for each server (RFC 9725 §4.6; RFC 8288). */
export function iceLinks(servers: readonly IceServer[]): string[] {
  return servers.map(({ url, username, credential }) => {
    const link = `<${url}>; rel="ice-server"`;
    if (username === undefined || credential === undefined) return link;
    return `${link}; username="${quoted(username)}"; credential="${quoted(credential)}"; credential-type="password"`;
  });
}

function quoted(value: string): string {
  return value.replace(/[\\"]/g, '\\$&');
}

function refuse(allow: string) {
  return (req: Request, res: Response, next: NextFunction) => {
    res.set('Allow', allow);
    next(new AppError('route.method_not_allowed', `${req.method} is not possible here; ${allow} are`));
  };
}

function secretOf(req: Request): string {
  return (req.params as Record<string, string | undefined>).secret ?? '';
}

/** The entity tag of If-Match without its quotes (RFC 9110 §8.8.3); players that send none are trusted to know what they do. */
function etagOf(req: Request): string | undefined {
  const value = req.get('If-Match')?.trim();
  return value === undefined ? undefined : value.replace(/^"(.*)"$/, '$1');
}
