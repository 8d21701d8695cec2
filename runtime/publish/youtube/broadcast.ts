import type { Clock, Log, Release } from '../../contracts/host.ts';
import type { BroadcastWish, StreamRecord } from '../../contracts/published.ts';
import type { PushHost, PushSpec } from '../../contracts/pushes.ts';
import {
  type BroadcastRow,
  insertBroadcast,
  isBroadcastKnown,
  lastIngest,
  openBroadcast,
  updateBroadcast,
} from '../../db/broadcasts.repo.ts';
import type { Db } from '../../db/db.ts';
import { forgetVideo, upsertVideo } from '../../db/videos.repo.ts';
import type { PlacedSpec } from '../placed-pushes.ts';
import type { Ingest, IngestType, YoutubeCalls } from './calls.ts';
import { issuesInWords, readTrouble, type Trouble, troubleOf } from './trouble.ts';

/** Until it is live; each look costs a unit or two of 10,000 a day. */
const START_LOOK_MS = 10_000;
const LIVE_LOOK_MS = 60_000;
/** A broadcast that could not be ended is tried again after so long. */
const END_AGAIN_MS = 60_000;
/** While Google is not reached, a start is tried again after so long. */
const START_AGAIN_MS = 30_000;
/** YouTube takes no start that is over when it hears of it; the broadcast begins with its picture all the same. */
const START_AHEAD_MS = 60_000;
/** A timer holds 24 days at most, and clocks drift: a far start is looked at again by then. */
const LONGEST_WAIT_MS = 3_600_000;
/** Auto-start is given so many looks after the picture is there; then it is started by hand. */
const PATIENCE = 2;

/** What feeds broadcasts, wherever the pushes run. */
export interface BroadcastPushes extends Pick<PushHost, 'switchOn' | 'forget' | 'status' | 'list'> {
  declare(spec: PushSpec & Pick<PlacedSpec, 'pushedBy' | 'broadcast'>): Release;
}

export interface BroadcastParts {
  db: Db;
  calls: YoutubeCalls;
  pushes: BroadcastPushes;
  /** how a camera that sends by itself does it; undefined for every other */
  ingestion?: (camera: string) => Promise<IngestType | undefined>;
  clock: Clock;
  log: Log;
  /** Google takes the account's token no more. */
  onRevoked(reason: string): Promise<void>;
}

/**
 * One stream to YouTube: begun in steps that are written down before the next one, so that a crash between any two leaves nothing
 * that is not taken up, or taken back, at the next start. Switching is idempotent.
 */
export class Broadcast {
  readonly name: string;
  #camera: string;
  #wish: BroadcastWish;
  readonly #parts: BroadcastParts;
  readonly #onChange: () => void;
  #state: StreamRecord['state'] = 'idle';
  #reason: string | undefined;
  #url: string | undefined;
  /** the one that is or was on: what was wished then */
  #row: BroadcastRow | undefined;
  #since: number;
  #wanted = false;
  #looks = 0;
  #cancel: Release = () => undefined;
  #release: Release = () => undefined;
  #work: Promise<void> = Promise.resolve();

  /** `onChange`: state, reason or address is another one. */
  constructor(
    spec: { name: string; camera: string; wish: BroadcastWish },
    parts: BroadcastParts,
    onChange: () => void = () => undefined,
  ) {
    this.name = spec.name;
    this.#camera = spec.camera;
    this.#wish = spec.wish;
    this.#parts = parts;
    this.#onChange = onChange;
    this.#since = parts.clock.now();
  }

  get camera(): string {
    return this.#camera;
  }

  get wish(): BroadcastWish {
    return this.#wish;
  }

  /** Another camera or other wishes, from the next start on. */
  change(camera: string, wish: BroadcastWish): void {
    this.#camera = camera;
    this.#wish = wish;
  }

  /** name of the push that feeds it */
  get push(): string {
    return `youtube.${this.name}`;
  }

  status() {
    return {
      state: this.#state,
      reason: this.#reason,
      url: this.#url,
      title: this.#row?.title,
      since: this.#since,
      wanted: this.#wanted,
    };
  }

  /** Begins or goes on with it; resolves when the push is on its way, or it has failed (its status says why). One that failed begins anew. */
  start(): Promise<void> {
    if (this.#wanted && this.#state !== 'failed') return this.#work;
    this.#wanted = true;
    return this.#inTurn(() => this.#begin());
  }

  /** Ends the broadcast at YouTube first, then the push; what could not be ended is tried again. */
  stop(): Promise<void> {
    this.#wanted = false;
    this.#cancel();
    return this.#inTurn(() => this.#end());
  }

  /** The server stops: nothing is ended, the next start goes on with it. */
  async leave(): Promise<void> {
    this.#wanted = false;
    this.#cancel();
    this.#release();
    await this.#work;
    this.#cancel();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work
      .then(work)
      .catch((error) => this.#parts.log.error('a broadcast went wrong', { stream: this.name, error }));
    return this.#work;
  }

  async #begin(): Promise<void> {
    const { db, clock } = this.#parts;
    if (!this.#wanted) return;
    this.#show('connecting', 'telling YouTube');
    let row = await openBroadcast(db, this.name);
    if (row?.state === 'ending') {
      await this.#end();
      row = await openBroadcast(db, this.name);
      if (row) {
        this.#beginAgain();
        return;
      }
    }
    const isNew = row === undefined;
    row ??= await insertBroadcast(db, {
      stream: this.name,
      camera: this.camera,
      title: this.#wish.title ?? `${this.camera} ${new Date(clock.now()).toISOString().slice(0, 16).replace('T', ' ')}`,
      config: this.#wish,
      createdAt: startOf(this.#wish, clock.now()),
    });
    await this.#make(row, isNew);
  }

  /** Each step only where it is not done yet: a row of before a crash is gone on with. */
  async #make(row: BroadcastRow, isNew: boolean): Promise<void> {
    const { db, calls, clock } = this.#parts;
    const wish = row.config as BroadcastWish;
    let made: string | undefined = row.broadcastId ?? undefined;
    try {
      // It may have been made just before a crash.
      if (!isNew) made ??= await calls.findBroadcast(row.title, row.createdAt, (id) => isBroadcastKnown(db, id));
      if (made === undefined && row.createdAt.getTime() <= clock.now()) {
        await updateBroadcast(db, row.id, { state: 'failed', reason: 'interrupted', endedAt: new Date(clock.now()) });
        return await this.#begin();
      }
      made ??= await calls.insertBroadcast(row.title, row.createdAt, wish);
      this.#url = `https://youtube.com/watch?v=${made}`;
      await updateBroadcast(db, row.id, { broadcastId: made, url: this.#url });
      const ingest = await this.#ingest(row);
      await updateBroadcast(db, row.id, { ingestId: ingest.id });
      if (row.liveAt === null) await calls.bind(made, ingest.id);
      this.#row = row;
      // From now on it is a recording of its product; it is forgotten again if nothing of it is ever seen.
      await this.#video(made, row.liveAt);
      this.#feedAt(row, made, ingest);
    } catch (error) {
      const trouble = readTrouble(error);
      // Nobody said no, or it is on the air already, which is not ended for a quota or a bad line.
      const isKept = trouble.isPassing || (row.liveAt !== null && !trouble.isRevoked);
      if (!isKept) {
        await this.#takeBack(row, made, trouble);
        return;
      }
      this.#show(row.liveAt === null ? 'waiting' : 'stalled', trouble.words);
      this.#beginAgain();
    }
  }

  #beginAgain(): void {
    this.#cancel();
    this.#cancel = this.#parts.clock.after(START_AGAIN_MS, () => void this.#inTurn(() => this.#begin()));
  }

  /** Feeds it, at once or, where it is for a later time, then: it goes live with its first picture. */
  #feedAt(row: BroadcastRow, made: string, ingest: Ingest): void {
    const { clock } = this.#parts;
    const waitMs = isScheduled(row) && row.liveAt === null ? row.createdAt.getTime() - clock.now() : 0;
    if (waitMs > 0) {
      this.#show('waiting', `begins at ${row.createdAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`);
      this.#cancel = clock.after(Math.min(waitMs, LONGEST_WAIT_MS), () => {
        void this.#inTurn(async () => {
          if (this.#wanted) this.#feedAt(row, made, ingest);
        });
      });
      return;
    }
    this.#feed(row, made, ingest);
    this.#looks = 0;
    this.#show('connecting', 'waiting for the picture to reach YouTube');
    this.#lookLater(row.id, made, ingest.id, row.liveAt !== null);
  }

  /** The camera's ingest from the last time, as long as it is there: YouTube wants them reused. */
  async #ingest(row: BroadcastRow): Promise<Ingest> {
    const { db, calls } = this.#parts;
    const type = (await this.#parts.ingestion?.(row.camera)) ?? 'rtmp';
    const known = row.ingestId ?? (await lastIngest(db, row.camera));
    const found = known === undefined ? undefined : await calls.findIngest(known);
    // A camera that was put in the place of another may send otherwise.
    return found?.type === type ? found : calls.insertIngest(`Redeye ${row.camera}`, type);
  }

  #feed({ camera, config }: BroadcastRow, made: string, { url, key }: Ingest): void {
    const { pushes } = this.#parts;
    const before = this.#release;
    const { pushed_by: pushedBy } = config as BroadcastWish;
    const spec = { name: this.push, camera, url, key, sound: 'auto' } as const;
    this.#release = pushes.declare({ ...spec, broadcast: made, ...(pushedBy && { pushedBy }) });
    before();
    pushes.switchOn(this.push);
  }

  /** What was half done is undone: no broadcast stays behind that nobody feeds. */
  async #takeBack(row: BroadcastRow, made: string | undefined, trouble: Trouble): Promise<void> {
    const { db, calls, log, pushes, onRevoked, clock } = this.#parts;
    log.warn('a broadcast could not be begun', { stream: this.name, reason: trouble.words, code: trouble.code });
    if (trouble.isRevoked) await onRevoked(trouble.words);
    pushes.forget(this.push);
    if (made !== undefined && row.liveAt === null)
      await calls
        .deleteBroadcast(made)
        .then(() => forgetVideo(db, made))
        .catch((error) => log.warn('a broadcast is left at YouTube', { id: made, reason: troubleOf(error).words }));
    await updateBroadcast(db, row.id, { state: 'failed', reason: trouble.words, endedAt: new Date(clock.now()) });
    this.#url = undefined;
    this.#show('failed', trouble.words);
  }

  #lookLater(row: number, broadcast: string, ingest: string, isLive: boolean): void {
    this.#cancel = this.#parts.clock.after(isLive ? LIVE_LOOK_MS : START_LOOK_MS, () => {
      void this.#inTurn(async () => {
        if (!this.#wanted) return;
        const live = await this.#look(row, broadcast, ingest, isLive).catch(async (error: unknown) => {
          const trouble = troubleOf(error);
          if (trouble.isRevoked) await this.#parts.onRevoked(trouble.words);
          // It goes on without being looked after: the push does not depend on this.
          this.#show(this.#state, trouble.words);
          return isLive;
        });
        if (this.#wanted && live !== undefined) this.#lookLater(row, broadcast, ingest, live);
      });
    });
  }

  /** Answers whether it is live; undefined: over. Only `active` counts as a picture that arrives: `ready` means none has yet. */
  async #look(row: number, broadcast: string, ingest: string, isLive: boolean): Promise<boolean | undefined> {
    const { calls, db, clock, pushes } = this.#parts;
    const { status, verdict, issues } = await calls.health(ingest);
    const lifeCycle = status === 'active' || isLive ? await calls.lifeCycle(broadcast) : 'ready';
    if (lifeCycle === undefined || lifeCycle === 'complete' || lifeCycle === 'revoked') {
      pushes.forget(this.push);
      const reason =
        lifeCycle === 'revoked' ? 'YouTube has taken the broadcast down' : 'the broadcast was ended at YouTube';
      await updateBroadcast(db, row, { state: 'complete', reason, endedAt: new Date(clock.now()) });
      this.#show('failed', reason);
      return undefined;
    }
    if (status !== 'active') {
      const { reason } = pushes.status(this.push);
      this.#show(isLive ? 'stalled' : 'connecting', reason ?? 'no picture reaches YouTube');
      return isLive;
    }
    if (lifeCycle === 'live') {
      if (!isLive) {
        const liveAt = new Date(clock.now());
        await updateBroadcast(db, row, { state: 'live', liveAt });
        await this.#video(broadcast, liveAt);
      }
      this.#show('live', issuesInWords(issues, verdict));
      return true;
    }
    this.#looks += 1;
    this.#show('connecting', 'YouTube has the picture and is about to go live');
    if (this.#looks > PATIENCE)
      await calls.transition(broadcast, 'live').catch((error: unknown) => {
        if (troubleOf(error).code !== 'redundantTransition') throw error;
      });
    return false;
  }

  async #end(): Promise<void> {
    const { db, calls, clock, pushes, log } = this.#parts;
    const row = await openBroadcast(db, this.name);
    if (row) {
      this.#row = row;
      await updateBroadcast(db, row.id, { state: 'ending' });
      this.#show('waiting', 'telling YouTube the end');
      try {
        const made =
          row.broadcastId ?? (await calls.findBroadcast(row.title, row.createdAt, (id) => isBroadcastKnown(db, id)));
        const isKept = made !== undefined && ((await this.#complete(made)) || row.liveAt !== null);
        await updateBroadcast(db, row.id, { state: 'complete', endedAt: new Date(clock.now()) });
        if (isKept) await this.#video(made, row.liveAt, new Date(clock.now()));
        else if (made !== undefined) await forgetVideo(db, made);
      } catch (error) {
        const { words } = troubleOf(error);
        log.warn('a broadcast could not be ended', { stream: this.name, reason: words });
        pushes.forget(this.push);
        this.#show('waiting', `off the air, but YouTube was not told: ${words}`);
        this.#cancel = clock.after(END_AGAIN_MS, () => void (!this.#wanted && this.#inTurn(() => this.#end())));
        return;
      }
    }
    pushes.forget(this.push);
    this.#release();
    this.#show('idle');
  }

  /** What was live is completed, which keeps the recording; what never was is deleted. Answers whether there is a recording. */
  async #complete(broadcast: string): Promise<boolean> {
    const { calls } = this.#parts;
    const lifeCycle = await calls.lifeCycle(broadcast);
    if (lifeCycle === 'complete' || lifeCycle === 'revoked') return true;
    if (lifeCycle === undefined) return false;
    if (lifeCycle !== 'live' && lifeCycle !== 'liveStarting') {
      await calls.deleteBroadcast(broadcast);
      return false;
    }
    await calls.transition(broadcast, 'complete').catch((error: unknown) => {
      if (troubleOf(error).code !== 'redundantTransition') throw error;
    });
    return true;
  }

  async #video(broadcast: string, startedAt: Date | null, endedAt: Date | null = null): Promise<void> {
    const { db, clock } = this.#parts;
    const wish = (this.#row?.config ?? this.#wish) as BroadcastWish;
    await upsertVideo(db, {
      url: `https://youtube.com/watch?v=${broadcast}`,
      title: this.#row?.title ?? null,
      description: wish.description ?? null,
      camera: this.#row?.camera ?? this.camera,
      productId: wish.product_id ?? null,
      userId: null,
      youtubeId: broadcast,
      metadata: { stream: this.name },
      startedAt,
      endedAt,
      at: new Date(clock.now()),
    });
  }

  #show(state: StreamRecord['state'], reason?: string): void {
    if (state !== this.#state) this.#since = this.#parts.clock.now();
    this.#state = state;
    this.#reason = reason;
    this.#onChange();
  }
}

/** When YouTube is told that it begins, in whole seconds, as YouTube keeps it; also what it is recognised by. */
function startOf({ scheduled_at }: BroadcastWish, now: number): Date {
  const wanted = scheduled_at === undefined ? 0 : Date.parse(scheduled_at);
  return new Date(Math.ceil(Math.max(wanted, now + START_AHEAD_MS) / 1000) * 1000);
}

/** Whether its time is the one that was asked for, not the nearest that YouTube takes. */
function isScheduled({ config, createdAt }: BroadcastRow): boolean {
  const { scheduled_at } = config as BroadcastWish;
  return scheduled_at !== undefined && Math.ceil(Date.parse(scheduled_at) / 1000) * 1000 === createdAt.getTime();
}
