import { toAppError } from '../../contracts/errors.ts';
import type { Clock, Log, Release } from '../../contracts/host.ts';
import type { PushHost, PushStatus } from '../../contracts/pushes.ts';
import type { RoomPlace, RoomSpec, RoomStatus } from '../../contracts/rooms.ts';
import { Backoff } from '../../lib/backoff.ts';
import type { Ingress, LivekitServer } from './server.ts';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** So often LiveKit is asked how it is with the ingress: until it publishes, and after. */
const SOON_MS = 2000;
const LATER_MS = 15_000;
/** An RTMP ingress takes some seconds to transcode the first pictures. */
const PATIENCE_MS = 30_000;

export interface FeedParts {
  server: LivekitServer;
  pushes: PushHost;
  clock: Clock;
  log: Log;
  /** The host's camera behind a name; throws `camera.not_found`. */
  resolve: (camera: string) => string;
  random?: () => number;
}

/** One camera in one room: looks after its ingress, and after the push that feeds it. */
export class RoomFeed {
  readonly #parts: FeedParts;
  readonly #onChange: () => void;
  readonly #backoff: Backoff;
  #spec: RoomSpec;
  #wanted = false;
  #state: RoomStatus['state'] = 'idle';
  #reason: string | undefined;
  #since: number;
  #ingress: Ingress | undefined;
  #pushed: PushStatus | undefined;
  #pushLiveMs: number | undefined;
  #trouble: string | undefined;
  #work: Promise<void> = Promise.resolve();
  #cancel: Release = () => undefined;
  #release: Release = () => undefined;
  #unwatch: Release = () => undefined;

  constructor(spec: RoomSpec, parts: FeedParts, onChange: () => void) {
    this.#spec = spec;
    this.#parts = parts;
    this.#onChange = onChange;
    this.#since = parts.clock.now();
    this.#backoff = new Backoff({
      firstMs: FIRST_PAUSE_MS,
      maxMs: LONGEST_PAUSE_MS,
      ...(parts.random && { random: parts.random }),
    });
  }

  get spec(): RoomSpec {
    return this.#spec;
  }

  get room(): string {
    return this.#spec.room || this.camera;
  }

  get camera(): string {
    try {
      return this.#parts.resolve(this.#spec.camera);
    } catch {
      // It may come up later.
      return this.#spec.camera;
    }
  }

  /** Where its pictures are now; undefined while it is not live. */
  get place(): RoomPlace | undefined {
    const { room } = this;
    return this.#state === 'live' && this.#ingress ? { room, participant: this.#ingress.identity } : undefined;
  }

  /** name of the push that feeds it */
  get push(): string {
    return `livekit.${this.#spec.name}`;
  }

  /** as it is now; undefined while the push is not known */
  get pushed(): PushStatus | undefined {
    return this.#pushed;
  }

  status(): RoomStatus {
    return {
      name: this.#spec.name,
      camera: this.camera,
      room: this.room,
      via: this.#spec.via,
      state: this.#state,
      ...(this.#reason !== undefined && { reason: this.#reason }),
      wanted: this.#wanted,
      ...(this.#ingress && { ingress: this.#ingress.ingress_id }),
      since: this.#since,
      bitsPerSecond: this.#pushed?.bitsPerSecond ?? 0,
    };
  }

  /** Another camera, room or way: one that is on begins anew. */
  async change(spec: RoomSpec): Promise<void> {
    const wasWanted = this.#wanted;
    if (wasWanted) await this.stop();
    this.#spec = spec;
    this.#ingress = undefined;
    if (wasWanted) await this.start();
  }

  /** Begins it; resolves once LiveKit was asked. */
  start(): Promise<void> {
    if (this.#wanted) return this.#work;
    this.#wanted = true;
    this.#backoff.reset();
    this.#show('connecting', 'asking LiveKit for its ingress');
    return this.#inTurn(() => this.#begin());
  }

  /** Ends the push; the ingress stays. */
  stop(): Promise<void> {
    this.#wanted = false;
    this.#cancel();
    return this.#inTurn(async () => {
      this.#letGo();
      this.#parts.pushes.forget(this.push);
      this.#show('idle');
    });
  }

  /** The server stops: nothing is forgotten. */
  async leave(): Promise<void> {
    this.#wanted = false;
    this.#cancel();
    await this.#work;
    this.#cancel();
    this.#letGo();
  }

  /** Ends it for good; an ingress that we made is deleted at LiveKit. */
  async remove(): Promise<void> {
    await this.stop();
    const { server, log } = this.#parts;
    if (server.missing !== undefined) return;
    const { name } = this.#spec;
    const ours = this.#ingress ?? (await this.#find().catch(() => undefined));
    if (!ours?.isOurs) return;
    await server
      .deleteIngress(ours.ingress_id)
      .catch((error) => log.warn('an ingress is left at LiveKit', { stream: name, reason: toAppError(error).message }));
  }

  async #find(): Promise<Ingress | undefined> {
    const { name, via } = this.#spec;
    const all = await this.#parts.server.ingresses({ roomName: this.room });
    return all.find((one) => one.name === name && one.via === via);
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work
      .then(work)
      .catch((error) => this.#parts.log.error('a stream into a room went wrong', { stream: this.#spec.name, error }));
    return this.#work;
  }

  async #begin(): Promise<void> {
    if (!this.#wanted) return;
    const { server, log } = this.#parts;
    const { name, via } = this.#spec;
    try {
      const before = this.#ingress?.ingress_id;
      this.#ingress = await server.ensureIngress({ room: this.room, name, via });
      if (before !== undefined && before !== this.#ingress.ingress_id)
        log.warn('an ingress was deleted at LiveKit, there is a new one', { stream: name, room: this.room });
      if (!this.#wanted) return;
      this.#feed(this.#ingress);
      this.#trouble = undefined;
      this.#backoff.reset();
      this.#judge();
      this.#lookAfter(SOON_MS);
    } catch (thrown) {
      const { code, message } = toAppError(thrown);
      log.warn('LiveKit gives no ingress', { stream: name, room: this.room, reason: message });
      // What is on the air goes on without being looked after.
      if (this.#pushed?.state !== 'live') this.#show(code === 'livekit.unavailable' ? 'waiting' : 'failed', message);
      this.#cancel();
      this.#cancel = this.#parts.clock.after(this.#backoff.next(), () => void this.#inTurn(() => this.#begin()));
    }
  }

  #feed({ url, stream_key: key, via }: Ingress): void {
    const { pushes } = this.#parts;
    const before = this.#release;
    const address = via === 'whip' ? url.replace(/^http/i, 'whip') : url;
    const { camera, sound } = this.#spec;
    this.#unwatch();
    this.#unwatch = pushes.watch(this.push, (now) => this.#onPush(now));
    this.#release = pushes.declare({ name: this.push, camera, url: address, key, sound });
    before();
    this.#onPush(pushes.switchOn(this.push));
  }

  #letGo(): void {
    this.#unwatch();
    this.#unwatch = () => undefined;
    this.#release();
    this.#release = () => undefined;
    this.#pushed = undefined;
    this.#pushLiveMs = undefined;
  }

  #onPush(now: PushStatus): void {
    const before = this.#pushed?.state;
    this.#pushed = now;
    if (now.state !== 'live') this.#pushLiveMs = undefined;
    else this.#pushLiveMs ??= this.#parts.clock.monotonicMs();
    if (!this.#wanted) return;
    // It was refused, or cut off: the ingress may be gone.
    if (now.state !== before && (now.state === 'live' || now.state === 'waiting' || now.state === 'failed'))
      this.#lookAfter(now.state === 'live' ? 0 : FIRST_PAUSE_MS);
    this.#judge();
  }

  #lookAfter(ms: number): void {
    this.#cancel();
    this.#cancel = this.#parts.clock.after(ms, () => void this.#inTurn(() => this.#look()));
  }

  async #look(): Promise<void> {
    const { server } = this.#parts;
    const id = this.#ingress?.ingress_id;
    if (!this.#wanted || id === undefined) return;
    try {
      const [now] = await server.ingresses({ ingressId: id });
      if (!this.#wanted) return;
      this.#trouble = undefined;
      if (!now || now.stream_key !== this.#ingress?.stream_key) return await this.#begin();
      this.#ingress = now;
    } catch (thrown) {
      this.#trouble = toAppError(thrown).message;
    }
    this.#judge();
    this.#lookAfter(this.#state === 'live' && this.#trouble === undefined ? LATER_MS : SOON_MS);
  }

  /** What the push says, and what LiveKit says of it. */
  #judge(): void {
    const push = this.#pushed;
    if (!this.#wanted || !push) return;
    if (push.state !== 'live') {
      this.#show(push.state === 'idle' ? 'connecting' : push.state, push.reason);
      return;
    }
    const status = this.#ingress?.status;
    if (status === 'publishing') this.#show('live', this.#trouble);
    else if (status === 'error')
      this.#show('stalled', `LiveKit cannot use what it gets: ${this.#ingress?.error || 'it does not say why'}`);
    else if (this.#trouble !== undefined) this.#show(this.#state === 'live' ? 'live' : 'connecting', this.#trouble);
    else {
      const waitedMs = this.#parts.clock.monotonicMs() - (this.#pushLiveMs ?? this.#parts.clock.monotonicMs());
      if (waitedMs > PATIENCE_MS)
        this.#show('stalled', 'LiveKit does not publish what it gets: is its ingress service running?');
      else this.#show('connecting', 'LiveKit has the picture and is about to publish it');
    }
  }

  #show(state: RoomStatus['state'], reason?: string): void {
    if (state === this.#state && reason === this.#reason) return;
    if (state !== this.#state) this.#since = this.#parts.clock.now();
    this.#state = state;
    this.#reason = reason;
    this.#onChange();
  }
}
