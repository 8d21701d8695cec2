import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { ServerState } from '../../../runtime/contracts/metrics.ts';
import type { Role } from '../../../runtime/contracts/users.ts';
import { createFrameCounts } from '../../../runtime/http/frame-counts.ts';
import { type IngestOptions, ingestDoor } from '../../../runtime/http/ingest/ingest.ts';
import type { LiveParts } from '../../../runtime/http/live/live.ts';
import { createMetrics } from '../../../runtime/http/metrics.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { openDoor } from '../../support/http-door.ts';

/** What every stage answers: a thing of the kitchen, whatever was asked for. */
const THING = {
  id: 'kitchen-cam',
  camera: 'kitchen-cam',
  cameras: ['kitchen-cam'],
  device: 'kitchen',
  info: { cameras: [{ id: 'kitchen-cam' }] },
  images: {},
  name: 'kitchen',
};
const PICTURE = Buffer.from('kitchen picture');

/** A stage whose lists keep to the cameras that they are asked for, as `ListQuery` promises. */
function stage<T>(more: Record<string, unknown> = {}): T {
  return new Proxy(more, {
    get(own, name) {
      if (typeof name !== 'string' || name === 'then') return undefined;
      if (name in own) return own[name];
      return async (first?: unknown) => {
        const query = first as { limit?: number; cameras?: string[] | null } | undefined;
        if (typeof query !== 'object' || query.limit === undefined)
          return /^(image|file|bytes)/.test(name) ? PICTURE : THING;
        const sees = query.cameras === null || query.cameras?.includes('kitchen-cam');
        return { items: sees ? [THING] : [], next: null, total: sees ? 1 : 0 };
      };
    },
  }) as T;
}

const ROLES: readonly Role[] = ['viewer', 'operator', 'admin'];
const ASKERS = [
  { name: 'anonymous', role: undefined, cameras: null },
  ...ROLES.map((role) => ({ name: role, role, cameras: null })),
  ...ROLES.map((role) => ({ name: `${role} of another camera`, role, cameras: ['porch-cam'] })),
];

/** Ids below these name something that belongs to a camera. */
const OF_A_CAMERA =
  /^\/api\/v1\/(cameras|devices|captures|events|images|videos|products|jobs|commands|sessions|streams)\/\{/;
/** Whose right is another than role and camera, said by their own tests. */
const OWN_RIGHT = ['/api/v1/auth/password', '/api/v1/pairing/poll', '/api/v1/auth/login', '/api/v1/auth/refresh'];

interface Operation {
  'x-role'?: string;
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { example?: unknown }> };
  responses: Record<string, { content?: Record<string, unknown> }>;
}

describe('who may do what: every route of the document by every role', () => {
  let door: Awaited<ReturnType<typeof openDoor>>;
  const tokens = new Map<string, string>();
  const cells: { path: string; method: string; operation: Operation; least: Role }[] = [];

  before(async () => {
    const metrics = createMetrics({ log: silentLog, process: false });
    const session = { ...THING, id: 's1', startedAt: 0, type: 'hls', user: 'x', address: '', path: '', bytes: 0 };
    const live = {
      streams: { status: () => ({ camera: 'kitchen-cam', state: 'live', readers: 0 }), list: () => [THING] },
      whep: {
        iceServers: () => [],
        trouble: () => undefined,
        open: async () => ({ id: 'i', secret: 's', answer: 'v=0', etag: 'e' }),
        sessions: () => [session],
        kick: () => true,
      },
      hls: { index: async () => 'kitchen' },
      pictures: {
        snapshot: async () => ({ jpeg: PICTURE, takenAt: 0 }),
        watch: (_camera: string, { onPicture }: { onPicture(picture: object): void }) => {
          onPicture({ jpeg: PICTURE, takenAt: 0 });
          return () => undefined;
        },
      },
      sessions: [{ sessions: () => [session], kick: () => true }],
      test: async () => ({ ok: false }),
    } as unknown as LiveParts;
    const state = stage<ServerState>({
      ...Object.fromEntries(
        ['disk', 'segments', 'jobCounts', 'devices', 'outboxWaiting'].map((name) => [name, async () => ({})]),
      ),
      flows: () => ({ state: 'running' }),
      mqttConnections: () => 0,
      database: {
        kind: 'pglite',
        ask: async () => undefined,
        figures: async () => ({ version: '17.2', sizeBytes: 8_000_000, tables: [] }),
      },
    });
    const nobody = { fleet: { deviceOfKey: async () => undefined }, frames: stage() };
    door = await openDoor({
      ingest: ingestDoor({ ...(nobody as unknown as IngestOptions), clock: systemClock, log: silentLog }),
      fleet: stage({ devices: async () => [THING], cameras: async () => [THING], pairing: stage() }),
      commands: stage({ list: async () => ({ items: [THING], next: null }) }),
      deployments: stage(),
      frames: stage(),
      gallery: stage({
        async product(_id: number, who: { cameras: string[] | null }) {
          if (who.cameras !== null) throw new AppError('product.not_found', 'no such product');
          return THING;
        },
      }),
      jobs: stage({
        async retry(_id: number, _actor: unknown, cameras: string[] | null) {
          if (cameras !== null) throw new AppError('job.not_found', 'no such job');
          return THING;
        },
        counts: async () => ({ queued: 0 }),
      }),
      events: stage({ subscribe: () => () => undefined }),
      published: stage({
        list: async () => [THING],
        youtube: stage({ page: '/', status: async () => ({}), begin: async () => 'https://x' }),
        livekit: stage({
          status: () => ({}),
          camerasIn: () => [],
          roomOf: () => undefined,
          viewerToken: async () => ({}),
          diagnose: async () => ({}),
        }),
      }),
      // Of the whole site, without a camera's name.
      retention: stage({ status: async () => ({}), run: async () => ({}) }),
      operations: { metrics, frames: createFrameCounts({ clock: systemClock, metrics }), state },
      live,
    });
    for (const { name, role, cameras } of ASKERS) if (role) tokens.set(name, await door.userToken(role, cameras));
    const { json } = await door.call('GET', '/api/openapi.json');
    for (const [path, methods] of Object.entries(json.paths as Record<string, Record<string, Operation>>)) {
      for (const [method, operation] of Object.entries(methods)) {
        const least = ROLES.find((role) => role === operation['x-role']);
        if (least && method !== 'options' && !OWN_RIGHT.includes(path)) cells.push({ path, method, operation, least });
      }
    }
  });
  after(() => door.close());

  /** Asks as a client would; streams are left after their head. */
  async function ask({ path, method, operation }: (typeof cells)[number], token: string | undefined) {
    const isOf = (collection: string) => path.startsWith(`/api/v1/${collection}/`);
    const id = isOf('cameras') ? 'kitchen-cam' : isOf('devices') ? 'kitchen' : isOf('sessions') ? 's1' : '900';
    const url = path
      .replace('{id}', id)
      .replace('{file}', 'thumb.jpg')
      .replace(/\{\w+\}/g, '900');
    const [[type, body] = []] = Object.entries(operation.requestBody?.content ?? {});
    const ending = new AbortController();
    const response = await fetch(door.url + url, {
      method: method.toUpperCase(),
      signal: ending.signal,
      redirect: 'manual',
      headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(type && { 'Content-Type': type }) },
      ...(type && { body: typeof body?.example === 'object' ? JSON.stringify(body.example) : 'v=0' }),
    });
    const endless = /event-stream|x-mixed-replace/.test(response.headers.get('content-type') ?? '');
    const text = endless ? '' : await response.text();
    if (endless) ending.abort();
    await turn();
    const code = /"code":"([^"]+)"/.exec(text)?.[1];
    return { status: response.status, text, code };
  }

  it('everybody, nobody included: a method that a path does not have is 405 with `Allow`, as the document has it', async () => {
    const { json } = await door.call('GET', '/api/openapi.json');
    const paths = Object.entries(json.paths as Record<string, Record<string, Operation>>);
    // What one path has is also had by those that it is one of: `/cameras/test` is a `/cameras/{id}` too.
    const shapeOf = (path: string) => new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`);
    for (const [path] of paths) {
      const url = path.replace('hls/{file}', 'hls/index.m3u8').replace(/\{\w+\}/g, 'x');
      const has = new Set(paths.flatMap(([other, methods]) => (shapeOf(other).test(url) ? Object.keys(methods) : [])));
      const allow = [...has, 'options', ...(has.has('get') ? ['head'] : [])].map((one) => one.toUpperCase());
      const expected = [...new Set(allow)].sort().join(', ');
      for (const method of ['DELETE', 'PUT', 'PATCH', 'POST', 'GET'].filter((one) => !has.has(one.toLowerCase()))) {
        for (const token of [undefined, tokens.get('viewer'), tokens.get('admin')]) {
          const { status, headers, json: said } = await door.call(method, url, token === undefined ? {} : { token });
          assert.deepEqual(
            [status, headers.get('allow'), said?.code],
            [405, expected, 'route.method_not_allowed'],
            `${method} ${url}`,
          );
        }
      }
      if (has.has('options')) continue;
      const asked = await door.call('OPTIONS', url, { headers: { Origin: 'https://shop.example' } });
      const cors = asked.headers.get('access-control-allow-origin');
      assert.deepEqual([asked.status, asked.headers.get('allow'), asked.text, cors], [204, expected, '', null], url);
    }
  });

  for (const asker of ASKERS) {
    it(`${asker.name}: every route answers or refuses as the document says`, async () => {
      assert.ok(cells.length > 50, 'the document was read');
      for (const cell of cells) {
        const what = `${asker.name}: ${cell.method.toUpperCase()} ${cell.path}`;
        const { status, text, code } = await ask(cell, tokens.get(asker.name));
        if (asker.role === undefined) assert.deepEqual([status, code], [401, 'auth.missing'], what);
        else if (ROLES.indexOf(asker.role) < ROLES.indexOf(cell.least))
          assert.deepEqual([status, code], [403, 'auth.forbidden'], what);
        else if (asker.cameras === null)
          assert.ok(status < 500 && status !== 401 && status !== 403, `${what}: ${status} ${text}`);
        else if (OF_A_CAMERA.test(cell.path)) assert.ok(status === 403 || status === 404, `${what}: ${status} ${text}`);
        // What one makes oneself is one's own to see.
        else if (status === 201 || status === 202) continue;
        else assert.ok(status < 500 && !(status < 400 && text.includes('kitchen')), `${what}: ${status} ${text}`);
      }
    });
  }
});
