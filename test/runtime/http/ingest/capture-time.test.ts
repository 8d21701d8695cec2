import assert from 'node:assert/strict';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import { parseCaptureTime } from '../../../../runtime/http/ingest/capture-time.ts';

describe('parseCaptureTime', () => {
  it('reads RFC 3339 with any zone', () => {
    const at = Date.UTC(2026, 10, 20, 11, 30, 5);
    const same: [string, number][] = [
      ['2026-11-20T11:30:05Z', 0],
      ['2026-11-20t11:30:05z', 0],
      ['2026-11-20 11:30:05Z', 0],
      ['2026-11-20T12:30:05+01:00', 0],
      ['2026-11-20T06:00:05-05:30', 0],
      ['2026-11-21T00:30:05+13:00', 0],
      ['2026-11-20T11:30:05-00:00', 0],
      ['2026-11-20T11:30:05.5Z', 500],
      ['2026-11-20T11:30:05.123456Z', 123],
      ['2026-11-20T11:30:05.999999999Z', 999],
    ];
    for (const [text, more] of same) assert.equal(parseCaptureTime(text), at + more, text);
    assert.equal(parseCaptureTime('2016-12-31T23:59:60Z'), Date.UTC(2017, 0, 1));
    assert.equal(parseCaptureTime('2024-02-29T00:00:00Z'), Date.UTC(2024, 1, 29));
    assert.equal(parseCaptureTime('1970-01-01T00:00:00Z'), 0);
  });

  it('reads numbers below 1e11 as seconds, others as milliseconds', () => {
    assert.equal(parseCaptureTime(0), 0);
    assert.equal(parseCaptureTime(1_790_000_000), 1_790_000_000_000);
    assert.equal(parseCaptureTime(1_790_000_000.25), 1_790_000_000_250);
    assert.equal(parseCaptureTime(1_790_000_000_250), 1_790_000_000_250);
    assert.equal(parseCaptureTime(1e11), 100_000_000_000);
    assert.equal(parseCaptureTime(99_999_999_999), 99_999_999_999_000);
  });

  it('refuses a time without zone, a day that is none, and what is no time', () => {
    for (const value of [
      '2026-11-20T11:30:05',
      '2026-11-20',
      '2026-02-30T00:00:00Z',
      '2025-02-29T00:00:00Z',
      '2026-13-01T00:00:00Z',
      '2026-00-01T00:00:00Z',
      '2026-11-00T00:00:00Z',
      '2026-11-20T24:00:00Z',
      '2026-11-20T11:60:00Z',
      '2026-11-20T11:30:61Z',
      '2026-11-20T11:30:05+24:00',
      '2026-11-20T11:30:05+01',
      '2026-11-20T11:30:05.Z',
      ' 2026-11-20T11:30:05Z',
      '1790000000',
      'yesterday',
      '',
      1e16,
      1e300,
      Number.NaN,
    ]) {
      assert.throws(
        () => parseCaptureTime(value),
        (error: unknown) => error instanceof AppError && error.details.field === 'capture_ts',
        String(value),
      );
    }
  });
});
