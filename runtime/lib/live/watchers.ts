import { randomUUID } from 'node:crypto';
import type { Clock } from '../../contracts/host.ts';
import type { LiveSession, SessionSource, Viewer } from '../../contracts/live.ts';
import { sessionEnded } from './session-ended.ts';

/** A player that asked for nothing for so long does not watch any more. */
const HLS_QUIET_MS = 20_000;
/** Players ask again by themselves: who was sent away stays away for so long, by then they have given up. */
const KICKED_MS = 30_000;

/** One viewing, as it is counted. */
export interface Watching {
  session: LiveSession;
  /** May be called twice. */
  close(): void;
}

interface Entry {
  session: LiveSession;
  /** monotonic ms after which it is over; undefined while a connection holds it */
  untilMs?: number;
  onKick?: () => void;
}

/** Who watches over plain HTTP. MJPEG is one connection; HLS is many requests, taken together by user, address and camera. */
export class Watchers implements SessionSource {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #kicked = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  sessions(): LiveSession[] {
    this.#sweep();
    return [...this.#entries.values()].map(({ session }) => session);
  }

  kick(id: string): boolean {
    this.#sweep();
    const [key, entry] = [...this.#entries].find(([, { session }]) => session.id === id) ?? [];
    if (key === undefined || !entry) return false;
    this.#entries.delete(key);
    entry.onKick?.();
    const { user, address, camera } = entry.session;
    this.#kicked.set(keyOf(camera, { user, address }), this.#clock.monotonicMs() + KICKED_MS);
    return true;
  }

  /** A connection that shows pictures; `onKick` has to end it. Throws `session.ended` for one that was sent away. */
  connected(camera: string, viewer: Viewer, onKick: () => void): Watching {
    this.#refuseKicked(camera, viewer);
    const session = this.#new('mjpeg', camera, viewer);
    this.#entries.set(session.id, { session, onKick });
    return { session, close: () => void this.#entries.delete(session.id) };
  }

  /** Notes a request of an HLS player; throws `session.ended` for one that was sent away. */
  asked(camera: string, viewer: Viewer): LiveSession {
    this.#refuseKicked(camera, viewer);
    const key = keyOf(camera, viewer);
    const known = this.#entries.get(key);
    const session = known?.session ?? this.#new('hls', camera, viewer);
    this.#entries.set(key, { session, untilMs: this.#clock.monotonicMs() + HLS_QUIET_MS });
    return session;
  }

  #new(type: LiveSession['type'], camera: string, { user, address, path }: Viewer): LiveSession {
    const startedAt = this.#clock.now();
    return { id: randomUUID(), type, camera, user, address, path, state: 'playing', startedAt, bytes: 0, discarded: 0 };
  }

  #refuseKicked(camera: string, viewer: Viewer): void {
    this.#sweep();
    if (this.#kicked.has(keyOf(camera, viewer))) throw sessionEnded();
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { untilMs }] of this.#entries) {
      if (untilMs !== undefined && untilMs < nowMs) this.#entries.delete(key);
    }
    for (const [key, untilMs] of this.#kicked) if (untilMs < nowMs) this.#kicked.delete(key);
  }
}

/** All that tells two players apart who ask by plain HTTP. */
function keyOf(camera: string, { user, address }: Omit<Viewer, 'path'>): string {
  return JSON.stringify([user, address, camera]);
}
