import { MetricsAnswer } from '../../contracts/metrics.ts';
import type { RouteSpec } from '../route.ts';
import { type SystemMetricsParts, systemMetrics } from '../system-metrics.ts';

/** The server's own figures, for people; `/metrics` has them for Prometheus. */
export function metricsRoutes(parts: SystemMetricsParts): RouteSpec[] {
  return [
    {
      method: 'get',
      path: '/metrics',
      access: 'operator',
      tag: 'operations',
      summary: 'Ingest of the last hour, queue, disk, database, system; each figure with a limit says ok, watch or bad',
      answer: MetricsAnswer,
      handle: () => systemMetrics(parts),
    },
  ];
}
