import assert from 'node:assert/strict';
import { PacketTrial } from '../../../../runtime/media/whep/packet-trial.ts';

/** A viewer whose reports come after ten pictures each. */
function viewer(largest = 1444) {
  const trial = new PacketTrial(() => largest);
  let nowMs = 0;
  const hear = (change: { lossShare?: number; highest?: number; wantsKey?: boolean }) => {
    nowMs += 1000;
    for (let n = 0; n < 10; n += 1) trial.sent();
    const { lossShare = 0, highest = nowMs, wantsKey = false } = change;
    return trial.heard({ report: { lossShare, lost: 0, jitterMs: 1, highest }, wantsKey }, nowMs);
  };
  const grown = () => {
    hear({});
    hear({});
    assert.equal(trial.bytes, largest);
  };
  return { trial, hear, grown };
}

describe('larger packets', () => {
  it('are tried when a report says that all of a second arrived, not before', () => {
    const { trial, hear } = viewer();
    assert.equal(trial.bytes, 1200);
    hear({});
    assert.equal(trial.bytes, 1200, 'the first report is of nothing');
    hear({ lossShare: 0.05 });
    assert.equal(trial.bytes, 1200, 'something is lost already');
    hear({});
    assert.equal(trial.bytes, 1444);
  });

  it('end for good when much is lost', () => {
    const { trial, hear, grown } = viewer();
    grown();
    assert.equal(hear({ lossShare: 0.05 }), false, 'Wi-Fi loses some');
    assert.equal(trial.bytes, 1444);
    assert.equal(hear({ lossShare: 0.3 }), true);
    for (let n = 0; n < 10; n += 1) assert.equal(hear({}), false);
    assert.equal(trial.bytes, 1200);
  });

  it('end for good when nothing arrives any more, which a player reports as no loss', () => {
    const { trial, hear, grown } = viewer();
    grown();
    assert.equal(hear({ highest: 2000 }), true);
    hear({});
    assert.equal(trial.bytes, 1200);
  });

  it('end for good when the player asks for a key frame soon after, not when it does much later', () => {
    const soon = viewer();
    soon.grown();
    assert.equal(soon.hear({ wantsKey: true }), true);
    assert.equal(soon.trial.bytes, 1200);
    const late = viewer();
    late.grown();
    for (let second = 0; second < 10; second += 1) late.hear({});
    assert.equal(late.hear({ wantsKey: true }), false);
    assert.equal(late.trial.bytes, 1444);
  });

  it('are not asked for again where the network takes none', () => {
    let asked = 0;
    const trial = new PacketTrial(() => {
      asked += 1;
      return 1200;
    });
    for (let n = 1; n < 9; n += 1) {
      trial.heard({ report: { lossShare: 0, lost: 0, jitterMs: 0, highest: n }, wantsKey: false }, n * 1000);
    }
    assert.deepEqual([asked, trial.bytes], [1, 1200]);
  });
});
