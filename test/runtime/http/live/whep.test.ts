import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import type { FleetService } from '../../../../runtime/contracts/services.ts';
import type { HttpParts } from '../../../../runtime/http/app.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { datachannelEngine } from '../../../../runtime/media/whep/datachannel-engine.ts';
import { readIceServers } from '../../../../runtime/media/whep/ice-servers.ts';
import { createWhep, type WhepOptions } from '../../../../runtime/media/whep/whep.ts';
import { openDoor } from '../../../support/http-door.ts';
import { type Clip, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';
import { kindsOf, WhepClient } from '../../../support/whep-client.ts';

const SDP = { 'Content-Type': 'application/sdp' };
const FRAGMENT = { 'Content-Type': 'application/trickle-ice-sdpfrag' };
const GATE = '/api/v1/cameras/gate/whep';
const SERVERS = { servers: ['stun:stun.example.net:3478', 'turn:turn.example.net?transport=udp'], turnSecret: 'north' };

describe('WHEP over HTTP', () => {
  let clip: Clip;
  let withBFrames: Clip;
  const closing: (() => Promise<void> | void)[] = [];
  before(async () => {
    clip = await recordClip({ seconds: 2 });
    withBFrames = await recordClip({ bFrames: 2, seconds: 1 });
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  const open = async (change: Partial<WhepOptions> = {}, parts: Partial<HttpParts> = {}) => {
    const streams = new FakeStreams();
    streams.play('gate', clip);
    streams.play('door', withBFrames);
    streams.stillsOnly.add('still');
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const udpPort = socket.address().port;
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    const engine = datachannelEngine({ udpPort, bindAddress: '127.0.0.1', clock: systemClock, log: silentLog });
    const common = { streams, engine, udpPort, clock: systemClock, log: silentLog };
    const whep = createWhep({ ...common, iceServers: readIceServers(SERVERS), ...change });
    await whep.start();
    const fleet = {
      async camera(id: string) {
        if (id !== 'gate') throw new AppError('camera.not_found', 'no such camera');
        return { id };
      },
      deviceOfKey: async () => undefined,
    } as unknown as FleetService;
    const door = await openDoor({ live: { streams, whep, sessions: [whep] }, fleet, ...parts });
    closing.push(
      () => streams.close(),
      () => whep.stop(),
      () => door.close(),
    );
    const client = () => {
      const one = new WhepClient();
      closing.push(() => one.close());
      return one;
    };
    const watch = async (token: string, path = GATE, headers: Record<string, string> = {}) => {
      const player = client();
      const answer = await door.call('POST', path, {
        token,
        body: await player.offer(),
        headers: { ...SDP, ...headers },
      });
      return { player, answer, address: answer.headers.get('location') ?? '' };
    };
    return { ...door, streams, whep, client, watch };
  };

  it('opens with 201 and all that a player needs, plays, and ends with DELETE', async () => {
    const { userToken, watch, call, whep } = await open({}, { basePath: '/cams' });
    const token = await userToken('viewer');
    const { player, answer } = await watch(token, GATE, { Origin: 'https://shop.example' });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get('content-type'), 'application/sdp');
    assert.equal(answer.headers.get('accept-patch'), 'application/trickle-ice-sdpfrag');
    assert.match(answer.headers.get('etag') ?? '', /^"[0-9a-f]{12}"$/);
    assert.match(answer.headers.get('location') ?? '', /^\/cams\/api\/v1\/cameras\/gate\/whep\/[A-Za-z0-9_-]{32}$/);
    const links = answer.headers.get('link') ?? '';
    assert.match(links, /<stun:stun\.example\.net:3478>; rel="ice-server"/);
    assert.match(
      links,
      /<turn:turn\.example\.net\?transport=udp>; rel="ice-server"; username="\d+:viewer0"; credential="[^"]+"; credential-type="password"/,
    );
    const exposed = answer.headers.get('access-control-expose-headers') ?? '';
    for (const name of ['Location', 'ETag', 'Link', 'Accept-Patch']) assert.ok(exposed.includes(name), name);
    player.take(answer.text);
    await until('pictures', () => player.pictures.length > 5);
    const [first] = player.pictures;
    assert.deepEqual(first && kindsOf(first).slice(0, 2), [7, 8]);
    const address = (answer.headers.get('location') ?? '').replace('/cams', '');
    assert.equal((await call('DELETE', address)).status, 200);
    assert.deepEqual(whep.sessions(), []);
    const again = await call('DELETE', address);
    assert.deepEqual([again.status, again.json.code], [404, 'session.not_found']);
  });

  it('says what it takes, and gives TURN credentials only to who may watch', async () => {
    const { call, userToken } = await open();
    const stranger = await call('OPTIONS', GATE);
    assert.equal(stranger.status, 204);
    assert.equal(stranger.headers.get('accept-post'), 'application/sdp');
    assert.equal(stranger.headers.get('link'), '<stun:stun.example.net:3478>; rel="ice-server"');
    const viewer = await call('OPTIONS', GATE, { token: await userToken('viewer') });
    assert.match(viewer.headers.get('link') ?? '', /turn:.*credential=/);
    const foreign = await call('OPTIONS', GATE, { token: await userToken('viewer', ['other']) });
    assert.ok(!foreign.headers.get('link')?.includes('turn:'));
  });

  it('takes candidates later, and says what it cannot do', async () => {
    const { watch, userToken, call } = await open();
    const { address, answer, player } = await watch(await userToken('viewer'));
    const offer = player.ice;
    const fragment = (ufrag: string, pwd: string) =>
      `a=ice-ufrag:${ufrag}\r\na=ice-pwd:${pwd}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 UDP 2114977791 127.0.0.1 40001 typ host\r\na=end-of-candidates\r\n`;
    const patch = (body: string, headers: Record<string, string> = {}) =>
      call('PATCH', address, { body, headers: { ...FRAGMENT, ...headers } });
    const etag = answer.headers.get('etag') ?? '';
    assert.equal((await patch(fragment(offer.ufrag, offer.pwd), { 'If-Match': etag })).status, 204);
    assert.equal((await patch(fragment(offer.ufrag, offer.pwd))).status, 204);
    const stale = await patch(fragment(offer.ufrag, offer.pwd), { 'If-Match': '"other"' });
    assert.deepEqual([stale.status, stale.json.code], [412, 'session.stale']);
    const restart = await patch(fragment('abcd', 'a'.repeat(24)), { 'If-Match': '*' });
    assert.deepEqual([restart.status, restart.json.code], [422, 'session.no_restart']);
    assert.equal((await patch('hello')).status, 400);
    assert.equal((await patch('{}', { 'Content-Type': 'application/json' })).status, 415);
    assert.equal(
      (await call('PATCH', `${GATE}/nobody`, { body: fragment('abcd', 'a'.repeat(24)), headers: FRAGMENT })).status,
      404,
    );
    player.take(answer.text);
    await until('it plays all the same', () => player.pictures.length > 3);
  });

  it('refuses by the table', async () => {
    const { call, userToken, client, watch } = await open();
    const token = await userToken('viewer');
    const offer = await client().offer();
    const post = (path: string, body: string, headers: Record<string, string>, as: string | undefined = token) =>
      call('POST', path, { ...(as && { token: as }), body, headers });
    const cases: [string, Awaited<ReturnType<typeof call>>, number, string][] = [
      ['no credential', await call('POST', GATE, { body: offer, headers: SDP }), 401, 'auth.missing'],
      [
        'another camera’s user',
        await post(GATE, offer, SDP, await userToken('viewer', ['other'])),
        403,
        'auth.forbidden',
      ],
      ['unknown camera', await post('/api/v1/cameras/nothing/whep', offer, SDP), 404, 'camera.not_found'],
      ['stills only', await post('/api/v1/cameras/still/whep', offer, SDP), 409, 'camera.no_stream'],
      ['JSON', await post(GATE, '{}', { 'Content-Type': 'application/json' }), 415, 'request.unsupported_type'],
      [
        'JSON, at the players’ path',
        await post('/gate/whep', '{}', { 'Content-Type': 'application/json' }),
        400,
        'request.invalid',
      ],
      ['no SDP', await post(GATE, 'hello', SDP), 400, 'offer.invalid'],
      ['nothing', await post(GATE, '', SDP), 400, 'offer.invalid'],
      ['too large', await post(GATE, `v=0\r\n${'a=x\r\n'.repeat(14_000)}`, SDP), 413, 'request.too_large'],
      ['VP8 only', await post(GATE, offer.replace(/H264/g, 'VP8'), SDP), 406, 'offer.no_codec'],
      ['GET', await call('GET', GATE, { token }), 405, 'route.method_not_allowed'],
      ['PUT', await call('PUT', GATE, { token }), 405, 'route.method_not_allowed'],
      ['GET of a session', await call('GET', `${GATE}/x`, { token }), 405, 'route.method_not_allowed'],
    ];
    for (const [name, { status, json }, wanted, code] of cases)
      assert.deepEqual([status, json?.code], [wanted, code], name);
    const { answer } = await watch(token, '/api/v1/cameras/door/whep');
    assert.deepEqual([answer.status, answer.json.code], [406, 'stream.b_frames']);
    assert.equal(answer.headers.get('link'), '</api/v1/cameras/door/hls/index.m3u8>; rel="alternate"');
    const plain = await watch(token, '/door/whep');
    assert.equal(plain.answer.headers.get('link'), '</door/index.m3u8>; rel="alternate"');
  });

  it('is full at its limit', async () => {
    const { watch, userToken } = await open({ limit: 1 });
    const token = await userToken('viewer');
    assert.equal((await watch(token)).answer.status, 201);
    const { answer } = await watch(token);
    assert.deepEqual(
      [answer.status, answer.json.code, answer.headers.get('retry-after')],
      [503, 'session.limit', '10'],
    );
  });

  it('tells when its port is taken, while everything else works', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    closing.push(() => new Promise<void>((resolve) => socket.close(() => resolve())));
    const udpPort = socket.address().port;
    const engine = datachannelEngine({ udpPort, bindAddress: '127.0.0.1', clock: systemClock, log: silentLog });
    const { watch, userToken, call } = await open({ engine });
    const token = await userToken('operator');
    const { answer } = await watch(token);
    assert.deepEqual([answer.status, answer.json.code], [503, 'webrtc.unavailable']);
    assert.match(answer.json.message, /WEBRTC_UDP_PORT: UDP port \d+ is in use/);
    assert.equal((await call('GET', '/api/v1/sessions', { token })).status, 200);
    assert.equal((await call('GET', '/healthz')).status, 200);
  });

  it('lets players in by name and password, at the paths of MediaMTX', async () => {
    const { userToken, client, call, accounts, users } = await open();
    await userToken('viewer');
    const basic = (name: string, password: string) => ({
      Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
    });
    const post = async (headers: Record<string, string>) =>
      call('POST', '/gate/whep', { body: await client().offer(), headers: { ...SDP, ...headers } });
    const asked = await post({});
    assert.deepEqual(
      [asked.status, asked.headers.get('www-authenticate')],
      [401, 'Basic realm="mediamtx", charset="UTF-8"'],
    );
    const { code, ...said } = asked.json;
    assert.deepEqual(
      [said.status, typeof said.error, code, Object.keys(said).length],
      ['error', 'string', 'auth.missing', 2],
    );
    assert.equal((await post(basic('viewer0', 'wrong'))).status, 401);
    const welcome = await post(basic('viewer0', 'correct horse battery'));
    assert.equal(welcome.status, 201);
    assert.match(welcome.headers.get('location') ?? '', /^\/gate\/whep\//);
    assert.equal((await call('DELETE', welcome.headers.get('location') ?? '')).status, 200);
    // Remembered, but not longer than the password is right.
    let checks = 0;
    const check = accounts.checkPassword.bind(accounts);
    accounts.checkPassword = (...given) => {
      checks += 1;
      return check(...given);
    };
    assert.equal((await post(basic('viewer0', 'correct horse battery'))).status, 201);
    assert.equal(checks, 0);
    const [user] = users.users;
    await users.setPassword(user?.id ?? 0, 'another hash', false);
    assert.equal((await post(basic('viewer0', 'correct horse battery'))).status, 401);
    assert.equal((await call('POST', '/nothing/whep', { body: 'x', headers: SDP })).status, 401);
    // Elsewhere a password is no credential.
    assert.equal(
      (await call('GET', '/api/v1/sessions', { headers: basic('viewer0', 'correct horse battery') })).status,
      401,
    );
  });

  it('lists who watches to operators, within their cameras, and lets them end it', async () => {
    const { watch, userToken, call } = await open();
    const { player, answer, address } = await watch(await userToken('viewer'));
    player.take(answer.text);
    await until('pictures', () => player.pictures.length > 5);
    const token = await userToken('operator');
    const { json, text } = await call('GET', '/api/v1/sessions', { token });
    const [session] = json.items;
    assert.deepEqual(
      [session.type, session.camera, session.user, session.address, session.path, session.state],
      ['whep', 'gate', 'viewer0', '127.0.0.1', GATE, 'playing'],
    );
    assert.ok(session.bytes > 100);
    assert.ok(!text.includes(address.split('/').at(-1) ?? '?'), 'the secret is not in the list');
    const graph = await call('GET', '/api/v1/graph', { token });
    assert.deepEqual(
      graph.json.items.map((one: { camera: string }) => one.camera),
      ['door', 'gate'],
      'by name',
    );
    const camera = graph.json.items[1];
    assert.deepEqual(
      [camera.camera, camera.source.state, camera.hub.readers, camera.viewers[0].id],
      ['gate', 'live', 1, session.id],
    );
    assert.match(camera.source.codec, /^avc1\.42c0/, 'constrained baseline, as it was recorded');
    assert.ok(camera.source.age_ms < 1000, graph.text);
    const elsewhere = await userToken('operator', ['other']);
    assert.deepEqual((await call('GET', '/api/v1/graph', { token: elsewhere })).json.items, []);
    assert.equal((await call('GET', '/api/v1/graph', { token: await userToken('viewer') })).status, 403);
    assert.deepEqual((await call('GET', '/api/v1/sessions', { token: elsewhere })).json.items, []);
    assert.equal((await call('DELETE', `/api/v1/sessions/${session.id}`, { token: elsewhere })).status, 404);
    assert.equal((await call('DELETE', `/api/v1/sessions/${session.id}`, { token })).status, 204);
    assert.equal((await call('GET', '/api/v1/sessions', { token })).json.items.length, 0);
    const { length } = player.pictures;
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(player.pictures.length <= length + 1, 'nothing is sent any more');
  });

  it('lets pages of listed origins play', async () => {
    const { call } = await open({}, { corsOrigins: ['https://shop.example'] });
    const { status, headers } = await call('OPTIONS', GATE, {
      headers: {
        Origin: 'https://shop.example',
        'Access-Control-Request-Method': 'PATCH',
        'Access-Control-Request-Headers': 'content-type, if-match',
      },
    });
    assert.equal(status, 204);
    assert.match(headers.get('access-control-allow-methods') ?? '', /PATCH/);
    assert.match(headers.get('access-control-allow-headers') ?? '', /If-Match/);
    assert.equal(headers.get('access-control-allow-origin'), 'https://shop.example');
  });
});
