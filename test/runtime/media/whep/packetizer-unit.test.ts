import assert from 'node:assert/strict';
import { toAnnexB } from '../../../../runtime/media/stream/nal.ts';
import { packetizerUnit } from '../../../../runtime/media/whep/packetizer-unit.ts';

const SPS = Buffer.from([0x67, 1, 2]);
const PPS = Buffer.from([0x68, 3]);
const IDR = Buffer.from([0x65, 0x80, 0, 0, 3, 1, 9]);
const DELIMITER = Buffer.from([0x09, 0xf0]);
const FILLER = Buffer.from([0x0c, 0xff, 0xff, 0x80]);

describe('a unit for the packetizer', () => {
  it('has each NAL unit behind its length, without what would be a packet that says nothing', () => {
    const unit = packetizerUnit(toAnnexB([DELIMITER, SPS, PPS, IDR, FILLER]));
    const behindLength = (nal: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, nal.length]), nal]);
    assert.deepEqual(unit, Buffer.concat([SPS, PPS, IDR].map(behindLength)));
  });

  it('is made once for all who watch', () => {
    const annexB = toAnnexB([IDR]);
    assert.equal(packetizerUnit(annexB), packetizerUnit(annexB));
    assert.notEqual(packetizerUnit(annexB), packetizerUnit(toAnnexB([IDR])));
  });
});
