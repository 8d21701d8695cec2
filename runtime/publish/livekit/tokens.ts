import { SignJWT } from 'jose';
import type { Clock } from '../../contracts/host.ts';
import type { LivekitToken } from '../../contracts/rooms.ts';

/** Counts for the beginning only: who is in a room stays, also over a reconnection. */
export const TOKEN_MS = 600_000;
/** Clocks that differ by so much are no reason to refuse. */
const SKEW_MS = 10_000;

export interface TokenParts {
  apiKey: string;
  apiSecret: string;
  clock: Clock;
  /** where to connect */
  url: string;
}

/** What a token lets its holder do; as LiveKit names it (protocol, `VideoGrant`). */
const GRANTS = {
  viewer: { canSubscribe: true, canPublish: false, canPublishData: false, canUpdateOwnMetadata: false },
  publisher: {
    canSubscribe: false,
    canPublish: true,
    canPublishSources: ['camera', 'microphone'],
    canPublishData: false,
    canUpdateOwnMetadata: false,
  },
} as const;

/** Signs a token for one room (JWT, HS256, as LiveKit verifies it): for ten minutes, and from ten seconds ago. */
export async function roomToken(
  role: keyof typeof GRANTS,
  { room, identity }: { room: string; identity: string },
  { apiKey, apiSecret, clock, url }: TokenParts,
): Promise<LivekitToken> {
  const now = clock.now();
  const expiresAt = now + TOKEN_MS;
  const token = await new SignJWT({ video: { roomJoin: true, room, ...GRANTS[role] } })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(apiKey)
    .setSubject(identity)
    .setNotBefore(Math.floor((now - SKEW_MS) / 1000))
    .setExpirationTime(Math.floor(expiresAt / 1000))
    .sign(new TextEncoder().encode(apiSecret));
  return { url, token, room, identity, expires_at: new Date(expiresAt).toISOString() };
}
