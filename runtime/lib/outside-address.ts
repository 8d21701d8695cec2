import { AppError } from '../contracts/errors.ts';

/** An outside broker as `MQTT_URL` names it. */
export interface OutsideAddress {
  /** without user and password: for the client, for logs and for devices */
  url: string;
  username: string | undefined;
  password: string | undefined;
}

const HINT = 'it is written mqtt://user:password@host:port; in a password, / # ? @ and : are %2F %23 %3F %40 and %3A';

/** Takes `MQTT_URL` apart; throws `setting.invalid`, without the value, when it is no address. */
export function parseOutsideAddress(text: string): OutsideAddress {
  try {
    const parsed = new URL(text);
    // What stands behind the host is the rest of a password with such a character in it: it must not get into any log.
    const isPlain = parsed.pathname.length <= 1 || (parsed.protocol.startsWith('ws') && !parsed.pathname.includes('@'));
    if (parsed.hostname === '' || parsed.hash || parsed.search || !isPlain) throw new Error('not this alone');
    const [username, password] = [parsed.username, parsed.password].map((part) => decodeURIComponent(part));
    parsed.username = '';
    parsed.password = '';
    return { url: plain(parsed), username: username || undefined, password: password || undefined };
  } catch (cause) {
    // The parser's own words hold the address, and with it the password.
    const { name } = cause instanceof Error ? cause : { name: 'Error' };
    throw new AppError('setting.invalid', `MQTT_URL: its value is no address; ${HINT}`, { field: 'MQTT_URL', name });
  }
}

/**
 * Where devices find the outside broker. One that the server reaches as this machine is, for a device, at the server's own host; an
 * address of its own (`MQTT_PUBLIC_URL`) wins.
 */
export function addressForDevices(server: OutsideAddress, own: string | undefined, publicHost: string): string {
  if (own !== undefined) return own;
  const parsed = new URL(server.url);
  if (isThisMachine(parsed.hostname)) parsed.hostname = publicHost;
  return plain(parsed);
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function plain({ href, pathname, protocol }: URL): string {
  // MQTT itself has no paths; MQTT over WebSocket has.
  return pathname === '/' || (pathname === '' && !protocol.startsWith('ws')) ? href.replace(/\/$/, '') : href;
}
