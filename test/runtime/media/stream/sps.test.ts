import assert from 'node:assert/strict';
import { NAL, nalType } from '../../../../runtime/media/stream/nal.ts';
import { parseSps } from '../../../../runtime/media/stream/sps.ts';
import { isPlayable } from '../../../../runtime/media/stream/unit-shaper.ts';
import { type ClipShape, recordClip } from '../../../support/stream-fixture.ts';

async function spsOf(shape: ClipShape): Promise<Buffer> {
  const { sets } = await recordClip({ seconds: 0.2, ...shape });
  const sps = sets.find((set) => nalType(set) === NAL.sps);
  assert.ok(sps);
  return sps;
}

describe('a sequence parameter set', () => {
  for (const [width, height] of [
    [320, 180],
    [322, 182],
    [1920, 1080],
    [640, 480],
    [66, 50],
  ] as const) {
    it(`tells ${width} × ${height}, what is cropped taken off`, async () => {
      const sps = parseSps(await spsOf({ width, height, fps: 5 }));
      assert.deepEqual([sps?.width, sps?.height], [width, height]);
    });
  }

  it('tells codec and level as browsers want them', async () => {
    const sps = await spsOf({ profile: 'baseline' });
    assert.equal(parseSps(sps)?.codec, `avc1.${sps.toString('hex', 1, 4)}`);
    assert.match(parseSps(await spsOf({ profile: 'high' }))?.codec ?? '', /^avc1\.64/);
  });

  it('tells whether pictures come in another order than they are shown', async () => {
    assert.equal(parseSps(await spsOf({ profile: 'baseline' }))?.reordered, 0);
    assert.equal(parseSps(await spsOf({ profile: 'high' }))?.reordered, 0);
    assert.ok((parseSps(await spsOf({ bFrames: 2 }))?.reordered ?? 0) > 0);
  });

  it('tells what browsers play from what they do not', async () => {
    const plain = parseSps(await spsOf({ profile: 'high' }));
    assert.equal(plain && isPlayable(plain), true);
    // High 4:4:4 Predictive, a size read all the same: chroma is not halved there.
    const full = parseSps(await spsOf({ profile: 'high444', pixels: 'yuv444p', width: 322, height: 182 }));
    assert.ok(full);
    assert.deepEqual([full.width, full.height, isPlayable(full)], [322, 182, false]);
  });

  it('is nothing when it is cut off, or something else', async () => {
    const sps = await spsOf({});
    assert.equal(parseSps(sps.subarray(0, 6)), undefined);
    assert.equal(parseSps(Buffer.from([0x68, 1, 2, 3, 4])), undefined);
    assert.equal(parseSps(Buffer.alloc(0)), undefined);
  });
});
