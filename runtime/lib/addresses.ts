import { networkInterfaces } from 'node:os';

/** How others reach a listener: the host itself, or for a wildcard (`0.0.0.0`, `::`) this machine's first address on a network. */
export function reachableHost(host: string, interfaces = networkInterfaces()): string {
  if (host !== '0.0.0.0' && host !== '::') return host;
  const addresses = Object.values(interfaces).flatMap((list) => list ?? []);
  return addresses.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}

/** A host as it stands in an address: IPv6 in brackets. */
export function hostInUrl(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
