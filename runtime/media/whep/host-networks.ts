import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import type { Networks } from './packet-size.ts';

/** `ARPHRD_ETHER` and `ARPHRD_LOOPBACK` of Linux (if_arp.h): wires and Wi-Fi, and the host itself. WireGuard, PPP and tun have others. */
const PLAIN_KINDS = new Set(['1', '772']);

/** The networks of this host, from /sys and /proc; where there are none (macOS), no MTU is known. */
export const hostNetworks: Networks = {
  interfaces: networkInterfaces,
  mtu(name) {
    const folder = `/sys/class/net/${name}`;
    // A tap looks like Ethernet, and ends in a tunnel.
    if (!PLAIN_KINDS.has(textOf(`${folder}/type`)) || existsSync(`${folder}/tun_flags`)) return undefined;
    const mtu = Number(textOf(`${folder}/mtu`));
    return mtu > 0 ? mtu : undefined;
  },
  isGateway: (address) =>
    textOf('/proc/net/route')
      .split('\n')
      .some((line) => line.split(/\s+/)[2] === inRouteTable(address)),
};

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // Not Linux, or the interface has just gone: nothing is known.
    return '';
  }
}

/** An IPv4 address as the kernel's table of routes has it: the bytes of a little-endian number, in hex. */
function inRouteTable(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return bytes.reverse().join('').toUpperCase();
}
