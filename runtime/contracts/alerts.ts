/** How a figure stands: fine, to be looked at soon, to be acted upon now. */
export const ALERT_LEVELS = ['ok', 'watch', 'bad'] as const;
export type AlertLevel = (typeof ALERT_LEVELS)[number];

/** Figures that have limits. */
export const ALERT_METRICS = [
  'temperature_c',
  'disk_free_bytes',
  'queue_depth',
  'ingest_failures_1h',
  'dead_jobs',
] as const;
export type AlertMetric = (typeof ALERT_METRICS)[number];

export interface AlertRule {
  metric: AlertMetric;
  /** whether high or low figures are bad; a figure that equals its limit has reached it */
  bad_when: 'high' | 'low';
  /** null: there is no such step */
  watch: number | null;
  bad: number | null;
  /** what to do about it, as its heading in docs/runbook.md */
  runbook: string;
}

const GB = 1e9;

/**
 * The limits of seed 004 (S4.43). A queue works itself off, so a long one is to be watched; failures and dead jobs need a person.
 * Those of the disk hold for disks of 80 GB and more, see `rulesFor`.
 */
export const ALERT_RULES: readonly AlertRule[] = [
  { metric: 'temperature_c', bad_when: 'high', watch: 60, bad: 70, runbook: 'The machine is hot' },
  { metric: 'disk_free_bytes', bad_when: 'low', watch: 20 * GB, bad: 10 * GB, runbook: 'The disk is full' },
  { metric: 'queue_depth', bad_when: 'high', watch: 31, bad: null, runbook: 'Inspect the queue' },
  { metric: 'ingest_failures_1h', bad_when: 'high', watch: null, bad: 8, runbook: 'Frames are refused' },
  { metric: 'dead_jobs', bad_when: 'high', watch: null, bad: 1, runbook: 'Inspect the queue' },
];

/** Of a small disk these shares are what the limits in bytes are of a large one: a 16 GB card could else never be fine. */
const SMALL_DISK = { watch: 1 / 4, bad: 1 / 8 };

/** The limits in force on a machine whose disk has so many bytes. */
export function rulesFor(diskBytes: number): AlertRule[] {
  const least = (limit: number | null, share: number) => limit && Math.min(limit, Math.round(diskBytes * share));
  return ALERT_RULES.map((rule) =>
    rule.metric === 'disk_free_bytes'
      ? { ...rule, watch: least(rule.watch, SMALL_DISK.watch), bad: least(rule.bad, SMALL_DISK.bad) }
      : rule,
  );
}

/** How a figure stands; one that cannot be measured here (null) alarms nobody. */
export function levelOf(rule: AlertRule, value: number | null): AlertLevel {
  if (value === null) return 'ok';
  const reached = (limit: number | null) =>
    limit !== null && (rule.bad_when === 'high' ? value >= limit : value <= limit);
  return reached(rule.bad) ? 'bad' : reached(rule.watch) ? 'watch' : 'ok';
}

/** The worst of several. */
export function worstOf(levels: readonly AlertLevel[]): AlertLevel {
  return ALERT_LEVELS[Math.max(0, ...levels.map((level) => ALERT_LEVELS.indexOf(level)))] ?? 'ok';
}
