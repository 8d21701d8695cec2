import { BlockList, isIP } from 'node:net';
import type { DialectName } from '../contracts/dialects.ts';

const PRIVATE = new BlockList();
for (const [network, bits, family] of [
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['::1', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
] as const) {
  PRIVATE.addSubnet(network, bits, family);
}

/** Whether an address lies in this machine or a network of one's own (RFC 1918, 4193, 3927). */
export function isPrivateAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const family = isIP(plain);
  return family !== 0 && PRIVATE.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}

/** Reads OPEN_DIALECTS (`name`, `name@lan`): which dialects answer without a credential, and to whom. */
export function opennessOf(list: readonly string[]): (name: DialectName, ip: string) => boolean {
  return (name, ip) => list.includes(name) || (list.includes(`${name}@lan`) && isPrivateAddress(ip));
}

/** Who somebody without a credential is, where a dialect is open: they may operate every camera, and administrate nothing. */
export function strangerOf(dialect: DialectName) {
  return {
    id: 0,
    name: `dialect:${dialect}`,
    email: null,
    role: 'operator' as const,
    cameras: null,
    mayEditFlows: false,
    mustChangePassword: false,
  };
}

/** An address without what would make Node-RED answer with JSONP, which any page could read across origins. */
export function withoutCallback(url: string): string {
  const [path = '', query] = url.split('?', 2);
  if (query === undefined || !/(^|&)callback/.test(query)) return url;
  const kept = query.split('&').filter((pair) => !pair.startsWith('callback'));
  return kept.length > 0 ? `${path}?${kept.join('&')}` : path;
}
