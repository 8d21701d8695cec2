import assert from 'node:assert/strict';
import type { NetworkInterfaceInfo } from 'node:os';
import { hostNetworks } from '../../../../runtime/media/whep/host-networks.ts';
import { largestPacket, type Networks } from '../../../../runtime/media/whep/packet-size.ts';

const at = (cidr: string) => ({ cidr }) as NetworkInterfaceInfo;
const HOME: Networks = {
  interfaces: () => ({
    lo: [at('127.0.0.1/8'), at('::1/128')],
    eth0: [at('192.168.1.10/24'), at('fd00:1::10/64')],
    dsl: [at('10.9.0.2/24')],
    wg0: [at('10.8.0.1/24')],
    tailscale0: [at('100.101.1.1/32'), at('fd7a:115c:a1e0::1/48')],
    shared: [at('100.64.5.1/16')],
  }),
  mtu: (name) => ({ lo: 65_536, eth0: 1500, dsl: 1400, shared: 1500 })[name],
  isGateway: (address) => address === '192.168.1.1',
};
const size = (address: string, type = 'host', networks = HOME) => largestPacket({ address, type }, networks);

describe('packets to a player', () => {
  it('fill what Ethernet carries to a neighbour and on the machine itself, with all headers', () => {
    assert.equal(size('192.168.1.77') + 12 + 16 + 8 + 20, 1500);
    assert.equal(size('fd00:1::77') + 12 + 16 + 8 + 40, 1500);
    assert.equal(size('127.0.0.1'), 1444);
    assert.equal(size('::1'), 1424);
    assert.equal(size('::ffff:192.168.1.77', 'prflx'), 1444);
  });

  it('fill less where the neighbour’s network carries less', () => {
    assert.equal(size('10.9.0.77'), 1344);
  });

  it('are of 1200 bytes to another network, a gateway, a tunnel, shared addresses, and what is no address', () => {
    for (const address of [
      '8.8.8.8',
      '2001:db8::1',
      '192.168.2.77',
      '192.168.1.1',
      '10.8.0.5',
      '100.64.5.9',
      'fd7a:115c:a1e0::9',
      'x.local',
      '',
    ]) {
      assert.equal(size(address), 1200, address);
    }
  });

  it('are of 1200 bytes through a relay or NAT, wherever that stands', () => {
    assert.equal(size('192.168.1.77', 'relay'), 1200);
    assert.equal(size('192.168.1.77', 'srflx'), 1200);
  });

  it('are of 1200 bytes where the MTU is unknown, for one of two interfaces too, or very small', () => {
    assert.equal(size('192.168.1.77', 'host', { ...HOME, mtu: () => undefined }), 1200);
    const twice = { ...HOME, interfaces: () => ({ eth0: [at('192.168.1.10/24')], wg0: [at('192.168.1.11/24')] }) };
    assert.equal(size('192.168.1.77', 'host', twice), 1200);
    assert.equal(size('192.168.1.77', 'host', { ...HOME, mtu: () => 600 }), 1200);
  });

  it('are what this host says of its own loopback; of interfaces that it does not have it knows nothing', () => {
    assert.equal(size('127.0.0.1', 'host', hostNetworks), process.platform === 'linux' ? 1444 : 1200);
    assert.equal(hostNetworks.mtu('none-such'), undefined);
    assert.equal(hostNetworks.isGateway('127.0.0.1'), false);
  });
});
