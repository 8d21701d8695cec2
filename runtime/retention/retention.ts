import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import type { RetentionHost } from '../contracts/host.ts';
import type { RetentionReport, RetentionStatus } from '../contracts/retention.ts';
import type { RetentionService } from '../contracts/services.ts';
import { writeAudit } from '../db/audit.repo.ts';
import { requestedImages } from '../db/images.repo.ts';
import { keptCaptures } from '../db/retention.repo.ts';
import { imageTotals, keptEvents } from '../db/retention-images.repo.ts';
import {
  closeInterruptedRuns,
  insertRetentionRun,
  lastRetentionRun,
  updateRetentionRun,
} from '../db/retention-runs.repo.ts';
import { ensureFolder } from '../lib/files.ts';
import type { Part } from '../lib/part.ts';
import { ClockWatch } from './clock-watch.ts';
import { DiskWatch } from './disk-watch.ts';
import { Run, type RunParts } from './run.ts';
import { type Job, Work } from './work.ts';

/** Kept things named in the status. */
const KEPT_NAMED = 200;

export interface RetentionOptions extends RunParts {
  /** how often the free disk is looked at */
  checkMs?: number;
}

export interface Retention extends Part, RetentionService {
  /** for nodes */
  readonly host: RetentionHost;
}

/**
 * Deletes what the rules say, when it is asked to, and by itself when the disk gets full. One run at a time; what a killed run had
 * begun the next one ends. To be started after the segments were replayed.
 */
export function createRetention(options: RetentionOptions): Retention {
  const { checkMs = 60_000, ...rest } = options;
  const { db, clock, limits, folder } = rest;
  const log = rest.log.child('retention');
  const parts: RunParts = { ...rest, log };
  const clocks = new ClockWatch(clock);
  const work = new Work(clocks, clock);
  let running: Promise<RetentionReport> | undefined;
  let stopping = new AbortController();

  /** Runs one job, with a record of it unless it is a dry one. */
  async function perform(job: Job, dry: boolean, askedBy: string): Promise<RetentionReport> {
    const run = new Run(parts, {
      dry,
      work: job === 'disk' ? 'space' : job,
      askedBy,
      startedAt: clock.now(),
      signal: stopping.signal,
    });
    const { report } = run;
    const id = dry ? undefined : await insertRetentionRun(db, report);
    const end = async (state: RetentionReport['state']) => {
      report.state = state;
      report.finished_at = new Date(clock.now()).toISOString();
      if (id !== undefined) await updateRetentionRun(db, id, report);
    };
    let outcome: 'done' | 'halted' | 'alarm';
    try {
      outcome = await work.perform(run, job);
      await end(outcome === 'done' ? 'done' : 'halted');
    } catch (error) {
      if (stopping.signal.aborted) {
        await end('interrupted');
        return report;
      }
      run.note(error instanceof Error ? error.message : String(error));
      await end('failed').catch((cause) => log.warn('the end of a run could not be noted', { error: cause }));
      log.error('retention failed', { report, error });
      throw error;
    }
    if (dry) return report;
    if (outcome === 'alarm') log.error('retention halted: clocks disagree, and more than a share is old', { report });
    else if (outcome === 'halted') log.warn('retention halted: more than a share is old', { report });
    else log.info('retention ran', { report });
    return report;
  }

  function begin(job: Job, dry: boolean, askedBy: string): Promise<RetentionReport> {
    if (running) throw new AppError('retention.running', 'a run is under way', { retryAfterS: 10 });
    running = perform(job, dry, askedBy).finally(() => {
      running = undefined;
    });
    return running;
  }

  const disk = new DiskWatch({
    clock,
    log,
    everyMs: checkMs,
    minFreeBytes: limits.minFreeBytes,
    freeBytes: parts.freeBytes,
    onLook: () => clocks.look(),
    async makeRoom() {
      await running?.catch(() => undefined);
      return begin('disk', false, 'disk');
    },
  });

  return {
    host: { run: async ({ dryRun, work: wanted }) => begin(wanted, dryRun, 'flow') },

    async run({ dryRun, work: wanted, actor }) {
      const started = begin(wanted, dryRun, actor.name);
      if (!dryRun) {
        const entry = { actor: actor.name, action: 'retention.run', object: 'retention', ip: actor.ip };
        // The run counts, not its trace: without this, a trace that fails would leave the run's own failure unheard.
        await Promise.allSettled([started, writeAudit(db, { ...entry, details: { work: wanted } })]);
      }
      return started;
    },

    async status(): Promise<RetentionStatus> {
      const [last, segments, images, free, events, captures, requested] = await Promise.all([
        lastRetentionRun(db),
        parts.store.segments(),
        imageTotals(db),
        parts.freeBytes(),
        keptEvents(db, KEPT_NAMED),
        keptCaptures(db, KEPT_NAMED),
        requestedImages(db, KEPT_NAMED),
      ]);
      const kept = [...events.items, ...captures.items, ...requested.items].sort((a, b) => b.bytes - a.bytes);
      const next = disk.nextLook();
      return {
        last_run: last ?? null,
        next: next === undefined ? null : { at: new Date(next).toISOString(), what: 'the free disk is looked at' },
        usage: {
          segments_bytes: segments.reduce((sum, { size }) => sum + size, 0),
          event_images_bytes: images.bytes,
          free_bytes: free,
          kept: kept.slice(0, KEPT_NAMED),
          kept_bytes: events.bytes + captures.bytes + requested.bytes,
        },
        limits: {
          event_images_days: limits.eventImagesDays,
          staging_hours: limits.stagingHours,
          max_bytes: limits.maxBytes ?? null,
          min_free_bytes: limits.minFreeBytes,
          unfinished_bytes: limits.unfinishedBytes,
          share_in_doubt: limits.shareInDoubt,
        },
      };
    },

    async start() {
      stopping = new AbortController();
      await ensureFolder(join(folder, 'events'));
      const left = await closeInterruptedRuns(db);
      if (left > 0) log.warn('a run was interrupted; the next one ends what it had begun', { runs: left });
      disk.start();
    },

    async stop() {
      stopping.abort();
      disk.stop();
      await running?.catch(() => undefined);
    },
  };
}
