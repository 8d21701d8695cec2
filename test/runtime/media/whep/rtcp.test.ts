import assert from 'node:assert/strict';
import { readRtcp } from '../../../../runtime/media/whep/rtcp.ts';

const SSRC = 0x01020304;
const words = (...list: number[]) => {
  const bytes = Buffer.alloc(list.length * 4);
  for (const [at, word] of list.entries()) bytes.writeUInt32BE(word >>> 0, at * 4);
  return bytes;
};
/** RR with one block: a quarter lost since the last, −2 in all, jitter 900 ticks. */
const report = (ssrc: number) => words(0x81c90007, 9, ssrc, 0x40fffffe, 1000, 900, 0, 0);
const pli = (ssrc: number) => words(0x81ce0002, 9, ssrc);
const fir = (ssrc: number) => words(0x84ce0004, 9, 0, ssrc, 0x01000000);

describe('RTCP of a player', () => {
  it('tells loss, jitter and the newest packet of our stream', () => {
    const told = { lossShare: 0.25, lost: -2, jitterMs: 10, highest: 1000 };
    assert.deepEqual(readRtcp(report(SSRC), SSRC).report, told);
    assert.equal(readRtcp(report(5), SSRC).report, undefined);
  });

  it('asks for a key frame, alone or behind a report', () => {
    assert.equal(readRtcp(pli(SSRC), SSRC).wantsKey, true);
    assert.equal(readRtcp(fir(SSRC), SSRC).wantsKey, true);
    const both = readRtcp(Buffer.concat([report(SSRC), pli(SSRC)]), SSRC);
    assert.ok(both.wantsKey && both.report);
    assert.equal(readRtcp(pli(5), SSRC).wantsKey, false);
    assert.equal(readRtcp(report(SSRC), SSRC).wantsKey, false);
  });

  it('is read as far as it goes: cut or made up, it does no harm', () => {
    const whole = Buffer.concat([report(SSRC), pli(SSRC)]);
    for (let length = 0; length < whole.length; length += 1) {
      const { wantsKey } = readRtcp(whole.subarray(0, length), SSRC);
      assert.equal(wantsKey, false);
    }
    for (let byte = 0; byte < 256; byte += 1) readRtcp(Buffer.alloc(64, byte), SSRC);
  });
});
