import assert from 'node:assert/strict';
import { parseBody } from '../../../runtime/broker/bodies.ts';
import type { AppError } from '../../../runtime/contracts/errors.ts';

describe('bodies of messages', () => {
  const heartbeat = { v: 1, ts: 1_700_000_000_000 };

  it('hold no text that the database refuses; the field is named', () => {
    parseBody('heartbeat', JSON.stringify(heartbeat));
    parseBody('event', JSON.stringify({ ...heartbeat, note: 'a' }));
    for (const [kind, more, field] of [
      ['heartbeat', { fw_version: '1\0' }, 'fw_version'],
      ['event', { data: { note: '\ud800' } }, 'data.note'],
      ['camera-set', { 'b\0': 1 }, 'body'],
    ] as const) {
      assert.throws(
        () => parseBody(kind, JSON.stringify({ ...heartbeat, ...more })),
        (error: AppError) => error.code === 'request.invalid' && error.details.field === field,
        kind,
      );
    }
  });
});
