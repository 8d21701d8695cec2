import { AppError } from '../contracts/errors.ts';
import type { BroadcastWish } from '../contracts/published.ts';
import { deleteStream, putStream, type StreamRow, setStreamWanted } from '../db/streams.repo.ts';
import type { NewStream, StreamFigures, StreamKind } from './kind.ts';
import { told } from './kind.ts';
import { figuresOf } from './rtmp.ts';
import type { YoutubeAccount } from './youtube/account.ts';
import { Broadcast, type BroadcastParts } from './youtube/broadcast.ts';

/** Streams of type `youtube`: a broadcast each, fed by a push of its own. */
export class YoutubeKind implements StreamKind {
  readonly #parts: BroadcastParts;
  readonly #account: YoutubeAccount;
  readonly #broadcasts = new Map<string, Broadcast>();

  constructor(parts: BroadcastParts, account: YoutubeAccount) {
    this.#parts = parts;
    this.#account = account;
  }

  /** Takes up what was on, and ends what was half ended. Does not wait for YouTube. */
  load(rows: readonly StreamRow[]): void {
    for (const { name, camera, wanted, config } of rows) {
      const broadcast = new Broadcast(name, camera, config as BroadcastWish, this.#parts);
      this.#broadcasts.set(name, broadcast);
      void (wanted ? broadcast.start() : broadcast.stop());
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#broadcasts.values()].map((broadcast) => broadcast.leave()));
    this.#broadcasts.clear();
  }

  async make({ name, camera, wish, wanted }: NewStream, actor: { name: string }): Promise<void> {
    const { state, reason } = await this.#account.status();
    if (state !== 'connected')
      throw new AppError(
        'stream.not_set_up',
        reason ?? 'no Google account is connected: connect one in the console, Streams',
      );
    const { title, description, privacy, made_for_kids, latency, dvr, scheduled_at, product_id } = wish;
    const config = { title, description, privacy, made_for_kids, latency, dvr, scheduled_at, product_id };
    await putStream(this.#parts.db, {
      name,
      camera,
      type: 'youtube',
      wanted,
      kept: true,
      config,
      createdBy: actor.name,
    });
    const broadcast = new Broadcast(name, camera, config, this.#parts);
    this.#broadcasts.set(name, broadcast);
    // What YouTube refuses is told at once, by the stream's state.
    if (wanted) await broadcast.start();
  }

  async turn(name: string, wanted: boolean): Promise<void> {
    await setStreamWanted(this.#parts.db, name, wanted);
    const broadcast = this.#of(name);
    const isFailed = broadcast.status().state === 'failed';
    if (isFailed) await broadcast.leave();
    await (wanted ? broadcast.start() : broadcast.stop());
  }

  async remove(name: string): Promise<void> {
    await this.#of(name).stop();
    await deleteStream(this.#parts.db, name);
    this.#broadcasts.delete(name);
  }

  names(): string[] {
    return [...this.#broadcasts.keys()];
  }

  figures(name: string): StreamFigures {
    const broadcast = this.#of(name);
    const { state, reason, url, since, wanted } = broadcast.status();
    const push = this.#parts.pushes.list().find((one) => one.name === broadcast.push);
    const sent = push ? figuresOf(push) : { bytes: 0, bits_per_second: 0, uptime_s: 0, restarts: 0, discarded: 0 };
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
    };
  }

  #of(name: string): Broadcast {
    const broadcast = this.#broadcasts.get(name);
    if (!broadcast) throw new AppError('stream.not_found', `there is no stream ${JSON.stringify(name)}`);
    return broadcast;
  }
}
