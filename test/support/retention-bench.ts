import { existsSync } from 'node:fs';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { IMAGE_ROLES } from '../../runtime/contracts/events.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { RetentionReport, RetentionWork } from '../../runtime/contracts/retention.ts';
import type { Db } from '../../runtime/db/db.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { uuidv7 } from '../../runtime/lib/ids.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import type { RetentionLimits } from '../../runtime/retention/limits.ts';
import { createRetention, type Retention, type RetentionOptions } from '../../runtime/retention/retention.ts';
import { bytesOf, incoming, NODE_ID, openFrames } from './intake-fixture.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const OPERATOR = { name: 'user:anna' };
/** Four frames fill a segment. */
export const FRAME_BYTES = 4000;
export const SEGMENT_BYTES = 18_000;
export const IMAGE_BYTES = 1000;

export const LIMITS: RetentionLimits = {
  eventImagesDays: 7,
  stagingHours: 24,
  maxBytes: undefined,
  minFreeBytes: 0,
  unfinishedBytes: 1e9,
  shareInDoubt: 0.2,
};

/** The real clocks, until a test makes the wall clock jump. */
export class JumpingClock implements Clock {
  #ahead = 0;
  /** the monotonic clock goes along: time has passed */
  #passed = 0;

  jump(ms: number): void {
    this.#ahead += ms;
  }

  pass(ms: number): void {
    this.#ahead += ms;
    this.#passed += ms;
  }

  get ahead(): number {
    return this.#ahead;
  }

  now(): number {
    return systemClock.now() + this.#ahead;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#passed;
  }

  after(ms: number, run: () => void): () => void {
    return systemClock.after(ms, run);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}

/** The database on the same machine: its clock jumps along. */
export function onTheSameClock(db: Db, clock: JumpingClock): Db {
  return {
    kind: db.kind,
    query: (text, params) => {
      const seconds = clock.ahead / 1000;
      return db.query(text.replace('clock_timestamp()', `clock_timestamp() + interval '${seconds} seconds'`), params);
    },
    tx: (work) => db.tx(work),
    listen: (channel, onNotify) => db.listen(channel, onNotify),
    close: () => db.close(),
  };
}

/** A data folder with real segments and pictures of events, and retention over it. */
export class RetentionBench {
  readonly db: Db;
  readonly folder: string;
  readonly clock = new JumpingClock();
  readonly frames: Awaited<ReturnType<typeof openFrames>>;
  #retention: Retention | undefined;
  #nextSeq = 0;

  private constructor(db: Db, folder: string, frames: Awaited<ReturnType<typeof openFrames>>) {
    this.db = db;
    this.folder = folder;
    this.frames = frames;
  }

  static async open(db: Db, folder: string): Promise<RetentionBench> {
    return new RetentionBench(
      db,
      folder,
      await openFrames(db, join(folder, 'segments'), { segmentBytes: SEGMENT_BYTES }),
    );
  }

  /** Started, in the place of the one before: as after a restart of the process. */
  async start(
    limits: Partial<RetentionLimits> = {},
    options: Partial<Pick<RetentionOptions, 'freeBytes' | 'checkMs' | 'onPoint'>> & { db?: Db; log?: Log } = {},
  ): Promise<Retention> {
    await this.#retention?.stop();
    this.#retention = createRetention({
      db: onTheSameClock(this.db, this.clock),
      clock: this.clock,
      log: silentLog,
      store: this.frames.store,
      nodeId: NODE_ID,
      folder: this.folder,
      limits: { ...LIMITS, ...limits },
      freeBytes: async () => 1e12,
      ...options,
    });
    await this.#retention.start();
    return this.#retention;
  }

  /** A run of the retention started last, or of one with the usual limits. */
  async run(work: RetentionWork = 'all', dryRun = false): Promise<RetentionReport> {
    const retention = this.#retention ?? (await this.start());
    return retention.run({ dryRun, work, actor: OPERATOR });
  }

  /** Accepts frames, then makes them as old as that, their jobs finished unless said otherwise; answers their ids. */
  async addFrames(
    count: number,
    options: { hours?: number; device?: string; state?: string; kept?: boolean } = {},
  ): Promise<string[]> {
    const device = options.device ?? 'pi';
    const ids: string[] = [];
    while (ids.length < count) {
      // No more at once than fit into a segment.
      const seqs = Array.from({ length: Math.min(4, count - ids.length) }, (_, at) => this.#nextSeq + at);
      this.#nextSeq += seqs.length;
      const accept = async (seq: number) => {
        const frame = incoming(seq, { device, jpeg: bytesOf(`${device} ${seq}`, FRAME_BYTES) });
        return (await this.frames.frames.accept(frame)).frameId;
      };
      ids.push(...(await Promise.all(seqs.map(accept))));
    }
    const at = new Date(this.clock.now() - (options.hours ?? 0) * HOUR_MS);
    // A millisecond apart: of frames that came at once, none is the oldest.
    await this.db.query(
      `update captures set kept = $3, received_at = $2::timestamptz - (cardinality($1::uuid[]) - array_position($1::uuid[], id)) * interval '1 ms'
        where id = any($1::uuid[])`,
      [ids, at, options.kept ?? false],
    );
    await this.db.query('update jobs set state = $2, finished_at = $3 where capture_id = any($1::uuid[])', [
      ids,
      options.state ?? 'done',
      at,
    ]);
    return ids;
  }

  /** An event with four pictures on disk; answers its id. */
  async addEvent(options: { days?: number; camera?: string; keep?: boolean; state?: string } = {}): Promise<string> {
    const { days = 0, camera = 'pi-cam', keep = false, state = 'closed' } = options;
    const id = uuidv7();
    const at = new Date(this.clock.now() - days * DAY_MS);
    await this.db.query(
      `insert into events (id, type, state, device_id, camera_id, rois, started_at, score, keep, created_at, details)
       values ($1, 'interaction_detected', $2, 'pi', $3, '{L}', $4, 0.5, $5, $4, '{"flow":"f"}')`,
      [id, state, camera, at, keep],
    );
    for (const role of IMAGE_ROLES) {
      const path = `events/pi/${at.toISOString().slice(0, 10)}/${id}/${role}.jpg`;
      await this.writeFile(path, days * 24);
      await this.db.query(
        `insert into event_images (event_id, role, path, width, height, size, created_at) values ($1, $2, $3, 8, 8, $4, $5)`,
        [id, role, path, IMAGE_BYTES, at],
      );
    }
    return id;
  }

  /** A file of a picture's size below the data folder. */
  async writeFile(path: string, hours: number): Promise<void> {
    const file = join(this.folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, Buffer.alloc(IMAGE_BYTES, 1));
    const at = new Date(this.clock.now() - hours * HOUR_MS);
    await utimes(file, at, at);
  }

  exists(path: string): boolean {
    return existsSync(join(this.folder, path));
  }

  async captures(): Promise<string[]> {
    return (await this.db.query<{ id: string }>('select id from captures order by seq')).rows.map(({ id }) => id);
  }

  /** Numbers of the segments on disk. */
  async segments(): Promise<number[]> {
    return (await this.frames.store.segments()).map(({ segment }) => segment);
  }

  /** Segments of these frames. */
  async segmentsOf(ids: readonly string[]): Promise<number[]> {
    const { rows } = await this.db.query<{ segment: number }>(
      'select distinct segment from captures where id = any($1::uuid[]) order by segment',
      [ids],
    );
    return rows.map(({ segment }) => segment);
  }

  /** Events that have pictures, oldest first. */
  async eventsWithImages(): Promise<string[]> {
    const { rows } = await this.db.query<{ id: string }>(
      'select id from events where id in (select event_id from event_images) order by created_at, id',
    );
    return rows.map(({ id }) => id);
  }

  /** Everything that tables and disk say, for a comparison of before and after. */
  async everything() {
    const tables = ['captures', 'jobs', 'events', 'event_images', 'retention_runs', 'refresh_tokens'];
    const rows: Record<string, unknown> = {};
    for (const table of tables) rows[table] = (await this.db.query(`select * from ${table} order by 1, 2`)).rows;
    return { rows, files: (await readdir(this.folder, { recursive: true })).sort() };
  }

  /** What is wrong between rows and files, in words; nothing when all is well. */
  async faults(): Promise<string[]> {
    const found: string[] = [];
    const marked = await this.db.query<{ count: number }>(
      `select (select count(*) from captures where deleting_at is not null)
            + (select count(*) from event_images where deleting_at is not null) as count`,
    );
    if (marked.rows[0]?.count !== 0) found.push(`${marked.rows[0]?.count} rows are marked`);
    for (const id of await this.captures()) {
      const { device, seq } = await this.frames.frames.get(id);
      const bytes = await this.frames.frames.image(id).catch(() => Buffer.alloc(0));
      if (!bytes.equals(bytesOf(`${device} ${seq}`, FRAME_BYTES))) found.push(`frame ${seq} has no bytes`);
    }
    const used = new Set(await this.segmentsOf(await this.captures()));
    for (const { segment, closed } of await this.frames.store.segments())
      if (closed && !used.has(segment)) found.push(`segment ${segment} has no row`);
    const { rows } = await this.db.query<{ path: string }>('select path from event_images order by path');
    const paths = rows.map(({ path }) => path);
    const files = (await readdir(join(this.folder, 'events'), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(this.folder.length + 1));
    for (const path of paths) if (!files.includes(path)) found.push(`${path} has no file`);
    for (const file of files) if (!paths.includes(file)) found.push(`${file} has no row`);
    return found;
  }

  async close(): Promise<void> {
    await this.#retention?.stop();
    await this.frames.stop();
  }
}
