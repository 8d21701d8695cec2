import assert from 'node:assert/strict';
import { join } from 'node:path';
import { temporaryFolder } from '../support/folders.ts';
import { broken, compareRows, type StoredFrame } from './checker.ts';
import { Ledger } from './ledger.ts';

describe('the checker of durability', () => {
  let ledger: Ledger;

  beforeEach(async () => {
    ledger = new Ledger(join(await temporaryFolder('ledger'), 'ledger.jsonl'));
    ledger.send('pi', 1, 'a').answered(201);
    ledger.send('pi', 1, 'b').answered(409);
    ledger.send('pi', 2, 'c').answered(503);
    ledger.send('pi', 3, 'd');
    ledger.send('pi', 4, 'e').answered(400);
    ledger.send('pi', 5, 'f').answered(undefined);
    ledger.send('pi', 5, 'f').answered(200);
  });

  afterEach(() => ledger.close());

  const row = (seq: number, sha: string | undefined, id = `${seq}`): StoredFrame => ({ id, key: `pi ${seq}`, sha });
  const whole = [row(1, 'a'), row(5, 'f')];

  it('is content where every promise was kept, whatever became of the unknown ones', () => {
    for (const extra of [[], [row(2, 'c')], [row(3, 'd'), row(2, 'c')]]) {
      const found = compareRows(ledger, [...whole, ...extra]);
      assert.equal(broken(found), 0, JSON.stringify(found));
      assert.equal(found.unknownStored, extra.length);
    }
    assert.deepEqual(ledger.summary(), { frames: 5, tries: 7, ok: 2, unknown: 2, failed: 1 });
  });

  it('finds each way to break one', () => {
    const cases: [keyof ReturnType<typeof compareRows>, StoredFrame[]][] = [
      ['lost', [row(1, 'a')]],
      ['lost', [row(1, 'a'), row(5, undefined)]],
      ['rowsWithoutBytes', [...whole, row(2, undefined)]],
      ['changed', [row(1, 'b'), row(5, 'f')]],
      ['changed', [...whole, row(2, 'x')]],
      ['doubled', [...whole, row(5, 'f', 'other')]],
      ['refusedButStored', [...whole, row(4, 'e')]],
      ['alien', [...whole, row(9, 'z')]],
    ];
    for (const [name, stored] of cases) {
      const found = compareRows(ledger, stored);
      assert.ok(broken({ ...found }) > 0, name);
      const list = found[name];
      assert.ok(Array.isArray(list) && list.length > 0, `${name}: ${JSON.stringify(found)}`);
    }
  });

  it('finds that two different pictures were promised under one number', () => {
    ledger.send('pi', 1, 'b').answered(200);
    assert.ok(compareRows(ledger, whole).changed.length > 0);
  });
});
