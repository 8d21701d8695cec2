import assert from 'node:assert/strict';
import { hostInUrl, reachableHost } from '../../../runtime/lib/addresses.ts';

describe('addresses', () => {
  const interfaces = {
    lo: [{ address: '127.0.0.1', internal: true, family: 'IPv4' }],
    eth0: [
      { address: 'fe80::1', internal: false, family: 'IPv6' },
      { address: '192.168.1.7', internal: false, family: 'IPv4' },
    ],
  } as never;

  it('turn a wildcard into what others can reach, and leave the rest', () => {
    assert.equal(reachableHost('0.0.0.0', interfaces), '192.168.1.7');
    assert.equal(reachableHost('::', {}), '127.0.0.1');
    assert.equal(reachableHost('10.1.2.3', interfaces), '10.1.2.3');
  });

  it('put IPv6 into brackets, once', () => {
    assert.deepEqual([hostInUrl('::1'), hostInUrl('[::1]'), hostInUrl('pi.local')], ['[::1]', '[::1]', 'pi.local']);
  });
});
