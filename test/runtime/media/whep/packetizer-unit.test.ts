import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { toAnnexB } from '../../../../runtime/media/stream/nal.ts';
import { packetizerUnit } from '../../../../runtime/media/whep/packetizer-unit.ts';
import { RtpPictures } from '../../../support/rtp-pictures.ts';

const SPS = Buffer.from([0x67, 1, 2]);
const PPS = Buffer.from([0x68, 3]);
const IDR = Buffer.from([0x65, 0x80, 0, 0, 3, 1, 9]);
const DELIMITER = Buffer.from([0x09, 0xf0]);
const FILLER = Buffer.from([0x0c, 0xff, 0xff, 0x80]);

describe('a unit for the packetizer', () => {
  it('leaves out what would say nothing, and puts small NAL units into one packet', () => {
    const [packet = Buffer.alloc(0), ...others] = payloads(
      packetizerUnit(toAnnexB([DELIMITER, SPS, PPS, IDR, FILLER]), 1200),
    );
    assert.equal(others.length, 0);
    assert.equal(packet[0], 0x78, 'STAP-A, as important as the most important in it');
    assert.deepEqual(received([packet]), [SPS, PPS, IDR]);
  });

  it('sends a NAL unit alone as it is', () => {
    assert.deepEqual(payloads(packetizerUnit(toAnnexB([IDR]), 1200)), [IDR]);
  });

  for (const packetBytes of [1200, 1424, 1444]) {
    it(`of any lengths is put together again from packets of at most ${packetBytes} bytes`, () => {
      for (const length of [...around(packetBytes), ...around(2 * (packetBytes - 2) + 1), 50_000]) {
        const nals = [SPS, PPS, nal(0x65, length), nal(0x41, length), nal(0x41, 20), nal(0x41, 30)];
        const packets = payloads(packetizerUnit(toAnnexB(nals), packetBytes));
        assert.ok(packets.every((packet) => packet.length <= packetBytes));
        assert.deepEqual(received(packets), nals, `${length} bytes`);
      }
    });
  }

  it('takes no more packets than its bytes need, all of one size', () => {
    const big = nal(0x65, 8000);
    const sizes = payloads(packetizerUnit(toAnnexB([big]), 1200)).map((packet) => packet.length);
    assert.equal(sizes.length, Math.ceil(7999 / 1198));
    assert.ok(Math.max(...sizes) - Math.min(...sizes) < sizes.length, String(sizes));
  });

  it('of nothing is nothing', () => {
    assert.equal(packetizerUnit(toAnnexB([DELIMITER]), 1200).length, 0);
    assert.equal(packetizerUnit(Buffer.from([1, 2, 3]), 1200).length, 0);
  });

  it('is made once for all who watch, for each size of packets', () => {
    const annexB = toAnnexB([nal(0x65, 5000)]);
    const small = packetizerUnit(annexB, 1200);
    const large = packetizerUnit(annexB, 1444);
    assert.equal(packetizerUnit(annexB, 1200), small);
    assert.equal(packetizerUnit(annexB, 1444), large);
    assert.notEqual(packetizerUnit(toAnnexB([IDR]), 1200), small);
  });
});

/** A NAL unit without anything that looks like a start code. */
function nal(first: number, length: number): Buffer {
  const bytes = randomBytes(length).map((byte) => byte | 1);
  bytes[0] = first;
  return bytes as Buffer;
}

function around(length: number): number[] {
  return [-3, -2, -1, 0, 1, 2, 3].map((more) => length + more);
}

function payloads(unit: Buffer): Buffer[] {
  const all: Buffer[] = [];
  for (let at = 0; at < unit.length; at += 4 + unit.readUInt32BE(at)) {
    all.push(Buffer.from(unit.subarray(at + 4, at + 4 + unit.readUInt32BE(at))));
  }
  return all;
}

/** What a player makes of them. */
function received(packets: readonly Buffer[]): Buffer[] {
  const pictures = new RtpPictures();
  for (const [at, payload] of packets.entries()) {
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header[1] = 96 | (at === packets.length - 1 ? 128 : 0);
    header.writeUInt16BE(at, 2);
    pictures.take(Buffer.concat([header, payload]));
  }
  return pictures.pictures.flatMap(({ nals }) => nals);
}
