import { AppError } from '../../contracts/errors.ts';

/** Where a push goes, taken apart. `app` and `playpath` are what RTMP calls them; the playpath holds the key. */
export interface Destination {
  scheme: 'rtmp' | 'rtmps';
  host: string;
  port: number;
  app: string;
  playpath: string;
  /** for people: without the key */
  shown: string;
}

const PORTS = { rtmp: 1935, rtmps: 443 } as const;
/** ffmpeg reads preset lines of at most 1000 bytes and takes `#` at the beginning for a comment. */
const MOST_BYTES = 900;

/**
 * Takes an address and a key apart. Without a key the address' last part is the key, as `rtmp://host/app/key`. RTMP over TLS goes to
 * port 443 unless told otherwise. Throws `push.invalid` for anything but RTMP, for line breaks and other signs that do not belong in
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
    throw invalid('url', 'the address must look like rtmp://host/app or rtmps://host/app');
  }
  const scheme = parsed.protocol.slice(0, -1);
  if (scheme !== 'rtmp' && scheme !== 'rtmps')
    throw invalid('url', 'only rtmp:// and rtmps:// addresses are pushed to');
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
  return { scheme, host, port, app, playpath, shown: `${scheme}://${host}${shownPort}/${app.split('?')[0]}` };
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
