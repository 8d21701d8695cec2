import { type AlertLevel, type AlertMetric, levelOf, rulesFor, worstOf } from '../contracts/alerts.ts';
import type { Clock } from '../contracts/host.ts';
import type { MetricsAnswer, ServerState } from '../contracts/metrics.ts';
import { machineState } from '../lib/machine.ts';
import type { FrameCounts } from './frame-counts.ts';

export interface SystemMetricsParts {
  state: ServerState;
  frames: FrameCounts;
  clock: Clock;
  machine?: typeof machineState;
}

/** Measures everything that operators look at and says how each figure stands. What cannot be measured now is null. */
export async function systemMetrics({
  state,
  frames,
  clock,
  machine = machineState,
}: SystemMetricsParts): Promise<MetricsAnswer> {
  const [system, disk, segments, jobs, devices, waiting, database, tables] = await Promise.all([
    machine(),
    orNull(state.disk()),
    orNull(state.segments()),
    orNull(state.jobCounts()),
    orNull(state.devices()),
    orNull(state.outboxWaiting()),
    answerTime(state, clock),
    orNull(state.database.figures()),
  ]);
  const ingest = frames.lastHour();
  const depth = jobs ? jobs.queued + jobs.failed : null;
  const values: Record<AlertMetric, number | null> = {
    temperature_c: system.temperatureC,
    disk_free_bytes: disk?.freeBytes ?? null,
    queue_depth: depth,
    ingest_failures_1h: ingest.failures,
    dead_jobs: jobs?.dead ?? null,
  };
  const alerts = rulesFor(disk?.totalBytes ?? Number.POSITIVE_INFINITY).map((rule) => {
    const value = values[rule.metric];
    return { ...rule, value, level: levelOf(rule, value) };
  });
  const flows = state.flows();
  const flowsLevel: AlertLevel =
    flows.state === 'running' ? 'ok' : ['starting', 'stopped'].includes(flows.state) ? 'watch' : 'bad';
  const databaseLevel: AlertLevel = database === null ? 'bad' : 'ok';
  return {
    at: new Date(clock.now()).toISOString(),
    level: worstOf([...alerts.map(({ level }) => level), flowsLevel, databaseLevel]),
    alerts,
    ingest,
    queue: jobs && { depth: jobs.queued + jobs.failed, by_state: jobs },
    disk: disk &&
      segments && {
        free_bytes: disk.freeBytes,
        total_bytes: disk.totalBytes,
        segments: segments.count,
        segments_bytes: segments.bytes,
      },
    database: {
      kind: state.database.kind,
      up: database !== null,
      answer_ms: database,
      level: databaseLevel,
      version: tables?.version ?? null,
      size_bytes: tables?.sizeBytes ?? null,
      tables:
        tables?.tables.map(({ name, rows, lastWrite, sizeBytes }) => {
          return { name, rows, last_write: lastWrite?.toISOString() ?? null, size_bytes: sizeBytes };
        }) ?? null,
    },
    devices,
    events_waiting: waiting,
    mqtt_connections: state.mqttConnections(),
    flows: { state: flows.state, reason: flows.reason ?? null, level: flowsLevel },
    system: {
      cpu_load: system.cpuLoad,
      cpus: system.cpus,
      memory_total_bytes: system.memoryTotalBytes,
      memory_available_bytes: system.memoryAvailableBytes,
      process_rss_bytes: process.memoryUsage.rss(),
      uptime_s: Math.round(process.uptime()),
      temperature_c: system.temperatureC,
    },
  };
}

/** How long the database took to answer, ms; null when it did not. */
async function answerTime(state: ServerState, clock: Clock): Promise<number | null> {
  const askedAt = clock.monotonicMs();
  return orNull(state.database.ask().then(() => Math.round((clock.monotonicMs() - askedAt) * 10) / 10));
}

async function orNull<T>(wanted: Promise<T>): Promise<T | null> {
  try {
    return await wanted;
  } catch {
    // Said by the null; whoever failed has logged it.
    return null;
  }
}
