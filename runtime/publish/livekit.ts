import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../contracts/errors.ts';
import type { Release } from '../contracts/host.ts';
import type { RoomHost, RoomPlace, RoomSpec, RoomStatus, RoomWish } from '../contracts/rooms.ts';
import type { Db } from '../db/db.ts';
import { deleteStream, putStream, renameStream, type StreamRow, setStreamWanted } from '../db/streams.repo.ts';
import type { NewStream, StreamChange, StreamFigures, StreamKind } from './kind.ts';
import { merged, told } from './kind.ts';
import { type FeedParts, RoomFeed } from './livekit/feed.ts';
import { figuresOf } from './rtmp.ts';

export interface LivekitKindParts extends FeedParts {
  db: Db;
}

/** Streams of type `livekit`: an ingress and a push each. API and flows start and stop the same ones. */
export class LivekitKind implements StreamKind, RoomHost {
  readonly #parts: LivekitKindParts;
  readonly #feeds = new Map<string, RoomFeed>();
  /** made through the API */
  readonly #kept = new Set<string>();
  readonly #watchers = new Set<{ name: string; onChange: (status: RoomStatus) => void }>();

  constructor(parts: LivekitKindParts) {
    this.#parts = parts;
  }

  /** Takes up what was on, also of flows, which may come up later. Does not wait for LiveKit. */
  load(rows: readonly StreamRow[]): void {
    for (const { name, camera, wanted, kept, config } of rows) {
      if (kept) this.#kept.add(name);
      const feed = this.#put(specOf(name, camera, config as RoomWish));
      if (wanted) void feed.start();
    }
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#feeds.values()].map((feed) => feed.leave()));
    this.#feeds.clear();
    this.#kept.clear();
  }

  declare(spec: RoomSpec, options: { started?: boolean } = {}): Release {
    const known = this.#feeds.get(spec.name);
    const failed = (error: unknown) =>
      this.#parts.log.error('a stream into a room was not begun', { stream: spec.name, error });
    if (known && !this.#kept.has(spec.name) && !isDeepStrictEqual(known.spec, spec)) known.change(spec).catch(failed);
    if (!known) {
      this.#put(spec);
      if (options.started) this.start(spec.name).catch(failed);
    }
    return () => undefined;
  }

  async start(name: string): Promise<RoomStatus> {
    await this.turn(name, true);
    return this.status(name);
  }

  async stop(name: string): Promise<RoomStatus> {
    await this.turn(name, false);
    return this.status(name);
  }

  async forget(name: string): Promise<void> {
    if (this.#feeds.has(name) && !this.#kept.has(name)) await this.remove(name);
  }

  status(name: string): RoomStatus {
    return this.#of(name).status();
  }

  watch(name: string, onChange: (status: RoomStatus) => void): Release {
    const watcher = { name, onChange };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Cameras that are brought into that room. */
  camerasIn(room: string): string[] {
    return [...this.#feeds.values()].flatMap((feed) => (feed.room === room ? [feed.camera] : []));
  }

  /** Rooms that cameras are brought into. */
  rooms(): string[] {
    return [...new Set([...this.#feeds.values()].map(({ room }) => room))];
  }

  /** The room that the camera is live in now. */
  roomOf(camera: string): RoomPlace | undefined {
    for (const feed of this.#feeds.values()) if (feed.camera === camera && feed.place) return feed.place;
    return undefined;
  }

  async make({ name, camera, wish, wanted }: NewStream, actor: { name: string }): Promise<void> {
    const { missing } = this.#parts.server;
    if (missing !== undefined) throw new AppError('stream.not_set_up', missing, { field: 'type' });
    const { room, via, sound } = wish;
    const spec = specOf(name, camera, { ...(room && { room }), ...(via && { via }), ...(sound && { sound }) });
    await this.#write(spec, wanted, true, actor.name);
    this.#kept.add(name);
    const feed = this.#put(spec);
    // What LiveKit refuses is told at once, by the stream's state.
    if (wanted) await feed.start();
  }

  /** An ingress has the stream's name and room: with another one of these the old one is deleted at LiveKit. */
  async change(name: string, { room, via, sound }: StreamChange, to: string): Promise<void> {
    const feed = this.#of(name);
    const { wanted } = feed.status();
    if (to !== name && wanted) throw new AppError('stream.on', `switch "${name}" off first`, { field: 'name' });
    const before = feed.spec;
    const spec = specOf(to, before.camera, merged<RoomWish>(before, { room, via, sound }));
    if (isDeepStrictEqual(before, spec)) return;
    if (to !== name) await renameStream(this.#parts.db, name, to);
    await this.#write(spec, wanted, true, 'flow');
    if (before.room === spec.room && before.via === spec.via && to === name) {
      await feed.change(spec);
      return;
    }
    await feed.remove();
    this.#feeds.delete(name);
    if (this.#kept.delete(name)) this.#kept.add(to);
    const renewed = this.#put(spec);
    if (wanted) await renewed.start();
  }

  async turn(name: string, wanted: boolean): Promise<void> {
    const feed = this.#of(name);
    if (this.#kept.has(name)) await setStreamWanted(this.#parts.db, name, wanted);
    else await this.#write(feed.spec, wanted, false, 'flow');
    await (wanted ? feed.start() : feed.stop());
  }

  async remove(name: string): Promise<void> {
    await this.#of(name).remove();
    await deleteStream(this.#parts.db, name);
    this.#feeds.delete(name);
    this.#kept.delete(name);
  }

  names(): string[] {
    return [...this.#feeds.keys()];
  }

  figures(name: string): StreamFigures {
    const feed = this.#of(name);
    const { camera, state, reason, wanted, since, room } = feed.status();
    const sent = feed.pushed && figuresOf(feed.pushed);
    const { browserUrl } = this.#parts.server;
    return {
      camera,
      state,
      reason: reason ?? null,
      wanted,
      url: browserUrl === undefined ? null : `${browserUrl}#${room}`,
      since: told(since),
      retry_at: sent?.retry_at ?? null,
      bytes: sent?.bytes ?? 0,
      bits_per_second: sent?.bits_per_second ?? 0,
      uptime_s: sent?.uptime_s ?? 0,
      restarts: sent?.restarts ?? 0,
      discarded: sent?.discarded ?? 0,
      viewers: null,
      pushed_by: sent?.pushed_by ?? null,
      settings: { room, via: feed.spec.via, sound: feed.spec.sound },
    };
  }

  /** A flow's is written down when it is switched: its flow may come up later than this server, or never. */
  async #write({ name, camera, room, via, sound }: RoomSpec, wanted: boolean, kept: boolean, createdBy: string) {
    const row = { name, camera, type: 'livekit', wanted, kept, config: { room, via, sound }, createdBy } as const;
    if (!(await putStream(this.#parts.db, row)))
      throw new AppError('stream.exists', `there is a stream "${name}" of another type already`, { field: 'name' });
  }

  #put(spec: RoomSpec): RoomFeed {
    const feed = new RoomFeed(spec, this.#parts, () => this.#changed(spec.name));
    this.#feeds.set(spec.name, feed);
    return feed;
  }

  #changed(name: string): void {
    if (!this.#feeds.has(name)) return;
    const status = this.status(name);
    for (const watcher of [...this.#watchers])
      if (watcher.name === name || watcher.name === '') watcher.onChange(status);
  }

  #of(name: string): RoomFeed {
    const feed = this.#feeds.get(name);
    if (!feed) throw new AppError('stream.not_found', `there is no stream ${JSON.stringify(name)}`);
    return feed;
  }
}

function specOf(name: string, camera: string, { room = '', via = 'whip', sound = 'auto' }: RoomWish): RoomSpec {
  return { name, camera, room, via, sound };
}
