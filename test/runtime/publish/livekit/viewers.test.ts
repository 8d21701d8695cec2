import assert from 'node:assert/strict';
import { ParticipantInfo, ParticipantInfo_Kind, ParticipantPermission } from '@livekit/protocol';
import type { AppError } from '../../../../runtime/contracts/errors.ts';
import type { IceServer, SessionSource } from '../../../../runtime/contracts/live.ts';
import { LivekitServer } from '../../../../runtime/publish/livekit/server.ts';
import { LivekitAccess } from '../../../../runtime/publish/livekit/service.ts';
import { RoomViewers } from '../../../../runtime/publish/livekit/viewers.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { openDoor } from '../../../support/http-door.ts';
import { ListLog } from '../../../support/list-log.ts';
import { LivekitStandIn } from '../../../support/livekit.ts';
import { until } from '../../../support/until.ts';

/** Cameras by room. */
const ROOMS: Record<string, string[]> = { hall: ['gate', 'porch'], yard: ['kitchen'] };

describe('who watches in rooms of LiveKit', () => {
  let livekit: LivekitStandIn;
  let clock: FakeClock;
  let log: ListLog;
  let viewers: RoomViewers;
  let door: Awaited<ReturnType<typeof openDoor>>;
  let operator: string;

  const open = async (settings: { apiSecret?: string } = {}) => {
    const { url, apiKey, apiSecret } = livekit;
    const server = new LivekitServer({ url, apiKey, apiSecret, ...settings });
    const rooms = {
      camerasIn: (room: string) => ROOMS[room] ?? [],
      rooms: () => Object.keys(ROOMS),
      roomOf: () => undefined,
    };
    viewers = new RoomViewers({ server, rooms, clock: clock as never, log });
    const iceServers = (): IceServer[] => [];
    const parts = { server, clock: clock as never, iceServers, rooms, viewers };
    const access = new LivekitAccess({ ...parts, probe: async () => assert.fail('not asked') });
    const sessions: SessionSource[] = [viewers];
    door = await openDoor({ published: { livekit: access } as never, live: { sessions } as never });
    operator = await door.userToken('operator');
  };
  const list = async (token = operator) => {
    const { status, json } = await door.call('GET', '/api/v1/sessions', { token });
    assert.equal(status, 200, JSON.stringify(json));
    return json.items as { id: string; type: string; camera: string; user: string; state: string; path: string }[];
  };
  const invite = async (token: string, room: string) => {
    const { status, json } = await door.call('POST', '/api/v1/livekit/token', { token, body: { room } });
    return { status, ...(json as { token: string; identity: string; code?: string }) };
  };
  /** LiveKit is asked again only after a while. */
  const later = () => clock.advance(3000);

  beforeEach(async () => {
    livekit = await new LivekitStandIn().start();
    // Tokens are verified by the time of this machine.
    clock = new FakeClock(Date.now());
    log = new ListLog();
    await open();
  });
  afterEach(async () => {
    await door.close();
    await livekit.stop();
  });

  it('is a session from the token on, plays once it has joined, and is gone when it has left', async () => {
    const anna = await door.userToken('viewer');
    const { token, identity } = await invite(anna, 'hall');
    const [invited] = await list();
    assert.deepEqual(
      [invited?.type, invited?.camera, invited?.user, invited?.state, invited?.path],
      [
        'livekit',
        'gate',
        (await door.call('GET', '/api/v1/auth/me', { token: anna })).json.name,
        'connecting',
        '/api/v1/livekit/token',
      ],
    );
    await livekit.join(token);
    await later();
    const [inside] = await list();
    assert.deepEqual([inside?.id, inside?.state], [invited?.id, 'playing']);
    livekit.inside.get('hall')?.delete(identity);
    await later();
    assert.deepEqual(await list(), []);
  });

  it('shows nobody who publishes, and who came without our token by its identity', async () => {
    const enter = (identity: string, kind: ParticipantInfo_Kind, canPublish: boolean) =>
      livekit.enter(
        'yard',
        new ParticipantInfo({
          identity,
          kind,
          permission: new ParticipantPermission({ canSubscribe: true, canPublish }),
        }),
      );
    enter('camera-kitchen-livekit', ParticipantInfo_Kind.INGRESS, true);
    enter('device-pi', ParticipantInfo_Kind.STANDARD, true);
    enter('web-stranger', ParticipantInfo_Kind.STANDARD, false);
    assert.deepEqual(
      (await list()).map(({ user, camera, state }) => [user, camera, state]),
      [['web-stranger', 'kitchen', 'playing']],
    );
    const limited = await door.userToken('operator', ['gate', 'porch']);
    assert.deepEqual(await list(limited), [], 'not to who may not see that camera');
  });

  it('is sent away by LiveKit, with its token, and gets no other for a while', async () => {
    const anna = await door.userToken('viewer');
    const { token, identity } = await invite(anna, 'hall');
    // LiveKit compares whole seconds; the token is from ten seconds ago.
    await livekit.join(token);
    await later();
    const [inside] = await list();
    const kicked = await door.call('DELETE', `/api/v1/sessions/${inside?.id}`, { token: operator });
    assert.equal(kicked.status, 204);
    await until('LiveKit has sent it away', () => livekit.inside.get('hall')?.has(identity) === false);
    await assert.rejects(livekit.join(token), /revoked/);
    assert.deepEqual(await list(), []);
    const again = await invite(anna, 'hall');
    assert.deepEqual([again.status, again.code], [410, 'session.ended']);
    assert.equal((await invite(operator, 'hall')).status, 200, 'others may');
    await clock.advance(31_000);
    assert.equal((await invite(anna, 'hall')).status, 200);
    assert.equal((await door.call('DELETE', `/api/v1/sessions/${inside?.id}`, { token: operator })).status, 404);
  });

  it('is forgotten when its token is over, and stays listed while LiveKit does not answer', async () => {
    const anna = await door.userToken('viewer');
    const { token } = await invite(anna, 'hall');
    await livekit.join(token);
    await later();
    await list();
    await livekit.stop();
    await later();
    const [inside] = await list();
    assert.equal(inside?.state, 'playing');
    await door.call('DELETE', `/api/v1/sessions/${inside?.id}`, { token: operator });
    await until('it is said', () => log.lines.some(({ message }) => /was not sent away/.test(message)));
    await livekit.start();
    assert.ok(!JSON.stringify(log.lines).includes(livekit.apiSecret));
    await invite(anna, 'yard');
    await clock.advance(599_000);
    const cameras = async () => (await list()).map(({ camera }) => camera);
    assert.ok((await cameras()).includes('kitchen'));
    await clock.advance(2000);
    assert.ok(!(await cameras()).includes('kitchen'));
  });

  it('is asked for with a right for that one room, which another key does not have', async () => {
    const server = new LivekitServer({ url: livekit.url, apiKey: livekit.apiKey, apiSecret: 'x'.repeat(40) });
    for (const refused of [server.participants('hall'), server.removeParticipant('hall', 'web-1', 0)])
      await assert.rejects(refused, (error: AppError) => error.code === 'livekit.key_refused');
    assert.deepEqual(livekit.calls, ['ListParticipants', 'RemoveParticipant']);
  });
});
