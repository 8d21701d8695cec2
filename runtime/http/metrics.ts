import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Log } from '../contracts/host.ts';
import type { Metrics } from '../contracts/metrics.ts';

const PREFIX = 'redeye_';

export interface MetricsRegistry extends Metrics {
  /** everything, in the text format that Prometheus reads */
  text(): Promise<string>;
  contentType: string;
}

/** Collects what is counted. With `process` also memory, CPU, event loop and garbage collection of this process. */
export function createMetrics(options: { log: Log; process: boolean }): MetricsRegistry {
  const registry = new Registry();
  const registers = [registry];
  if (options.process) collectDefaultMetrics({ register: registry, prefix: PREFIX });
  const unread = new Counter({
    name: `${PREFIX}scrape_failures_total`,
    help: 'Figures that could not be read when somebody asked for them',
    labelNames: ['metric'],
    registers,
  });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),

    counter({ name, help, labels = [] }) {
      const counter = new Counter({ name: PREFIX + name, help, labelNames: [...labels], registers });
      return (given = {}, by = 1) => counter.inc(given, by);
    },

    histogram({ name, help, labels = [], buckets }) {
      const names = [...labels];
      const histogram = new Histogram({
        name: PREFIX + name,
        help,
        labelNames: names,
        buckets: [...buckets],
        registers,
      });
      return (value, given = {}) => histogram.observe(given, value);
    },

    gauge({ name, help, labels = [] }, read) {
      new Gauge({
        name: PREFIX + name,
        help,
        labelNames: [...labels],
        registers,
        async collect() {
          // An old figure would be taken for one of now.
          this.reset();
          try {
            const readings = await read();
            for (const { value, labels: given = {} } of readings) this.set(given, value);
          } catch (error) {
            // A gauge without labels shows a 0 after its reset.
            if (labels.length === 0) this.remove();
            unread.inc({ metric: PREFIX + name });
            options.log.warn('a figure could not be read', { metric: PREFIX + name, error });
          }
        },
      });
    },
  };
}
