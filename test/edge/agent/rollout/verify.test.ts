import assert from 'node:assert/strict';
import { strikeAtRandom, strikeCases, tampering } from './tampering.ts';

const REFUSALS = ['bundle.invalid', 'bundle.stale', 'bundle.untrusted'];

describe('a deployment, looked at by its device', () => {
  const tampered = tampering();
  const { accept, bytes, cases, good } = tampered;

  it('is taken when nothing is wrong with it', () => {
    assert.deepEqual(accept({ message: good.message, bytes }), good.bundle);
  });

  // TAMPERED=1000 for the count of the issue, SEED to have it again; `npm run soak -- --fleet` strikes a thousand times, too.
  const count = Number(process.env.TAMPERED ?? 250);
  it(`is refused when ${count} times some of its bytes, or of its pointer's, are others`, () => {
    const { codes, taken, tried } = strikeAtRandom(tampered, { count, seed: Number(process.env.SEED ?? 7) });
    assert.deepEqual([tried, taken], [count, []]);
    assert.deepEqual(
      [...codes.keys()].filter((code) => !REFUSALS.includes(code)),
      [],
    );
  });

  it(`is refused with a code in each of ${cases.length} ways to tamper with it`, () => {
    assert.ok(cases.length >= 200, `${cases.length} cases`);
    const { codes, taken } = strikeCases(tampered);
    assert.deepEqual(taken, []);
    assert.deepEqual([...codes.keys()].sort(), REFUSALS);
  });
});
