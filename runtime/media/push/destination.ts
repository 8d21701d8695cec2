import { AppError } from '../../contracts/errors.ts';

interface Place {
  host: string;
  port: number;
  /** for people: without the key */
  shown: string;
  /** what never comes out */
  secrets: string[];
}

/** Where a push goes by RTMP, taken apart. `app` and `playpath` are what RTMP calls them; the playpath holds the key. */
export interface RtmpDestination extends Place {
  scheme: 'rtmp' | 'rtmps';
  app: string;
  playpath: string;
}

/** Where it goes by WHIP. */
export interface WhipDestination extends Place {
  scheme: 'whip' | 'whips';
  /** `http://` or `https://` */
  endpoint: string;
  bearer: string | undefined;
}

export type Destination = RtmpDestination | WhipDestination;

/** Tells which of the two it is. */
export function isWhip(destination: Destination): destination is WhipDestination {
  return destination.scheme === 'whip' || destination.scheme === 'whips';
}

const PORTS = { rtmp: 1935, rtmps: 443, whip: 80, whips: 443 } as const;
/** ffmpeg reads preset lines of at most 1000 bytes and takes `#` at the beginning for a comment. */
const MOST_BYTES = 900;

/**
 * Takes an address and a key apart. Without a key the address' last part is the key, as `rtmp://host/app/key`. RTMP over TLS goes to
 * port 443 unless told otherwise; `whip://` is WHIP over HTTP, `whips://` over HTTPS, and its key goes as a Bearer token. Throws
 * `push.invalid` for anything else, for line breaks and other signs that do not belong in
 * an address, and for user names in it (they would show in the list of processes).
 */
export function readDestination(url: string, key = ''): Destination {
  const text = url.trim();
  if (hasControls(text)) throw invalid('url', 'the address holds a line break or another control character');
  if (hasControls(key)) throw invalid('key', 'the key holds a line break or another control character');
  let parsed: URL;
  try {
    parsed = new URL(text);
  } catch {
    throw invalid('url', 'the address must look like rtmp://host/app, rtmps://host/app or whips://host/path');
  }
  const scheme = parsed.protocol.slice(0, -1);
  if (scheme !== 'rtmp' && scheme !== 'rtmps' && scheme !== 'whip' && scheme !== 'whips')
    throw invalid('url', 'only rtmp://, rtmps://, whip:// and whips:// addresses are pushed to');
  if (parsed.username !== '' || parsed.password !== '')
    throw invalid(
      'url',
      'user name and password do not belong in the address; put what the service gave you into the key',
    );
  if (
    parsed.hostname === '' ||
    !/^(\[[0-9a-f:.]+\]|[A-Za-z0-9._-]+)$/i.test(parsed.hostname) ||
    parsed.hostname.startsWith('-')
  )
    throw invalid('url', 'the address has no host that could be looked up');
  // What stands behind the host goes to the server as it is: YouTube's backup has a query in the middle (live2?backup=1).
  const behind = text.slice(text.indexOf('//') + 2);
  const slash = behind.indexOf('/');
  const path = (slash < 0 ? '' : behind.slice(slash + 1)).replace(/\/+$/, '');
  if (scheme === 'whip' || scheme === 'whips') return whipOf(scheme, parsed, path, key);
  const { app, playpath } = key === '' ? splitPath(path) : { app: path, playpath: key };
  if (app === '' || playpath === '')
    throw invalid(
      key === '' && path !== '' ? 'key' : 'url',
      'a destination needs an app and a key, as rtmp://host/app with a key',
    );
  if (Buffer.byteLength(app) > MOST_BYTES || Buffer.byteLength(playpath) > MOST_BYTES)
    throw invalid('key', `app and key may have ${MOST_BYTES} bytes each`);
  const port = parsed.port === '' ? PORTS[scheme] : Number(parsed.port);
  const host = parsed.hostname;
  const shownPort = port === PORTS[scheme] ? '' : `:${port}`;
  const shown = `${scheme}://${host}${shownPort}/${app.split('?')[0]}`;
  return { scheme, host, port, app, playpath, shown, secrets: [playpath] };
}

function whipOf(
  scheme: 'whip' | 'whips',
  { hostname: host, port: given }: URL,
  path: string,
  key: string,
): WhipDestination {
  if (/\s/.test(path) || path.includes('#')) throw invalid('url', 'the address holds signs that do not belong there');
  if (!/^[!-~]*$/.test(key)) throw invalid('key', 'the key holds signs that no Bearer token has');
  if (Buffer.byteLength(key) > MOST_BYTES || path.length > 2 * MOST_BYTES)
    throw invalid('key', `the key may have ${MOST_BYTES} bytes`);
  const port = given === '' ? PORTS[scheme] : Number(given);
  const shownPort = port === PORTS[scheme] ? '' : `:${port}`;
  // Without a key some services have it at the end of the path, others in the query.
  const [plain = '', ...query] = path.split('?');
  const { app, playpath } = splitPath(plain);
  return {
    scheme,
    host,
    port,
    endpoint: `${scheme === 'whip' ? 'http' : 'https'}://${host}:${port}/${path}`,
    bearer: key === '' ? undefined : key,
    shown: `${scheme}://${host}${shownPort}/${key === '' ? app : plain}`,
    secrets: [key === '' ? playpath : key, query.join('?')].filter((secret) => secret !== ''),
  };
}

/** The app is all but the last part of the path; a query stays with the key, where services put signatures. */
function splitPath(path: string): { app: string; playpath: string } {
  const query = path.indexOf('?');
  const at = (query < 0 ? path : path.slice(0, query)).lastIndexOf('/');
  return { app: path.slice(0, Math.max(0, at)), playpath: path.slice(at + 1) };
}

function hasControls(text: string): boolean {
  return [...text].some((sign) => sign < ' ' || sign === '\u007f');
}

function invalid(field: string, message: string): AppError {
  return new AppError('push.invalid', message, { field });
}
