import { AppError } from '../../contracts/errors.ts';
import type { IceServer } from '../../contracts/live.ts';
import { turnCredentials } from './turn-credentials.ts';

/** How long a player may begin to use the TURN server: a day, so that one which reconnects at night still can. */
const TURN_FOR_MS = 24 * 3600_000;
const ADDRESS =
  /^(stuns?|turns?):(?:([^:@\s]+):([^@\s]+)@)?((?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?)$/;

export interface IceSettings {
  /** `stun:host:port`, `turn:user:password@host:port?transport=tcp`; without user and password the static secret is used */
  servers: readonly string[];
  turnSecret?: string | undefined;
}

interface KnownServer extends IceServer {
  /** its credentials are made for each user */
  shared: boolean;
}

/** Reads the ICE servers once; throws `setting.invalid` for one that browsers would refuse. Answers the servers for a user at a time. */
export function readIceServers({
  servers,
  turnSecret,
}: IceSettings): (user: string | undefined, nowMs: number) => IceServer[] {
  const known = servers.map((text) => readServer(text, turnSecret !== undefined));
  return (user, nowMs) =>
    known.flatMap(({ url, username, credential, shared }): IceServer[] => {
      if (!url.startsWith('turn')) return [{ url }];
      if (user === undefined) return [];
      if (shared) return [{ url, ...turnCredentials(turnSecret ?? '', user, nowMs + TURN_FOR_MS) }];
      return [{ url, username, credential }];
    });
}

function readServer(text: string, hasSecret: boolean): KnownServer {
  const [, scheme = '', username, credential, rest = ''] = ADDRESS.exec(text) ?? [];
  const fail = (why: string) =>
    // Without the text itself: it may hold a password.
    new AppError('setting.invalid', `ICE_SERVERS or TURN_URLS: ${why}`, { field: 'ICE_SERVERS' });
  if (scheme === '') throw fail('each must be as stun:host:port or turn:user:password@host:port?transport=udp');
  const shared = scheme.startsWith('turn') && username === undefined;
  if (shared && !hasSecret) throw fail(`${scheme}:${rest} needs TURN_STATIC_SECRET, or user:password@ before the host`);
  const decode = (part: string | undefined) => (part === undefined ? undefined : decodeURIComponent(part));
  return { url: `${scheme}:${rest}`, username: decode(username), credential: decode(credential), shared };
}
