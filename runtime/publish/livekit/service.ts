import { AppError } from '../../contracts/errors.ts';
import type {
  IngressAccess,
  LivekitDiagnosis,
  LivekitService,
  LivekitStatus,
  LivekitToken,
  RoomPlace,
} from '../../contracts/rooms.ts';
import { type DiagnosisParts, diagnose } from './diagnosis.ts';
import { roomToken } from './tokens.ts';
import type { RoomViewers } from './viewers.ts';

export interface LivekitAccessParts extends DiagnosisParts {
  rooms: Pick<LivekitService, 'camerasIn' | 'roomOf'>;
  viewers: Pick<RoomViewers, 'admit'>;
}

/** What the API gives out of LiveKit: tokens, ingresses, and what is wrong with it. */
export class LivekitAccess implements LivekitService {
  readonly #parts: LivekitAccessParts;

  constructor(parts: LivekitAccessParts) {
    this.#parts = parts;
  }

  status(): LivekitStatus {
    const { missing, browserUrl } = this.#parts.server;
    return { configured: missing === undefined, url: browserUrl ?? null, reason: missing ?? null };
  }

  async viewerToken(...[room, identity, viewer]: Parameters<LivekitService['viewerToken']>): Promise<LivekitToken> {
    this.#parts.viewers.admit(room, identity, viewer);
    return this.#token('viewer', room, identity);
  }

  publisherToken(room: string, device: string): Promise<LivekitToken> {
    return this.#token('publisher', room, device);
  }

  async ingress({ room, name, via = 'rtmp' }: Parameters<LivekitService['ingress']>[0]): Promise<IngressAccess> {
    const { server } = this.#parts;
    const { ingress_id, url, stream_key } = await server.ensureIngress({ room, name, via });
    return { ingress_id, room, name, via, url, stream_key };
  }

  diagnose(): Promise<LivekitDiagnosis> {
    return diagnose(this.#parts);
  }

  camerasIn(room: string): string[] {
    return this.#parts.rooms.camerasIn(room);
  }

  roomOf(camera: string): RoomPlace | undefined {
    return this.#parts.rooms.roomOf(camera);
  }

  async #token(role: 'viewer' | 'publisher', room: string, identity: string): Promise<LivekitToken> {
    const { server, clock } = this.#parts;
    const { browserUrl: url, missing, key } = server;
    if (url === undefined) throw new AppError('livekit.unavailable', missing ?? 'LiveKit is not set up on this server');
    return roomToken(role, { room, identity }, { ...key, clock, url });
  }
}
