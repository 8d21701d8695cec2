import assert from 'node:assert/strict';
import { broken } from '../durability/checker.ts';
import { durabilityRun } from '../durability/run.ts';

const SEED = Number(process.env.DURABILITY_SEED ?? Date.now() % 1_000_000);

describe(`what was answered as stored is stored (DURABILITY_SEED=${SEED})`, function () {
  // 15 to 40 s each on a machine that has nothing else to do.
  this.timeout(240_000);

  it('after kills of the server and of PostgreSQL under load, and after power cuts', async () => {
    const { ledger, verdict, jobs } = await durabilityRun({
      seed: SEED,
      database: 'PostgreSQL',
      strokes: ['server', 'power', 'postgres', 'server', 'power', 'postgres'],
      loadMs: 800,
    });
    assert.equal(broken(verdict), 0, JSON.stringify(verdict));
    assert.ok(ledger.ok > 100, `${ledger.ok} frames were answered as stored`);
    assert.ok(ledger.failed > 0 && ledger.tries > ledger.frames, 'bad, doubled and contradicting frames were sent');
    const { rows } = verdict;
    assert.equal(rows, ledger.ok + verdict.unknownStored);
    assert.equal(
      Object.values(jobs).reduce((sum, count) => sum + count, 0),
      rows,
      'every frame has one job',
    );
  });

  it('and with the sync taken out, a power cut loses frames and this harness says so', async () => {
    const { verdict } = await durabilityRun({
      seed: SEED,
      database: 'PostgreSQL',
      strokes: ['power'],
      syncTakenOut: true,
      loadMs: 800,
    });
    assert.ok(verdict.lost.length > 0 && broken(verdict) > 0, JSON.stringify(verdict));
  });
});
