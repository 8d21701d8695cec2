import { BlockList, isIPv4, isIPv6 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';

/** Where a player is, as ICE has found it. */
export interface PeerPath {
  address: string;
  /** kind of its candidate (RFC 8445 §5.1.1) */
  type: string;
}

/** What this host knows of its networks. */
export interface Networks {
  /** as `os.networkInterfaces` */
  interfaces(): NodeJS.Dict<NetworkInterfaceInfo[]>;
  /** largest IP packet of an interface that is a wire, Wi-Fi or the loopback; undefined when unknown, and for tunnels */
  mtu(name: string): number | undefined;
  /** Whether packets for other networks go by that address. */
  isGateway(address: string): boolean;
}

/**
 * Of H.264 in one packet. With RTP (12), its seal (16), UDP (8) and IPv6 (40) that is 1276, inside the 1280 bytes that every network
 * must carry (RFC 8200 §5). The engine forbids routers to split a packet: behind a VPN (WireGuard 1420, Tailscale 1280) a larger one
 * never arrives.
 */
export const SAFE_PACKET_BYTES = 1200;
/** What Ethernet carries; what claims more is not believed. */
const MOST_MTU = 1500;
/** UDP, RTP, and the longest seal of SRTP (RFC 7714) */
const OVERHEAD_BYTES = 8 + 12 + 16;
const IP_BYTES = { ipv4: 20, ipv6: 40 };
/** Where Tailscale and providers' NAT live: what looks near there is not. */
const SHARED = new BlockList();
SHARED.addSubnet('100.64.0.0', 10, 'ipv4');

/**
 * The most bytes of H.264 in one packet to a player: those that its network carries where it is in one with us, without a relay, NAT or
 * gateway between; 1200 to all others, and where anything about it is unknown. See docs/decisions/0047.
 */
export function largestPacket({ address, type }: PeerPath, networks: Networks): number {
  // A browser that hides its address is first seen by its own checks: `prflx`.
  if (type !== 'host' && type !== 'prflx') return SAFE_PACKET_BYTES;
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  const family = isIPv4(plain) ? 'ipv4' : isIPv6(plain) ? 'ipv6' : undefined;
  if (!family || SHARED.check(plain, family) || networks.isGateway(plain)) return SAFE_PACKET_BYTES;
  const mtus: (number | undefined)[] = [];
  for (const [name, addresses] of Object.entries(networks.interfaces())) {
    if (addresses?.some(({ cidr }) => cidr !== null && holds(cidr, plain, family))) mtus.push(networks.mtu(name));
  }
  const known = mtus.filter((mtu) => mtu !== undefined);
  // Two interfaces in one network: which one the packets take is not known, so each has to carry them.
  if (mtus.length === 0 || known.length < mtus.length) return SAFE_PACKET_BYTES;
  const room = Math.min(MOST_MTU, ...known) - IP_BYTES[family] - OVERHEAD_BYTES;
  return Math.max(SAFE_PACKET_BYTES, room);
}

function holds(cidr: string, address: string, family: 'ipv4' | 'ipv6'): boolean {
  const [network = '', bits] = cidr.split('/');
  if ((family === 'ipv4') !== isIPv4(network)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family);
  return list.check(address, family);
}
