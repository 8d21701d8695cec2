import { type Static, Type } from 'typebox';
import { ALERT_LEVELS, ALERT_METRICS, type AlertLevel, type AlertRule } from './alerts.ts';
import { JobCounts, type JobState } from './jobs.ts';
import { nullable, time } from './schema.ts';

export type Labels = Record<string, string>;

interface Named {
  /** without the prefix `redeye_`; a counter's ends in `_total` */
  name: string;
  help: string;
  labels?: readonly string[];
}

/** What may be counted into, without knowing who collects it. Names are unique; a second use of one throws. */
export interface Metrics {
  counter(about: Named): (labels?: Labels, by?: number) => void;
  histogram(about: Named & { buckets: readonly number[] }): (value: number, labels?: Labels) => void;
  /** Read when somebody asks; one that throws is left out of that answer. */
  gauge(about: Named, read: () => Reading[] | Promise<Reading[]>): void;
}

export interface Reading {
  value: number;
  labels?: Labels;
}

/** What became of one frame that a device sent: `refused` with the code of the answer. */
export interface FrameReport {
  outcome: 'stored' | 'duplicate' | 'conflict' | 'refused';
  code?: string;
  /** of the picture; 0 for one that was refused */
  bytes: number;
  seconds: number;
}

/** Something the server does by itself, and how that goes. */
export interface BackgroundRecord {
  name: string;
  ok: boolean;
  /** RFC 3339; null: never, or not known */
  lastSuccess: string | null;
  lastError: string | null;
  details?: string;
}

/** How large the database is, and its tables by name. */
export interface DatabaseFigures {
  /** as `17.2` */
  version: string;
  sizeBytes: number;
  tables: { name: string; rows: number; lastWrite: Date | null; sizeBytes: number }[];
}

/** What the operations pages look at; each call measures now. */
export interface ServerState {
  /** of the disk that holds the data folder */
  disk(): Promise<{ freeBytes: number; totalBytes: number }>;
  segments(): Promise<{ count: number; bytes: number }>;
  database: { kind: 'postgres' | 'pglite'; ask(): Promise<void>; figures(): Promise<DatabaseFigures> };
  jobCounts(): Promise<Record<JobState, number>>;
  /** devices that are online, and all */
  devices(): Promise<{ online: number; total: number }>;
  outboxWaiting(): Promise<number>;
  mqttConnections(): number;
  flows(): { state: string; reason?: string };
  /** folders that must be writable, by their name below the data folder */
  folders: readonly { name: string; path: string }[];
  background(): Promise<BackgroundRecord[]>;
}

/** One figure with a limit, in `GET /api/v1/metrics`. */
export interface AlertReading extends AlertRule {
  /** null: cannot be measured here */
  value: number | null;
  level: AlertLevel;
}

const level = () => Type.Enum(ALERT_LEVELS);
const count = (description?: string) => Type.Integer(description === undefined ? {} : { description });

/** `GET /api/v1/metrics`. Parts that could not be measured are null. */
export const MetricsAnswer = Type.Object(
  {
    at: time(),
    level: Type.Enum(ALERT_LEVELS, { description: 'the worst of `alerts`, `database` and `flows`' }),
    alerts: Type.Array(
      Type.Object({
        metric: Type.Enum(ALERT_METRICS),
        bad_when: Type.Enum(['high', 'low']),
        watch: nullable(Type.Number()),
        bad: nullable(Type.Number()),
        runbook: Type.String(),
        value: nullable(Type.Number(), { description: 'null: cannot be measured here' }),
        level: level(),
      }),
    ),
    ingest: Type.Object({
      since: Type.String({ description: 'counted from here: the start of the server, at most an hour ago' }),
      success: count(),
      failures: count(),
      duplicates: count(),
      failures_by_code: Type.Record(Type.String(), Type.Number()),
      bytes: count(),
      answer_ms: nullable(Type.Number({ description: 'mean time to an answer' })),
      success_total: Type.Integer({ minimum: 0, description: 'since the start of the server' }),
      failures_total: count(),
      series: Type.Array(Type.Object({ at: time(), success: count(), failures: count() }), {
        description: 'the hour in twelve pieces of five minutes, the oldest first',
      }),
    }),
    queue: nullable(
      Type.Object({
        depth: count(),
        by_state: JobCounts,
      }),
    ),
    disk: nullable(
      Type.Object({ free_bytes: count(), total_bytes: count(), segments: count(), segments_bytes: count() }),
    ),
    database: Type.Object({
      kind: Type.Enum(['postgres', 'pglite']),
      up: Type.Boolean(),
      answer_ms: nullable(Type.Number()),
      level: level(),
      version: nullable(Type.String()),
      size_bytes: nullable(count()),
      tables: nullable(
        Type.Array(
          Type.Object({
            name: Type.String(),
            rows: count('an estimate where there are very many'),
            last_write: nullable(time()),
            size_bytes: count('with its indexes'),
          }),
        ),
      ),
    }),
    devices: nullable(Type.Object({ online: count(), total: count() })),
    events_waiting: nullable(count()),
    mqtt_connections: count(),
    flows: Type.Object({ state: Type.String(), reason: nullable(Type.String()), level: level() }),
    system: Type.Object({
      cpu_load: Type.Array(Type.Number(), { description: 'over 1, 5 and 15 minutes' }),
      cpus: count(),
      memory_total_bytes: count(),
      memory_available_bytes: count(),
      process_rss_bytes: count(),
      uptime_s: count(),
      temperature_c: nullable(Type.Number()),
    }),
  },
  { title: 'MetricsAnswer' },
);
export type MetricsAnswer = Static<typeof MetricsAnswer>;
