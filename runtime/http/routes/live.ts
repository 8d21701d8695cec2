import { AppError } from '../../contracts/errors.ts';
import {
  GraphRecord,
  type LiveSession,
  SessionRecord,
  type SessionSource,
  StreamTokenAnswer,
} from '../../contracts/live.ts';
import { pageOf } from '../../contracts/schema.ts';
import type { FleetService } from '../../contracts/services.ts';
import type { StreamHost, StreamStatus } from '../../contracts/streams.ts';
import type { User } from '../../contracts/users.ts';
import type { StreamTokens } from '../auth/stream-tokens.ts';
import { requireCamera } from '../list-query.ts';
import { Answer, type RouteSpec } from '../route.ts';
import { ShortListQuery, shortPage } from '../short-list.ts';

/** Who watches, and tokens for watching. The pictures themselves are served by `http/live`. */
export function liveApiRoutes(options: {
  sessions: readonly SessionSource[];
  streams?: Pick<StreamHost, 'list'> | undefined;
  tokens: StreamTokens;
  fleet: Pick<FleetService, 'camera'>;
}): RouteSpec[] {
  const { sessions, streams, tokens, fleet } = options;
  const tag = 'live';
  const visible = (user: User) =>
    sessions
      .flatMap((source) => source.sessions().map((session) => ({ session, source })))
      .filter(({ session }) => user.cameras === null || user.cameras.includes(session.camera));
  return [
    {
      method: 'post',
      path: '/cameras/:id/stream-token',
      access: 'viewer',
      tag,
      summary: 'A token for <img> and <video>: for this camera, reading only, five minutes (?token=)',
      answer: StreamTokenAnswer,
      async handle({ params: { id = '' }, user }) {
        requireCamera(user, id);
        await fleet.camera(id);
        const { token, expiresAt } = await tokens.issue(user, id);
        return new Answer(
          200,
          { token, expires_at: new Date(expiresAt).toISOString() },
          { 'Cache-Control': 'no-store' },
        );
      },
    },
    {
      method: 'get',
      path: '/sessions',
      access: 'operator',
      tag,
      summary: 'Who is watching now, newest first',
      query: ShortListQuery,
      answer: pageOf(SessionRecord),
      async handle({ query, user }) {
        await Promise.all(sessions.map((source) => source.refresh?.()));
        const found = visible(user).map(({ session }) => session);
        const { items, next } = shortPage(found, ({ startedAt, id }) => [startedAt, id], query);
        return { items: items.map(record), next };
      },
    },
    {
      method: 'get',
      path: '/graph',
      access: 'operator',
      tag,
      summary: 'Sources, hub and viewers as they are now, a camera each, by name',
      query: ShortListQuery,
      answer: pageOf(GraphRecord),
      handle({ query, user }) {
        const seen = (streams?.list() ?? []).filter(({ camera }) => user.cameras?.includes(camera) ?? true);
        const watching = visible(user).map(({ session }) => session);
        const { items, next } = shortPage(seen, ({ camera }) => [0, camera], query);
        return { items: items.map((status) => graphOf(status, watching)), next };
      },
    },
    {
      method: 'delete',
      path: '/sessions/:id',
      access: 'operator',
      tag,
      summary: 'End somebody’s watching',
      status: 204,
      handle({ params: { id }, user }) {
        const known = visible(user).find(({ session }) => session.id === id);
        if (!known?.source.kick(known.session.id)) throw new AppError('session.not_found', 'there is no such session');
        return new Answer(204);
      },
    },
  ];
}

function graphOf(status: StreamStatus, sessions: readonly LiveSession[]): GraphRecord {
  const { camera, state, reason, format, fps, bitsPerSecond, ageMs, restarts, readers, discarded } = status;
  return {
    camera,
    source: {
      state,
      reason: reason ?? null,
      codec: format?.codec ?? null,
      width: format?.width ?? null,
      height: format?.height ?? null,
      b_frames: format?.hasBFrames ?? null,
      sound: format?.audio ?? null,
      fps,
      bits_per_second: bitsPerSecond,
      age_ms: ageMs ?? null,
      restarts,
    },
    hub: { readers, discarded },
    viewers: sessions.filter((session) => session.camera === camera).map(record),
  };
}

function record(session: LiveSession) {
  const { id, type, camera, user, address, path, state, startedAt, bytes, loss, discarded } = session;
  return {
    id,
    type,
    camera,
    user,
    address,
    path,
    state,
    started_at: new Date(startedAt).toISOString(),
    bytes,
    discarded,
    loss: loss ? { share: loss.share, packets: loss.packets, jitter_ms: loss.jitterMs } : null,
  };
}
