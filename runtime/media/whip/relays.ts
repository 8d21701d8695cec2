import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../contracts/host.ts';
import type { IceServer } from '../../contracts/live.ts';

/** libjuice takes no more. */
const MOST_RELAYS = 2;
const TURN_PORT = 3478;
const ADDRESS = /^turn:(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::(\d{1,5}))?(?:\?transport=udp)?$/i;

/** A TURN server as the engine takes it. */
export interface Relay {
  /** IP address */
  hostname: string;
  port: number;
  username: string;
  password: string;
  relayType: 'TurnUdp';
}

/**
 * Those of the servers that can bring our packets to the other side: TURN over UDP, which is all that the engine speaks. STUN is of no use:
 * our addresses are not told to anybody.
 */
export function relaysAmong(servers: readonly IceServer[]): IceServer[] {
  return servers.filter(
    ({ url, username, credential }) => ADDRESS.test(url) && username !== undefined && credential !== undefined,
  );
}

/**
 * Looks their names up, since the engine would block for it; at most `limitMs`. Those that are not found are left out.
 */
export async function resolveRelays(
  servers: readonly IceServer[],
  { clock, limitMs }: { clock: Clock; limitMs: number },
): Promise<Relay[]> {
  let stop = () => {};
  const late = new Promise<undefined>((resolve) => {
    stop = clock.after(limitMs, () => resolve(undefined));
  });
  const relays = await Promise.all(
    relaysAmong(servers).map(async ({ url, username = '', credential: password = '' }): Promise<Relay[]> => {
      const [, ip, name = '', port = TURN_PORT] = ADDRESS.exec(url) ?? [];
      const host = ip ?? name;
      const found = isIP(host) === 0 ? await Promise.race([addressOf(host), late]) : host;
      return found === undefined
        ? []
        : [{ hostname: found, port: Number(port), username, password, relayType: 'TurnUdp' }];
    }),
  );
  stop();
  return relays.flat().slice(0, MOST_RELAYS);
}

async function addressOf(host: string): Promise<string | undefined> {
  return lookup(host).then(
    ({ address }) => address,
    () => undefined,
  );
}
