import { isDeepStrictEqual } from 'node:util';
import type { BroadcastHost, BroadcastSpec, BroadcastStatus } from '../contracts/broadcasts.ts';
import { AppError } from '../contracts/errors.ts';
import type { Release } from '../contracts/host.ts';
import type { BroadcastWish } from '../contracts/published.ts';
import { openBroadcast } from '../db/broadcasts.repo.ts';
import { deleteStream, putStream, renameStream, type StreamRow, setStreamWanted } from '../db/streams.repo.ts';
import type { NewStream, StreamChange, StreamFigures, StreamKind } from './kind.ts';
import { merged, told } from './kind.ts';
import { figuresOf } from './rtmp.ts';
import type { YoutubeAccount } from './youtube/account.ts';
import { Broadcast, type BroadcastParts } from './youtube/broadcast.ts';
import { QUOTA } from './youtube/calls.ts';

export interface YoutubeKindParts extends BroadcastParts {
  /** The host's camera behind a name; throws `camera.not_found`. */
  resolve?: (camera: string) => string;
}

/** Streams of type `youtube`: a broadcast each, fed by a push of its own. API and flows start and stop the same ones. */
export class YoutubeKind implements StreamKind, BroadcastHost {
  readonly #parts: YoutubeKindParts;
  readonly #account: YoutubeAccount;
  readonly #broadcasts = new Map<string, Broadcast>();
  /** made through the API */
  readonly #kept = new Set<string>();
  readonly #watchers = new Set<{ name: string; onChange: (status: BroadcastStatus) => void }>();

  constructor(parts: YoutubeKindParts, account: YoutubeAccount) {
    this.#parts = parts;
    this.#account = account;
  }

  /** Takes up what was on, and ends what was half ended, also of flows, which may come up later. Does not wait for YouTube. */
  load(rows: readonly StreamRow[]): void {
    for (const { name, camera, wanted, kept, config } of rows) {
      if (kept) this.#kept.add(name);
      const broadcast = this.#put({ name, camera, wish: config as BroadcastWish });
      void (wanted ? broadcast.start() : broadcast.stop());
    }
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#broadcasts.values()].map((broadcast) => broadcast.leave()));
    this.#broadcasts.clear();
    this.#kept.clear();
  }

  declare(spec: BroadcastSpec, options: { started?: boolean } = {}): Release {
    const known = this.#broadcasts.get(spec.name);
    const camera = this.#resolved(spec.camera);
    if (known && !this.#kept.has(spec.name) && !isDeepStrictEqual([known.camera, known.wish], [camera, spec.wish]))
      known.change(camera, spec.wish);
    if (!known) {
      this.#put({ ...spec, camera });
      if (options.started)
        this.start(spec.name).catch((error) =>
          this.#parts.log.error('a broadcast was not begun', { stream: spec.name, error }),
        );
    }
    return () => undefined;
  }

  async start(name: string): Promise<BroadcastStatus> {
    await this.turn(name, true);
    return this.status(name);
  }

  async stop(name: string): Promise<BroadcastStatus> {
    await this.turn(name, false);
    return this.status(name);
  }

  async forget(name: string): Promise<void> {
    if (this.#broadcasts.has(name) && !this.#kept.has(name)) await this.remove(name);
  }

  status(name: string): BroadcastStatus {
    const broadcast = this.#of(name);
    const { state, reason, wanted, url, title, since } = broadcast.status();
    return {
      name,
      camera: broadcast.camera,
      state,
      ...(reason !== undefined && { reason }),
      wanted,
      ...(url !== undefined && { url }),
      ...(title !== undefined && { title }),
      since,
      unitsToday: this.#parts.calls.unitsToday,
      unitsLimit: QUOTA,
    };
  }

  watch(name: string, onChange: (status: BroadcastStatus) => void): Release {
    const watcher = { name, onChange };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  async make({ name, camera, wish, wanted }: NewStream, actor: { name: string }): Promise<void> {
    const { state, reason } = await this.#account.status();
    if (state !== 'connected')
      throw new AppError(
        'stream.not_set_up',
        reason ?? 'no Google account is connected: connect one in the console, Streams',
      );
    const { title, description, privacy, made_for_kids, latency, dvr, scheduled_at, product_id, pushed_by } = wish;
    const config = { title, description, privacy, made_for_kids, latency, dvr, scheduled_at, product_id, pushed_by };
    await putStream(this.#parts.db, {
      name,
      camera,
      type: 'youtube',
      wanted,
      kept: true,
      config,
      createdBy: actor.name,
    });
    this.#kept.add(name);
    const broadcast = this.#put({ name, camera, wish: config });
    // What YouTube refuses is told at once, by the stream's state.
    if (wanted) await broadcast.start();
  }

  /** Other wishes are those of the next broadcast: one that is on ends as it began. */
  async change(name: string, { title, description, scheduled_at, product_id, ...rest }: StreamChange, to: string) {
    const { db } = this.#parts;
    const { privacy, made_for_kids, latency, dvr } = rest;
    const broadcast = this.#of(name);
    const { wanted } = broadcast.status();
    if (to !== name && (wanted || (await openBroadcast(db, name))))
      throw new AppError('stream.on', `switch "${name}" off first`, { field: 'name' });
    const change = { title, description, privacy, made_for_kids, latency, dvr, scheduled_at, product_id };
    const wish = merged<BroadcastWish>(broadcast.wish, change);
    const { camera } = broadcast;
    if (to !== name) await renameStream(db, name, to);
    await putStream(db, { name: to, camera, type: 'youtube', wanted, kept: true, config: wish, createdBy: 'flow' });
    if (to === name) {
      broadcast.change(camera, wish);
      return;
    }
    this.#broadcasts.delete(name);
    if (this.#kept.delete(name)) this.#kept.add(to);
    this.#put({ name: to, camera, wish });
  }

  async turn(name: string, wanted: boolean): Promise<void> {
    const { db } = this.#parts;
    const broadcast = this.#of(name);
    if (this.#kept.has(name)) await setStreamWanted(db, name, wanted);
    else await this.#note(broadcast, wanted);
    await (wanted ? broadcast.start() : broadcast.stop());
  }

  async remove(name: string): Promise<void> {
    await this.#of(name).stop();
    await deleteStream(this.#parts.db, name);
    this.#broadcasts.delete(name);
    this.#kept.delete(name);
  }

  names(): string[] {
    return [...this.#broadcasts.keys()];
  }

  figures(name: string): StreamFigures {
    const broadcast = this.#of(name);
    const { state, reason, url, since, wanted } = broadcast.status();
    const { pushed_by: _place, ...settings } = broadcast.wish;
    const push = this.#parts.pushes.list().find((one) => one.name === broadcast.push);
    const silent = { bytes: 0, bits_per_second: 0, uptime_s: 0, restarts: 0, discarded: 0, pushed_by: null };
    const sent = push ? figuresOf(push) : silent;
    return {
      camera: broadcast.camera,
      state,
      reason: reason ?? null,
      wanted,
      url: url ?? null,
      since: told(since),
      retry_at: null,
      bytes: sent.bytes,
      bits_per_second: sent.bits_per_second,
      uptime_s: sent.uptime_s,
      restarts: sent.restarts,
      discarded: sent.discarded,
      viewers: null,
      pushed_by: sent.pushed_by,
      settings,
    };
  }

  /** A flow's is written down when it is switched: its flow may come up later than this server, or never. */
  async #note({ name, camera, wish: config }: Broadcast, wanted: boolean): Promise<void> {
    const row = { name, camera, type: 'youtube', wanted, kept: false, config, createdBy: 'flow' } as const;
    if (!(await putStream(this.#parts.db, row)))
      throw new AppError('stream.exists', `there is a stream "${name}" of another type already`, { field: 'name' });
  }

  #put(spec: BroadcastSpec): Broadcast {
    const broadcast: Broadcast = new Broadcast(spec, this.#parts, () => this.#changed(broadcast));
    this.#broadcasts.set(spec.name, broadcast);
    return broadcast;
  }

  #changed({ name }: Broadcast): void {
    if (!this.#broadcasts.has(name)) return;
    const status = this.status(name);
    for (const watcher of [...this.#watchers])
      if (watcher.name === name || watcher.name === '') watcher.onChange(status);
  }

  /** A camera that is not known yet may come up later. */
  #resolved(camera: string): string {
    try {
      return this.#parts.resolve?.(camera) ?? camera;
    } catch (error) {
      if (error instanceof AppError && error.code === 'camera.not_found') return camera;
      throw error;
    }
  }

  #of(name: string): Broadcast {
    const broadcast = this.#broadcasts.get(name);
    if (!broadcast) throw new AppError('stream.not_found', `there is no stream ${JSON.stringify(name)}`);
    return broadcast;
  }
}
