import type { EventMessage } from '../contracts/events.ts';
import type { Clock } from '../contracts/host.ts';
import type { Metrics } from '../contracts/metrics.ts';
import { createFrameCounts } from './frame-counts.ts';

/** What stages call when something has happened; each is handed to its stage by main, and none of them knows what counts. */
export function createStageCounts({ metrics, clock }: { metrics: Metrics; clock: Clock }) {
  const batchFrames = metrics.histogram({
    name: 'ingest_batch_frames',
    help: 'Frames that were made durable together',
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
  });
  const batchSeconds = metrics.histogram({
    name: 'ingest_batch_seconds',
    help: 'Time to make a batch durable: bytes synced, rows committed',
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
  });
  const attempts = metrics.counter({
    name: 'job_attempts_total',
    help: 'Analysis attempts by their end: done, failed (tried again) or dead (the last one)',
    labels: ['outcome'],
  });
  const events = metrics.counter({ name: 'events_total', help: 'Events that began, by type', labels: ['type'] });
  return {
    frames: createFrameCounts({ clock, metrics }),
    onBatch(batch: { frames: number; seconds: number }) {
      batchFrames(batch.frames);
      batchSeconds(batch.seconds);
    },
    onAttempt: (outcome: 'done' | 'failed' | 'dead') => attempts({ outcome }),
    /** a sink of the outbox */
    events: {
      name: 'metrics',
      async deliver({ phase, event }: EventMessage) {
        if (phase === 'start') events({ type: event.type });
      },
    },
  };
}
