import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ALERT_RULES } from '../../runtime/contracts/alerts.ts';
import { DEVICE_ALERT_METRICS, deviceAlerts } from '../../runtime/contracts/device-alerts.ts';
import { ERROR_CODES } from '../../runtime/contracts/errors.ts';

const text = readFileSync(resolve(import.meta.dirname, '../../docs/runbook.md'), 'utf8');
const headings = [...text.matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? '');

/** As the pages that show Markdown make them. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-');

describe('the runbook', () => {
  it('has a heading for each error code, and for none that does not exist', () => {
    const codes = headings.flatMap((heading) => /^`([a-z_]+\.[a-z_]+)`$/.exec(heading)?.[1] ?? []);
    assert.deepEqual(codes.toSorted(), Object.keys(ERROR_CODES).sort());
  });

  it('says below each heading what to do', () => {
    for (const code of Object.keys(ERROR_CODES)) {
      const [, body = ''] = text.split(`### \`${code}\`\n`);
      assert.match(body.split('\n###')[0] ?? '', /\w+ \w+/, code);
    }
  });

  it('has the heading that each limit points to', () => {
    for (const { metric, runbook } of ALERT_RULES) assert.ok(headings.includes(runbook), `${metric}: ${runbook}`);
    const everything = { temperature_c: 99, disk_free_mb: 0, disk_total_mb: 9, under_voltage: true, throttled: true };
    const alerts = deviceAlerts({ ...everything, clock_skew_s: -3600 });
    assert.deepEqual([...new Set(alerts.map(({ metric }) => metric))], [...DEVICE_ALERT_METRICS]);
    for (const { metric, runbook } of alerts) assert.ok(headings.includes(runbook), `${metric}: ${runbook}`);
  });

  it('leads nowhere that is not there', () => {
    const anchors = new Set(headings.map(anchorOf));
    const dead = [...text.matchAll(/\]\(#([^)]+)\)/g)].map((match) => match[1] ?? '').filter((to) => !anchors.has(to));
    assert.deepEqual(dead, []);
  });
});
