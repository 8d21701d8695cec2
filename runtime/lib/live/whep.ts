import { AppError, toAppError } from '../../contracts/errors.ts';
import type { IceServer, WhepService } from '../../contracts/live.ts';
import { notAllowed } from '../methods.ts';
import { isOfType, type LiveAsk, readText, setHeaders } from './ask.ts';

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
const MOST_BYTES = 64 * 1024;
/** What pages of other origins may read of our answers. */
const EXPOSED = 'Accept-Patch, Accept-Post, ETag, ID, Link, Location, Redeye-Sound, Retry-After, WWW-Authenticate';

export interface WhepParts {
  whep: WhepService;
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
 * WHEP (draft-ietf-wish-whep, RFC 9725). Opening, without a secret, needs a user's credential; changing and ending need the session's
 * address, which only the one who opened it knows.
 */
export async function serveWhep(ask: LiveAsk, secret: string | undefined, parts: WhepParts): Promise<void> {
  setHeaders(ask.res, {
    'Access-Control-Expose-Headers': EXPOSED,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  await (secret === undefined ? serveEndpoint(ask, parts) : serveSession(ask, secret, parts));
}

async function serveEndpoint(ask: LiveAsk, parts: WhepParts): Promise<void> {
  const { req, res, camera, address, path } = ask;
  const { whep, basePath } = parts;
  if (req.method === 'OPTIONS') {
    // Whoever shows no credential still learns of the servers that need none; a TURN server's are for viewers.
    const user = await ask.viewer().catch(() => undefined);
    setHeaders(res, { 'Accept-Post': SDP, Allow: 'OPTIONS, POST' });
    setLinks(ask, whep.iceServers(user?.name));
    res.writeHead(204).end();
    return;
  }
  if (req.method !== 'POST') throw notPossible(ask, 'OPTIONS, POST');
  const user = await ask.viewer();
  const offer = await bodyOf(ask, SDP, parts);
  const opened = await whep.open(camera, offer, { user: user.name, address, path }).catch((error) => {
    if (toAppError(error).status === 406)
      res.appendHeader('Link', `<${basePath}${parts.playlistOf(camera)}>; rel="alternate"`);
    throw error;
  });
  setLinks(ask, whep.iceServers(user.name));
  setHeaders(res, {
    Location: `${basePath}${parts.rootOf(camera)}/whep/${opened.secret}`,
    ETag: `"${opened.etag}"`,
    // What MediaMTX calls the session in its control API.
    ID: opened.id,
    'Accept-Patch': FRAGMENT,
    'Content-Type': SDP,
  });
  // A player that begins silent offers no sound: by this it knows whether there is one to be had.
  if (opened.hasSound) res.setHeader('Redeye-Sound', 'yes');
  res.writeHead(201).end(opened.answer);
}

async function serveSession(ask: LiveAsk, secret: string, parts: WhepParts): Promise<void> {
  const { req, res, camera } = ask;
  const { whep } = parts;
  const allow = 'DELETE, OPTIONS, PATCH';
  switch (req.method) {
    case 'OPTIONS':
      setHeaders(res, { 'Accept-Patch': FRAGMENT, Allow: allow });
      res.writeHead(204).end();
      return;
    case 'PATCH': {
      const fragment = await bodyOf(ask, FRAGMENT, parts);
      whep.patch(camera, secret, fragment, etagOf(req.headers['if-match']));
      res.writeHead(204).end();
      return;
    }
    case 'DELETE':
      whep.close(camera, secret);
      res.writeHead(200).end();
      return;
    default:
      throw notPossible(ask, allow);
  }
}

async function bodyOf({ req }: LiveAsk, type: string, { wrongType }: WhepParts): Promise<string> {
  if (!isOfType(req, type)) {
    const code = wrongType === 415 ? 'request.unsupported_type' : 'request.invalid';
    throw new AppError(code, `the body must be ${type}`, { field: 'Content-Type' });
  }
  return readText(req, MOST_BYTES);
}

function setLinks({ res }: LiveAsk, servers: readonly IceServer[]): void {
  for (const link of iceLinks(servers)) res.appendHeader('Link', link);
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

function notPossible({ req, res }: LiveAsk, allow: string): AppError {
  res.setHeader('Allow', allow);
  return notAllowed(req.method, allow);
}

/** The entity tag of If-Match without its quotes (RFC 9110 §8.8.3); players that send none are trusted to know what they do. */
function etagOf(header: string | undefined): string | undefined {
  return header?.trim().replace(/^"(.*)"$/, '$1');
}
