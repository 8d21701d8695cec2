import { randomUUID } from 'node:crypto';
import type { ParticipantInfo } from 'livekit-server-sdk';
import { toAppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import type { LiveSession, SessionSource, Viewer } from '../../contracts/live.ts';
import type { LivekitService } from '../../contracts/rooms.ts';
import { sessionEnded } from '../../lib/live/session-ended.ts';
import type { LivekitServer } from './server.ts';
import { TOKEN_MS } from './tokens.ts';

/** LiveKit is asked no more often, however many look. */
const ASK_MS = 2000;
/** Players ask again by themselves: who was sent away stays away for so long. As for HLS and MJPEG. */
const KICKED_MS = 30_000;
/** As in livekit_models.proto: Kind STANDARD, State DISCONNECTED. */
const STANDARD = 0;
const DISCONNECTED = 3;

export interface RoomViewersParts {
  server: Pick<LivekitServer, 'missing' | 'participants' | 'removeParticipant'>;
  rooms: Pick<LivekitService, 'camerasIn'> & { rooms(): string[] };
  clock: Clock;
  log: Log;
}

interface Entry {
  id: string;
  room: string;
  identity: string;
  viewer: Viewer;
  /** epoch ms: of the token, then of joining */
  startedAt: number;
  /** monotonic ms until which the token is good */
  untilMs: number;
  state: 'invited' | 'inside' | 'gone';
}

/**
 * Who has a token for a room, or is in one. LiveKit alone knows who is: `refresh` asks it (RoomService ListParticipants). Somebody whose token
 * came from elsewhere, or from before this server's start, has no user: the identity stands in its place.
 */
export class RoomViewers implements SessionSource {
  readonly #parts: RoomViewersParts;
  readonly #entries = new Map<string, Entry>();
  /** monotonic ms until which a user gets no token for a room */
  readonly #kicked = new Map<string, number>();
  #asking: Promise<void> | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: RoomViewersParts) {
    this.#parts = parts;
  }

  /** Notes that somebody gets a token; throws `session.ended` for who was sent away from that room just before. */
  admit(room: string, identity: string, viewer: Viewer): void {
    this.#sweep();
    if (this.#kicked.has(keyOf(room, viewer.user))) throw sessionEnded();
    const known = this.#entries.get(keyOf(room, identity));
    const before = known?.state === 'inside' && known.viewer.user === viewer.user ? known : undefined;
    this.#put({ state: 'invited', ...before, room, identity, viewer, untilMs: this.#nowMs() + TOKEN_MS });
  }

  sessions(): LiveSession[] {
    this.#sweep();
    return [...this.#entries.values()].filter(({ state }) => state !== 'gone').map((entry) => this.#session(entry));
  }

  kick(id: string): boolean {
    const entry = [...this.#entries.values()].find((one) => one.id === id && one.state !== 'gone');
    if (!entry) return false;
    const { server, clock, log } = this.#parts;
    const { room, identity, viewer } = entry;
    entry.state = 'gone';
    this.#kicked.set(keyOf(room, viewer.user), this.#nowMs() + KICKED_MS);
    server.removeParticipant(room, identity, clock.now()).catch((error: unknown) => {
      log.error('a viewer was not sent away by LiveKit', { room, identity, reason: toAppError(error).message });
    });
    return true;
  }

  /** What LiveKit does not answer stays as it was. */
  refresh(): Promise<void> {
    if (this.#parts.server.missing !== undefined) return Promise.resolve();
    if (!this.#asking && this.#nowMs() - this.#askedMs < ASK_MS) return Promise.resolve();
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
      this.#askedMs = this.#nowMs();
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    this.#sweep();
    const { server, rooms, log } = this.#parts;
    const all = new Set([...rooms.rooms(), ...[...this.#entries.values()].map(({ room }) => room)]);
    await Promise.all(
      [...all].map(async (room) => {
        try {
          this.#compare(room, (await server.participants(room)).filter(isViewer));
        } catch (error) {
          log.debug('who is in a room is not known', { room, reason: toAppError(error).message });
        }
      }),
    );
  }

  #compare(room: string, inside: ParticipantInfo[]): void {
    const there = new Set(inside.map(({ identity }) => identity));
    for (const entry of this.#entries.values())
      if (entry.room === room && entry.state === 'inside' && !there.has(entry.identity)) entry.state = 'gone';
    for (const { identity, joinedAt } of inside) {
      const known = this.#entries.get(keyOf(room, identity));
      const startedAt = Number(joinedAt) * 1000 || this.#parts.clock.now();
      if (known?.state === 'inside') continue;
      // One that was just sent away may be told of once more.
      if (known && this.#kicked.has(keyOf(room, known.viewer.user))) continue;
      const viewer = known?.viewer ?? { user: identity, address: '', path: '' };
      this.#put({ ...known, room, identity, viewer, startedAt, untilMs: known?.untilMs ?? 0, state: 'inside' });
    }
  }

  #put(entry: Omit<Entry, 'id' | 'startedAt'> & Partial<Entry>): void {
    const { room, identity } = entry;
    this.#entries.set(keyOf(room, identity), { id: randomUUID(), startedAt: this.#parts.clock.now(), ...entry });
  }

  #session({ id, room, viewer, state, startedAt }: Entry): LiveSession {
    return {
      id,
      type: 'livekit',
      camera: this.#parts.rooms.camerasIn(room)[0] ?? room,
      ...viewer,
      state: state === 'inside' ? 'playing' : 'connecting',
      startedAt,
      bytes: 0,
      discarded: 0,
    };
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }

  /** A token that is used up or over, and nobody in the room by it: there is nothing left to know. */
  #sweep(): void {
    const nowMs = this.#nowMs();
    for (const [key, { state, untilMs }] of this.#entries)
      if (state !== 'inside' && untilMs < nowMs) this.#entries.delete(key);
    for (const [key, untilMs] of this.#kicked) if (untilMs < nowMs) this.#kicked.delete(key);
  }
}

/** Cameras come by ingress; who may publish is no viewer either. */
function isViewer({ kind, state, permission }: ParticipantInfo): boolean {
  return (
    kind === STANDARD && state !== DISCONNECTED && permission?.canSubscribe !== false && permission?.canPublish !== true
  );
}

function keyOf(room: string, who: string): string {
  return `${room}\0${who}`;
}
