import type { Clock } from '../contracts/host.ts';
import type { FrameReport, Metrics, MetricsAnswer } from '../contracts/metrics.ts';

const MINUTE_MS = 60_000;
const MINUTES = 60;
const PIECE_MINUTES = 5;
const PIECES = MINUTES / PIECE_MINUTES;

interface Minute {
  /** number of the minute since the clock's zero */
  at: number;
  success: number;
  duplicates: number;
  bytes: number;
  failures: Map<string, number>;
  /** of all answers together */
  seconds: number;
}

export interface FrameCounts {
  note(report: FrameReport): void;
  /** What came in within the last hour. */
  lastHour(): MetricsAnswer['ingest'];
}

/**
 * Counts the answers of the ingest door: for Prometheus from the start of the process, for people over the last hour. Every frame that
 * was not taken is a failure, whoever is to blame for it; one that was sent twice is none.
 */
export function createFrameCounts({ clock, metrics }: { clock: Clock; metrics: Metrics }): FrameCounts {
  const startedAt = clock.monotonicMs();
  const minutes: Minute[] = [];
  const total = { success: 0, failures: 0 };
  const frames = metrics.counter({
    name: 'ingest_frames_total',
    help: 'Frames that devices sent, by what became of them; refused ones with the code of the answer',
    labels: ['outcome', 'code'],
  });
  const bytes = metrics.counter({ name: 'ingest_bytes_total', help: 'Bytes of the pictures that were stored' });
  const seconds = metrics.histogram({
    name: 'ingest_seconds',
    help: 'Time from the head of a request to its answer',
    labels: ['outcome'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  });

  const now = () => Math.floor((clock.monotonicMs() - startedAt) / MINUTE_MS);
  const minute = (): Minute => {
    const at = now();
    const last = minutes.at(-1);
    if (last?.at === at) return last;
    const fresh = { at, success: 0, duplicates: 0, bytes: 0, failures: new Map<string, number>(), seconds: 0 };
    minutes.push(fresh);
    if (minutes.length > MINUTES + 1) minutes.shift();
    return fresh;
  };

  return {
    note({ outcome, code = '', bytes: size, seconds: taken }) {
      frames({ outcome, code });
      seconds(taken, { outcome });
      const counted = minute();
      counted.seconds += taken;
      if (outcome === 'stored' || outcome === 'duplicate') total.success += 1;
      else total.failures += 1;
      if (outcome === 'stored') {
        bytes({}, size);
        counted.success += 1;
        counted.bytes += size;
      } else if (outcome === 'duplicate') {
        counted.success += 1;
        counted.duplicates += 1;
      } else {
        counted.failures.set(code, (counted.failures.get(code) ?? 0) + 1);
      }
    },

    lastHour() {
      const recent = minutes.filter(({ at }) => at > now() - MINUTES);
      const failures = new Map<string, number>();
      for (const one of recent) {
        for (const [code, count] of one.failures) failures.set(code, (failures.get(code) ?? 0) + count);
      }
      const sum = (of: (one: Minute) => number) => recent.reduce((total, one) => total + of(one), 0);
      const answered = sum((one) => one.success + failuresOf(one));
      const sinceMs = Math.min(clock.monotonicMs() - startedAt, MINUTES * MINUTE_MS);
      return {
        since: new Date(clock.now() - sinceMs).toISOString(),
        success: sum((one) => one.success),
        failures: [...failures.values()].reduce((total, count) => total + count, 0),
        duplicates: sum((one) => one.duplicates),
        failures_by_code: Object.fromEntries([...failures].sort()),
        bytes: sum((one) => one.bytes),
        answer_ms: answered > 0 ? Math.round((sum((one) => one.seconds) / answered) * 10_000) / 10 : null,
        success_total: total.success,
        failures_total: total.failures,
        series: seriesOf(recent, now(), clock.now()),
      };
    },
  };
}

function failuresOf({ failures }: Minute): number {
  return [...failures.values()].reduce((total, count) => total + count, 0);
}

/** The hour in pieces of five minutes, the oldest first. */
function seriesOf(recent: readonly Minute[], minute: number, now: number): MetricsAnswer['ingest']['series'] {
  return Array.from({ length: PIECES }, (_, piece) => {
    const first = minute - (PIECES - piece) * PIECE_MINUTES + 1;
    const inside = recent.filter(({ at }) => at >= first && at < first + PIECE_MINUTES);
    return {
      at: new Date(now - (minute - first) * MINUTE_MS).toISOString(),
      success: inside.reduce((total, one) => total + one.success, 0),
      failures: inside.reduce((total, one) => total + failuresOf(one), 0),
    };
  });
}
