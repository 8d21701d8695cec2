import assert from 'node:assert/strict';
import { shown } from '../../../runtime/broker/shown.ts';

describe('what strangers call themselves', () => {
  it('is shown in a log without line breaks of any kind, and short', () => {
    assert.equal(shown('pi-1\r\n\u2028{"level":"error"}\u001b[31m\0'), 'pi-1???{"level":"error"}?[31m?');
    assert.equal(shown('x'.repeat(60_000)).length, 120);
    assert.equal(shown(undefined), '');
  });
});
