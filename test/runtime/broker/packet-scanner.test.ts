import assert from 'node:assert/strict';
import { PacketScanner } from '../../../runtime/broker/packet-scanner.ts';

const CONNECT = Buffer.from([0x10, 0x02, 0xaa, 0xbb]);
const PING = Buffer.from([0xc0, 0x00]);

function scanner(): PacketScanner {
  return new PacketScanner({ maxPacketBytes: 300, maxConnectBytes: 10 });
}

describe('packet scanner', () => {
  it('counts packets however the bytes are cut', () => {
    const body = Buffer.alloc(200, 0xff);
    const stream = Buffer.concat([CONNECT, Buffer.from([0x30, 0xc8, 0x01]), body, PING, PING]);
    for (const size of [1, 2, 3, 7, stream.length]) {
      const one = scanner();
      let counted = 0;
      for (let at = 0; at < stream.length; at += size) {
        const answer = one.scan(stream.subarray(at, at + size));
        assert.equal(typeof answer, 'number', String(answer));
        counted += Number(answer);
      }
      assert.equal(counted, 4, `in pieces of ${size}`);
    }
  });

  it('takes a packet of exactly the limit and refuses one byte more', () => {
    const one = scanner();
    assert.equal(one.scan(CONNECT), 1);
    assert.equal(one.scan(Buffer.concat([Buffer.from([0x30, 0xa9, 0x02]), Buffer.alloc(297)])), 1);
    assert.equal(one.scan(Buffer.from([0x30, 0xaa, 0x02])), 'packet over 300 bytes');
  });

  it('holds the first packet to its own limit, and wants it to be CONNECT', () => {
    assert.equal(scanner().scan(Buffer.from([0x10, 0x09])), 'packet over 10 bytes');
    assert.match(String(scanner().scan(PING)), /no CONNECT/);
  });

  it('refuses a length of more than four bytes', () => {
    const one = scanner();
    one.scan(CONNECT);
    assert.equal(one.scan(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x00])), 'malformed packet length');
  });
});
