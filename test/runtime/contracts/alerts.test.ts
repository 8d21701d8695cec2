import assert from 'node:assert/strict';
import { ALERT_RULES, type AlertMetric, levelOf, rulesFor, worstOf } from '../../../runtime/contracts/alerts.ts';

const GB = 1e9;
const LARGE = 500 * GB;

describe('limits of figures', () => {
  const level = (metric: AlertMetric, value: number | null, disk = LARGE) => {
    const rule = rulesFor(disk).find((one) => one.metric === metric);
    assert.ok(rule, metric);
    return levelOf(rule, value);
  };

  it('are those of seed 004', () => {
    const said: [AlertMetric, number, string][] = [
      ['temperature_c', 59.9, 'ok'],
      ['temperature_c', 60, 'watch'],
      ['temperature_c', 70, 'bad'],
      ['disk_free_bytes', 20 * GB + 1, 'ok'],
      ['disk_free_bytes', 20 * GB, 'watch'],
      ['disk_free_bytes', 10 * GB + 1, 'watch'],
      ['disk_free_bytes', 10 * GB, 'bad'],
      ['queue_depth', 30, 'ok'],
      ['queue_depth', 31, 'watch'],
      ['ingest_failures_1h', 7, 'ok'],
      ['ingest_failures_1h', 8, 'bad'],
      ['dead_jobs', 0, 'ok'],
      ['dead_jobs', 1, 'bad'],
    ];
    for (const [metric, value, expected] of said) assert.equal(level(metric, value), expected, `${metric} ${value}`);
    assert.equal(said.length > ALERT_RULES.length, true);
  });

  it('of the disk are shares of a small one, so that a 16 GB card can be fine', () => {
    assert.equal(level('disk_free_bytes', 5 * GB, 16 * GB), 'ok');
    assert.equal(level('disk_free_bytes', 4 * GB, 16 * GB), 'watch');
    assert.equal(level('disk_free_bytes', 2 * GB, 16 * GB), 'bad');
    assert.equal(level('disk_free_bytes', 20 * GB, 80 * GB), 'watch');
    assert.equal(level('disk_free_bytes', 0, 0), 'bad');
  });

  it('alarm nobody about what cannot be measured', () => {
    assert.equal(level('temperature_c', null), 'ok');
  });

  it('add up to the worst', () => {
    assert.equal(worstOf([]), 'ok');
    assert.equal(worstOf(['ok', 'bad', 'watch']), 'bad');
  });
});
