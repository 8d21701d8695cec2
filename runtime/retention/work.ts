import type { Clock } from '../contracts/host.ts';
import type { RetentionWork } from '../contracts/retention.ts';
import {
  countCaptures,
  countLeftovers,
  databaseTime,
  deleteDeadJobs,
  deleteEndedLogins,
  unfinishedBytes,
} from '../db/retention.repo.ts';
import { countEventsWithImages } from '../db/retention-images.repo.ts';
import { listRetentionRules } from '../db/retention-rules.repo.ts';
import { deleteOldRuns } from '../db/retention-runs.repo.ts';
import { expireCaptures, expireEventImages } from './by-age.ts';
import { gigabytes, limitCameras, limitFreeDisk, limitSize } from './by-space.ts';
import { type ClockWatch, inWords, type JudgedTime, judgeTime, type Moment } from './clock-watch.ts';
import { finishBegunImages } from './event-images.ts';
import { DEAD_JOB_MS, HOUR_MS, ORPHAN_AGE_MS, RUN_RECORD_MS } from './limits.ts';
import { removeOrphans } from './orphans.ts';
import type { Run, Share } from './run.ts';
import { finishBegunSegments, removeFreeSegments } from './segments.ts';

/** `disk`: only what the free disk asks for. */
export type Job = RetentionWork | 'disk';

type Halt = 'halted' | 'alarm' | undefined;
type Kind = 'frames' | 'pictures of events';

/** So long a jump is what people are told of, even where a halt has come in between. */
const RECENT_JUMP_MS = 26 * HOUR_MS;

/**
 * The steps of a run in their order, and what is remembered from one to the next: whether everything old was gone at some moment since
 * which the clocks have gone on evenly. Then whatever is old now has become so by itself, and all of it may go. Else (a first run, a
 * clock that jumped) a run deletes by age no more than its share.
 */
export class Work {
  readonly #clocks: ClockWatch;
  readonly #clock: Clock;
  readonly #clean = new Map<Kind, Moment>();

  constructor(clocks: ClockWatch, clock: Clock) {
    this.#clocks = clocks;
    this.#clock = clock;
  }

  /** Answers `halted` when the share was reached; `alarm` when that was so because clocks disagree, and not after a plain pause. */
  async perform(run: Run, job: Job): Promise<'done' | 'halted' | 'alarm'> {
    const { db, limits, log } = run.parts;
    this.#clocks.look();
    const time = judgeTime(this.#clock.now(), await databaseTime(db));
    for (const doubt of time.doubts) run.note(doubt);
    const backlog = await unfinishedBytes(db);
    run.report.unfinished.bytes = backlog;
    run.unfinishedLeft = Math.max(0, backlog - limits.unfinishedBytes);

    await finishBegunSegments(run);
    await finishBegunImages(run);
    const halts: Halt[] = [];
    if (job !== 'disk') {
      const rules = await listRetentionRules(db);
      halts.push(await this.#byAge(run, 'frames', time, (share) => expireCaptures(run, time.now, rules, share)));
      if (job === 'all') {
        const expire = (share: Share | undefined) => expireEventImages(run, time.now, rules, share);
        halts.push(await this.#byAge(run, 'pictures of events', time, expire));
      }
      await limitCameras(run, rules);
    }
    await removeFreeSegments(run);
    await limitSize(run);
    await limitFreeDisk(run);
    const halted = halts.some((halt) => halt !== undefined);
    if (job === 'all') await this.#sweep(run, time, halted);

    const { deleted_captures: lost } = run.report.unfinished;
    if (lost > 0) {
      run.note(`${lost} frames went unanalysed: more than ${gigabytes(limits.unfinishedBytes)} wait for analysis`);
      if (!run.dry)
        log.error('frames were deleted before they were analysed', { frames: lost, waiting_bytes: backlog });
    }
    if (!halted) return 'done';
    return halts.includes('alarm') ? 'alarm' : 'halted';
  }

  /** Deletes by age, all of it or a share; answers a halt when the share was too small. */
  async #byAge(
    run: Run,
    kind: Kind,
    time: JudgedTime,
    expire: (share: Share | undefined) => Promise<void>,
  ): Promise<Halt> {
    const doubt = this.#doubt(kind, time);
    const share = doubt === undefined ? undefined : await this.#share(run, kind);
    const begun = this.#clocks.moment();
    await expire(share);
    if (share?.more) {
      run.note(
        `${kind}: halted after ${Math.round(run.parts.limits.shareInDoubt * 100)} % of them, since ${doubt?.why}; ` +
          'is the clock right? The next run goes on',
      );
      if (!run.dry) this.#clean.delete(kind);
      return doubt?.alarming ? 'alarm' : 'halted';
    }
    if (!run.dry) this.#clean.set(kind, begun);
    return undefined;
  }

  /** Why what is old may not be old; undefined when it surely is. */
  #doubt(kind: Kind, time: JudgedTime): { why: string; alarming: boolean } | undefined {
    const clean = this.#clean.get(kind);
    if (time.doubts[0] !== undefined) return { why: time.doubts[0], alarming: true };
    const even = clean !== undefined && this.#clocks.passedEvenly(clean);
    if ((clean && !even) || (!clean && this.#clocks.steadyMs() < RECENT_JUMP_MS)) {
      return { why: 'the clock has jumped', alarming: true };
    }
    if (!clean) return { why: 'no run since the start of the server has reached the end of them', alarming: false };
    if (!this.#clocks.isRecent(clean)) {
      return { why: `the last run was ${inWords(this.#clock.now() - clean.wall)} ago`, alarming: false };
    }
    return undefined;
  }

  async #share(run: Run, kind: Kind): Promise<Share> {
    const { db, limits } = run.parts;
    const all = kind === 'frames' ? await countCaptures(db) : await countEventsWithImages(db);
    return { left: Math.max(1, Math.floor(all * limits.shareInDoubt)), more: false };
  }

  /** What nobody needs any more. By age only while time is not in doubt. */
  async #sweep(run: Run, time: JudgedTime, halted: boolean): Promise<void> {
    const now = this.#clock.now();
    this.#clocks.look();
    if (this.#clocks.steadyMs() > ORPHAN_AGE_MS) await removeOrphans(run, now);
    else run.note('files without a row wait: the clock has jumped within the last hour');
    if (halted || time.doubts.length > 0) return;
    const { db } = run.parts;
    const { deleted } = run.report;
    const before = { logins: time.now, jobs: time.now - DEAD_JOB_MS };
    if (run.dry) {
      Object.assign(deleted, await countLeftovers(db, before));
      return;
    }
    deleted.tokens = await deleteEndedLogins(db, before.logins);
    deleted.jobs = await deleteDeadJobs(db, before.jobs);
    await deleteOldRuns(db, time.now - RUN_RECORD_MS);
  }
}
