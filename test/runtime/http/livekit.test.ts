import assert from 'node:assert/strict';
import type { LivekitService } from '../../../runtime/contracts/rooms.ts';
import { openDoor } from '../../support/http-door.ts';

/** Whose cameras are where: gate and porch are of the device `pi`, kitchen is another's. */
const CAMERAS = [
  { id: 'gate', device: 'pi' },
  { id: 'porch', device: 'pi' },
  { id: 'kitchen', device: 'other' },
];
const KEY = 'the key of pi';

describe('rooms of LiveKit over HTTP', () => {
  let door: Awaited<ReturnType<typeof openDoor>>;
  const given: string[] = [];
  const inside: Record<string, string[]> = { hall: ['gate', 'kitchen'], yard: ['gate', 'porch'] };

  before(async () => {
    const token = (role: string) => async (room: string, identity: string) => {
      given.push(`${role} ${room} ${identity}`);
      return { url: 'wss://live.example', token: 't', room, identity, expires_at: new Date().toISOString() };
    };
    const livekit: LivekitService = {
      status: () => ({ configured: true, url: 'wss://live.example', reason: null }),
      viewerToken: token('viewer'),
      publisherToken: token('publisher'),
      ingress: async ({ room, name, via = 'rtmp' }) => ({
        ingress_id: 'IN_1',
        room,
        name,
        via,
        url: 'rtmp://h/x',
        stream_key: 'k',
      }),
      diagnose: async () => ({ ok: true, checked_at: new Date().toISOString(), checks: [] }),
      camerasIn: (room) => inside[room] ?? [],
      roomOf: () => undefined,
    };
    const fleet = {
      cameras: async () => CAMERAS,
      deviceOfKey: async (key: string) => (key === KEY ? { id: 'pi', disabled: false } : undefined),
    };
    door = await openDoor({ published: { livekit } as never, fleet: fleet as never });
  });
  after(() => door.close());
  beforeEach(() => given.splice(0));

  const watch = async (token: string | undefined, body: object) => {
    const answer = await door.call('POST', '/api/v1/livekit/token', { ...(token && { token }), body });
    return [answer.status, answer.json.code ?? answer.json.identity];
  };
  const publish = async (room: string, headers: Record<string, string>) => {
    const answer = await door.call('GET', `/api/v1/device/livekit-token?room=${room}`, { headers });
    return [answer.status, answer.json.code ?? answer.json.identity];
  };

  it('are watched by those who may see every camera in them', async () => {
    const all = await door.userToken('viewer');
    const limited = await door.userToken('operator', ['gate', 'porch']);
    assert.equal((await watch(all, { room: 'plastination' }))[0], 200);
    assert.equal((await watch(limited, { room: 'yard' }))[0], 200);
    assert.equal((await watch(limited, { room: 'gate' }))[0], 200);
    for (const room of ['hall', 'kitchen', 'plastination'])
      assert.deepEqual(await watch(limited, { room }), [403, 'livekit.room_forbidden'], room);
    assert.deepEqual(await watch(undefined, { room: 'yard' }), [401, 'auth.missing']);
    assert.equal((await watch(all, { room: 'a/b' }))[0], 400);
    assert.ok(given.every((line) => line.startsWith('viewer ')));
  });

  it('never under the name of a camera or device, whose place in the room that would take', async () => {
    const token = await door.userToken('viewer');
    assert.deepEqual(await watch(token, { room: 'yard', identity: 'camera-gate-livekit' }), [
      200,
      'web-camera-gate-livekit',
    ]);
    assert.deepEqual(await watch(token, { room: 'yard', identity: 'web-anna' }), [200, 'web-anna']);
    const [, made] = await watch(token, { room: 'yard' });
    assert.match(made, /^web-[0-9a-f]{8}$/);
  });

  it('are published into by devices with their key, and not where another device’s camera is', async () => {
    const key = { 'X-DEVICE-KEY': KEY };
    assert.deepEqual(await publish('plastination', key), [200, 'device-pi']);
    assert.deepEqual(await publish('gate', { 'X-API-Key': KEY }), [200, 'device-pi']);
    for (const room of ['hall', 'kitchen'])
      assert.deepEqual(await publish(room, key), [403, 'livekit.room_forbidden'], room);
    assert.deepEqual(await publish('gate', { 'X-DEVICE-KEY': 'wrong' }), [401, 'auth.invalid']);
    assert.deepEqual(await publish('gate', {}), [401, 'auth.missing']);
    const admin = await door.userToken('admin');
    assert.deepEqual(await publish('gate', { Authorization: `Bearer ${admin}` }), [401, 'auth.missing']);
    assert.deepEqual(given, ['publisher plastination device-pi', 'publisher gate device-pi']);
  });

  it('give the key of an ingress to administrators only, and the diagnosis to operators', async () => {
    const body = { room: 'plastination', name: 'pi-cam' };
    for (const [role, ingress, diagnosis] of [
      ['viewer', 403, 403],
      ['operator', 403, 200],
      ['admin', 200, 200],
    ] as const) {
      const token = await door.userToken(role);
      assert.equal((await door.call('POST', '/api/v1/livekit/ingress', { token, body })).status, ingress, role);
      assert.equal((await door.call('GET', '/api/v1/livekit/diagnostics', { token })).status, diagnosis, role);
    }
  });
});
