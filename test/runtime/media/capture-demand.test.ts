import assert from 'node:assert/strict';
import { CaptureDemand } from '../../../runtime/media/capture-demand.ts';

function demandEvery(gapMs: number, count: number): CaptureDemand {
  const demand = new CaptureDemand();
  for (let i = 0; i < count; i++) demand.note({}, i * gapMs);
  return demand;
}

describe('the demand of captures', () => {
  it('asks for a decoder of about twice the rate of captures', () => {
    assert.equal(demandEvery(30_000, 4).first().fps, 5);
    assert.equal(demandEvery(495, 12).first().fps, 5);
    assert.equal(demandEvery(200, 30).first().fps, 15);
    assert.equal(demandEvery(33, 200).first().fps, 30);
  });

  it('leaves a running decoder alone while it serves', () => {
    assert.equal(demandEvery(500, 9).better({ fps: 5 }), undefined);
    assert.equal(demandEvery(30_000, 9).better({ fps: 30 }), undefined);
  });

  it('wants a faster one only for captures that keep coming', () => {
    assert.equal(demandEvery(10, 20).better({ fps: 5 }), undefined);
    assert.deepEqual(demandEvery(100, 40).better({ fps: 5 }), { fps: 30 });
  });

  it('is not convinced by captures that want different things', () => {
    const demand = new CaptureDemand();
    for (const width of [100, 200, 100, 200]) demand.note({ width }, 0);
    assert.equal(demand.better({ fps: 5, width: 300 }), undefined);
    for (let i = 0; i < 3; i++) demand.note({ width: 100 }, 0);
    assert.deepEqual(demand.better({ fps: 5, width: 300 }), { fps: 5, width: 100 });
  });
});
