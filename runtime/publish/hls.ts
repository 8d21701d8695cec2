import type { LiveHost, Release } from '../contracts/host.ts';
import type { Db } from '../db/db.ts';
import { deleteStream, putStream, renameStream, type StreamRow, setStreamWanted } from '../db/streams.repo.ts';
import type { StreamKind } from './kind.ts';

/** Streams of type `hls`: a camera kept ready to be watched by HLS. */
export class HlsKind implements StreamKind {
  readonly #live: LiveHost;
  readonly #db: Db;
  readonly #streams = new Map<string, { camera: string; release: Release | undefined }>();

  constructor(live: LiveHost, db: Db) {
    this.#live = live;
    this.#db = db;
  }

  /** Takes up what was written down before the restart. */
  load(rows: readonly StreamRow[]): void {
    for (const { name, camera, wanted } of rows) this.#set(name, camera, wanted);
  }

  /** Lets all go; they stay written down. */
  stop(): void {
    for (const { release } of this.#streams.values()) release?.();
    this.#streams.clear();
  }

  async make({ name, camera, wanted }: { name: string; camera: string; wanted: boolean }, actor: { name: string }) {
    const row = { name, camera, type: 'hls', wanted, kept: true, config: {}, createdBy: actor.name } as const;
    await putStream(this.#db, row);
    this.#set(name, camera, wanted);
  }

  /** It has nothing but its name. */
  async change(name: string, _change: object, to: string): Promise<void> {
    const stream = this.#streams.get(name);
    if (to === name || !stream) return;
    await renameStream(this.#db, name, to);
    this.#streams.delete(name);
    this.#streams.set(to, stream);
  }

  async turn(name: string, wanted: boolean): Promise<void> {
    await setStreamWanted(this.#db, name, wanted);
    this.#set(name, this.#streams.get(name)?.camera ?? '', wanted);
  }

  async remove(name: string): Promise<void> {
    await deleteStream(this.#db, name);
    this.#streams.get(name)?.release?.();
    this.#streams.delete(name);
  }

  names(): string[] {
    return [...this.#streams.keys()];
  }

  figures(name: string) {
    const { camera = '', release } = this.#streams.get(name) ?? {};
    const now = this.#live.status(camera, 'hls');
    return {
      camera: now.camera,
      state: now.state,
      reason: now.reason ?? null,
      wanted: release !== undefined,
      url: now.path,
      since: null,
      retry_at: null,
      bytes: 0,
      bits_per_second: 0,
      uptime_s: 0,
      restarts: 0,
      discarded: 0,
      viewers: now.viewers,
      pushed_by: null,
      settings: {},
    };
  }

  #set(name: string, camera: string, wanted: boolean): void {
    const before = this.#streams.get(name)?.release;
    const release = wanted ? this.#live.keepWarm(camera, 'hls') : undefined;
    this.#streams.set(name, { camera, release });
    before?.();
  }
}
