import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Log } from '../../contracts/host.ts';

/** Below what the engine finds itself: these are tried when the direct way does not work (RFC 8445 §5.1.2.1). */
const PRIORITY = 1_694_498_815;

/**
 * Addresses under which players reach this host though it does not have them itself (a router forwards the port): WEBRTC_HOSTS as ICE
 * candidates. Names are looked up each time, since at home they change; one that cannot be is left out and said.
 */
export async function extraCandidates(
  hosts: readonly string[],
  udpPort: number,
  log: Log,
  resolve: (name: string) => Promise<string> = async (name) => (await lookup(name, { family: 4 })).address,
): Promise<string[]> {
  const found = await Promise.all(
    hosts.map(async (host) => {
      if (isIP(host) !== 0) return host;
      try {
        return await resolve(host);
      } catch (error) {
        log.warn('a name of WEBRTC_HOSTS was not found', { host, error });
        return undefined;
      }
    }),
  );
  return [...new Set(found)]
    .filter((address) => address !== undefined)
    .map((address, at) => `candidate:${100 + at} 1 UDP ${PRIORITY - at} ${address} ${udpPort} typ host`);
}
