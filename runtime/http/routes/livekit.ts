import { randomBytes } from 'node:crypto';
import type { Request } from 'express';
import { type Static, Type } from 'typebox';
import { AppError } from '../../contracts/errors.ts';
import {
  IngressAccess,
  IngressWish,
  LivekitDiagnosis,
  type LivekitService,
  LivekitStatus,
  LivekitToken,
  ROOM_PATTERN,
  TokenWish,
} from '../../contracts/rooms.ts';
import type { FleetService } from '../../contracts/services.ts';
import type { User } from '../../contracts/users.ts';
import type { RouteSpec } from '../route.ts';

const MAX_KEY_CHARS = 512;

/**
 * LiveKit's rooms: users watch (those whose cameras they may see), devices publish (with their key), administrators get the keys of
 * ingresses, and operators hear what is wrong.
 */
export function livekitRoutes(
  livekit: () => LivekitService,
  fleet: Pick<FleetService, 'cameras' | 'deviceOfKey'>,
): RouteSpec[] {
  const tag = 'livekit';
  return [
    {
      method: 'get',
      path: '/livekit',
      access: 'viewer',
      tag,
      summary: 'Whether there is a LiveKit server, and where browsers reach it',
      answer: LivekitStatus,
      handle: () => livekit().status(),
    },
    {
      method: 'post',
      path: '/livekit/token',
      access: 'viewer',
      tag,
      summary:
        'A token to watch a room, for ten minutes: all cameras in it must be ones you may see. It cannot publish',
      body: TokenWish,
      answer: LivekitToken,
      errors: ['livekit.unavailable', 'livekit.room_forbidden', 'session.ended'],
      handle({ body, user, req }) {
        const { room, identity } = body as Static<typeof TokenWish>;
        checkViewer(user, room, livekit().camerasIn(room));
        const viewer = { user: user.name, address: req.ip ?? '', path: `${req.baseUrl}${req.path}` };
        return livekit().viewerToken(room, viewerName(identity), viewer);
      },
    },
    {
      method: 'post',
      path: '/livekit/ingress',
      access: 'admin',
      tag,
      summary: 'The ingress of that room and name with its key; made where there is none yet',
      body: IngressWish,
      answer: IngressAccess,
      errors: ['livekit.unavailable', 'livekit.key_refused', 'livekit.no_redis', 'livekit.room_forbidden'],
      handle({ body, user }) {
        const wish = body as Static<typeof IngressWish>;
        checkViewer(user, wish.room, livekit().camerasIn(wish.room));
        return livekit().ingress(wish);
      },
    },
    {
      method: 'get',
      path: '/livekit/diagnostics',
      access: 'operator',
      tag,
      summary: 'What is wrong with LiveKit and TURN, and what to do about it; may take some seconds',
      answer: LivekitDiagnosis,
      handle: () => livekit().diagnose(),
    },
    {
      method: 'get',
      path: '/device/livekit-token',
      access: 'open',
      tag,
      summary:
        'For devices, with their key (X-DEVICE-KEY): a token to publish into a room as this device. It cannot watch',
      query: Type.Object({ room: Type.String({ pattern: ROOM_PATTERN }) }, { additionalProperties: false }),
      answer: LivekitToken,
      errors: ['auth.missing', 'auth.invalid', 'device.disabled', 'livekit.unavailable', 'livekit.room_forbidden'],
      async handle({ req, query }) {
        const device = await deviceOf(req, fleet);
        const room = String(query.room);
        const inside = new Set([room, ...livekit().camerasIn(room)]);
        // A room that is named after a camera, or shows one, is its device's.
        const foreign = (await fleet.cameras()).some((camera) => inside.has(camera.id) && camera.device !== device);
        if (foreign) throw new AppError('livekit.room_forbidden', `the room ${room} is of another device's camera`);
        return livekit().publisherToken(room, `device-${device}`);
      },
    },
  ];
}

/** Throws `livekit.room_forbidden` for a room with a camera that this user may not see, or with nothing known in it. */
function checkViewer({ cameras }: User, room: string, inside: readonly string[]): void {
  if (cameras === null) return;
  const shown = inside.length > 0 ? inside : [room];
  if (!shown.every((camera) => cameras.includes(camera)))
    throw new AppError('livekit.room_forbidden', `you may not watch the room ${room}`);
}

/** Never the name of a camera or device: who comes under a name that is in the room already throws the other one out. */
function viewerName(wanted: string | undefined): string {
  const plain = wanted?.replace(/^web-/, '') ?? randomBytes(4).toString('hex');
  return `web-${plain}`.slice(0, 64);
}

async function deviceOf(req: Request, fleet: Pick<FleetService, 'deviceOfKey'>): Promise<string> {
  const key = req.headers['x-device-key'] ?? req.headers['x-api-key'];
  if (key === undefined || key === '') throw new AppError('auth.missing', 'the header X-DEVICE-KEY is missing');
  const usable = typeof key === 'string' && key.length <= MAX_KEY_CHARS;
  const device = usable ? await fleet.deviceOfKey(key) : undefined;
  if (!device) throw new AppError('auth.invalid', 'the device key is not known');
  if (device.disabled) throw new AppError('device.disabled', `device ${device.id} is disabled`);
  return device.id;
}
