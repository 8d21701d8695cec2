import type { AlertLevel, AlertRule } from './alerts.ts';
import type { JobState } from './jobs.ts';

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

/** What the operations pages look at; each call measures now. */
export interface ServerState {
  /** of the disk that holds the data folder */
  disk(): Promise<{ freeBytes: number; totalBytes: number }>;
  segments(): Promise<{ count: number; bytes: number }>;
  database: { kind: 'postgres' | 'pglite'; ask(): Promise<void> };
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

/** `GET /api/v1/metrics`. Parts that could not be measured are null. */
export interface MetricsAnswer {
  at: string;
  /** the worst of `alerts`, `database` and `flows` */
  level: AlertLevel;
  alerts: AlertReading[];
  ingest: {
    /** counted from here: the start of the server, at most an hour ago */
    since: string;
    success: number;
    failures: number;
    duplicates: number;
    failures_by_code: Record<string, number>;
    bytes: number;
  };
  queue: { depth: number; by_state: Record<JobState, number> } | null;
  disk: { free_bytes: number; total_bytes: number; segments: number; segments_bytes: number } | null;
  database: { kind: 'postgres' | 'pglite'; up: boolean; answer_ms: number | null; level: AlertLevel };
  devices: { online: number; total: number } | null;
  events_waiting: number | null;
  mqtt_connections: number;
  flows: { state: string; reason: string | null; level: AlertLevel };
  system: {
    /** over 1, 5 and 15 minutes */
    cpu_load: number[];
    cpus: number;
    memory_total_bytes: number;
    memory_available_bytes: number;
    process_rss_bytes: number;
    uptime_s: number;
    temperature_c: number | null;
  };
}
