import assert from 'node:assert/strict';
import type { NodeStatus } from 'node-red';
import { ageOf, createStatusLine } from '../../../nodes/lib/status.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('a status line', () => {
  let clock: FakeClock;
  let shown: NodeStatus[];
  const texts = () => shown.map((status) => status.text);

  function line() {
    clock = new FakeClock();
    shown = [];
    return createStatusLine({ show: (status) => shown.push(status), clock });
  }

  it('shows a change of word at once, in its colour', () => {
    const status = line();
    status.waiting('for a frame');
    status.failed('gate unreachable');
    assert.deepEqual(shown, [
      { fill: 'yellow', shape: 'ring', text: 'for a frame' },
      { fill: 'red', shape: 'ring', text: 'gate unreachable' },
    ]);
  });

  it('counts frames with the age of the last, and grows older by itself', async () => {
    const status = line();
    status.counted();
    await clock.advance(1000);
    status.counted();
    assert.deepEqual(texts(), ['1 frame · now', '2 frames · now']);
    await clock.advance(11_000);
    assert.deepEqual(texts().slice(2), ['2 frames · 5 s ago', '2 frames · 10 s ago']);
  });

  it('sends one status a second for a camera of 30 fps', async () => {
    const status = line();
    for (let n = 0; n < 90; n += 1) {
      status.counted();
      await clock.advance(1000 / 30);
    }
    assert.ok(shown.length <= 4, `${shown.length} in three seconds`);
    await clock.advance(1000);
    assert.match(texts().at(-1) ?? '', /^90 frames/);
  });

  it('says nothing twice', async () => {
    const status = line();
    status.ok('ready');
    await clock.advance(2000);
    status.ok('ready');
    assert.deepEqual(texts(), ['ready']);
  });

  it('comes back from a failure to what it said before', () => {
    const status = line();
    status.recovered();
    status.counted();
    status.failed('no picture');
    status.failed('no picture again');
    status.recovered();
    assert.deepEqual(texts().at(-1), '1 frame · now');
  });

  it('cuts a long reason', () => {
    const status = line();
    status.failed('x'.repeat(200));
    assert.equal(texts()[0]?.length, 60);
  });

  it('is silent and without timers once closed', async () => {
    const status = line();
    status.counted();
    status.close();
    status.failed('late');
    await clock.advance(60_000);
    assert.deepEqual(texts(), ['1 frame · now']);
  });

  it('tells ages in coarse words', () => {
    assert.deepEqual([400, 3000, 59_999, 240_000, 7_300_000].map(ageOf), [
      'now',
      '3 s ago',
      '59 s ago',
      '4 min ago',
      '2 h ago',
    ]);
  });
});
