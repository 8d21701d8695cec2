import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { TokenVerifier } from 'livekit-server-sdk';
import type { AppError } from '../../../../runtime/contracts/errors.ts';
import type { IceServer } from '../../../../runtime/contracts/live.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { probeTurn } from '../../../../runtime/media/turn/probe.ts';
import { readIceServers } from '../../../../runtime/media/whep/ice-servers.ts';
import { turnCredentials } from '../../../../runtime/media/whep/turn-credentials.ts';
import { LivekitServer, type LivekitSettings } from '../../../../runtime/publish/livekit/server.ts';
import { LivekitAccess } from '../../../../runtime/publish/livekit/service.ts';
import { Coturn } from '../../../support/coturn.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { LivekitStandIn } from '../../../support/livekit.ts';
import { freePorts } from '../../../support/ports.ts';
import { until } from '../../../support/until.ts';

const VIEWER = { user: 'anna', address: '10.0.0.7', path: '/api/v1/livekit/token' };
const SECRET = 'a static secret of coturn';

describe('access to LiveKit', () => {
  let livekit: LivekitStandIn;
  const access = (
    settings: Partial<LivekitSettings> = {},
    iceServers: () => IceServer[] = () => [],
    clock = systemClock,
  ) => {
    const { url, apiKey, apiSecret } = livekit;
    const server = new LivekitServer({ url, apiKey, apiSecret, ...settings });
    const rooms = { camerasIn: () => [], roomOf: () => undefined };
    return new LivekitAccess({
      server,
      clock,
      iceServers,
      probe: probeTurn,
      rooms,
      viewers: { admit: () => undefined },
    });
  };
  const verdicts = async (made: LivekitAccess) =>
    (await made.diagnose()).checks.map(({ name, ok, code }) => `${name} ${ok} ${code}`);

  beforeEach(async () => {
    livekit = await new LivekitStandIn().start();
  });
  afterEach(() => livekit.stop());

  it('gives viewers tokens that only watch and devices tokens that only publish, as the SDK verifies them', async () => {
    const made = access({ publicUrl: 'https://live.example/' });
    const verifier = new TokenVerifier(livekit.apiKey, livekit.apiSecret);
    const viewer = await made.viewerToken('hall', 'web-1', VIEWER);
    const watching = await verifier.verify(viewer.token);
    assert.deepEqual(
      [viewer.url, viewer.room, viewer.identity, watching.sub],
      ['wss://live.example', 'hall', 'web-1', 'web-1'],
    );
    assert.deepEqual(watching.video, {
      roomJoin: true,
      room: 'hall',
      canSubscribe: true,
      canPublish: false,
      canPublishData: false,
      canUpdateOwnMetadata: false,
    });
    const publishing = await verifier.verify((await made.publisherToken('hall', 'device-gate')).token);
    const { video = {} } = publishing;
    assert.deepEqual(
      [video.canPublish, video.canSubscribe, video.roomAdmin, video.ingressAdmin],
      [true, false, undefined, undefined],
    );
    await assert.rejects(new TokenVerifier(livekit.apiKey, 'another').verify(viewer.token));
  });

  it('gives them for ten minutes from ten seconds ago', async () => {
    const clock = new FakeClock();
    const { token, expires_at } = await access({}, () => [], clock as never).viewerToken('hall', 'web-1', VIEWER);
    const { exp, nbf } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const now = Math.floor(clock.now() / 1000);
    assert.deepEqual([exp - now, now - nbf, Date.parse(expires_at) / 1000], [600, 10, exp]);
  });

  it('answers the same ingress for the same room and name, one for each way', async () => {
    const made = access();
    const wish = { room: 'plastination', name: 'pi-cam' };
    const first = await made.ingress(wish);
    assert.deepEqual(await made.ingress(wish), first);
    assert.deepEqual([first.url, first.via], [livekit.rtmpBase, 'rtmp']);
    const whip = await made.ingress({ ...wish, via: 'whip' });
    assert.deepEqual([whip.url, livekit.ingresses.size], [livekit.whipBase, 2]);
    livekit.rtmpBase = '';
    await assert.rejects(made.ingress({ room: 'hall', name: 'x' }), /ingress.rtmp_base_url/);
  });

  it('names what is wrong: nothing set, host away, not LiveKit, key of another, no Redis', async () => {
    assert.deepEqual(await verdicts(access()), [
      'settings true ok',
      'host true ok',
      'key true ok',
      'ingress true ok',
      'turn null turn_none',
    ]);
    assert.equal((await access().diagnose()).ok, true);
    const unset = await access({ url: undefined, apiKey: undefined }).diagnose();
    assert.deepEqual([unset.ok, unset.checks[0]?.code], [false, 'settings_missing']);
    assert.match(unset.checks[0]?.message ?? '', /LIVEKIT_URL, LIVEKIT_API_KEY$/);
    const wrong = await verdicts(access({ apiSecret: 'the secret of somebody else, long enough' }));
    assert.deepEqual(wrong.slice(1, 4), ['host true ok', 'key false key_refused', 'ingress null not_looked_at']);
    assert.equal((await verdicts(access({ apiKey: 'APIother' })))[2], 'key false key_refused');
    livekit.hasRedis = false;
    assert.equal((await verdicts(access()))[3], 'ingress false no_redis');
    const [free = 0] = await freePorts(1);
    assert.equal((await verdicts(access({ url: `ws://127.0.0.1:${free}` })))[1], 'host false unreachable');
    const page = createServer((_request, response) => response.writeHead(404).end('<html>nginx</html>'));
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    const other = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
    assert.equal((await verdicts(access({ url: other })))[1], 'host false not_livekit');
    page.closeAllConnections();
    await new Promise((resolve) => page.close(resolve));
    const refused = access({ url: undefined }).viewerToken('hall', 'web-1', VIEWER);
    await assert.rejects(refused, (error: AppError) => error.code === 'livekit.unavailable');
  });
});

describe('credentials for TURN', function () {
  this.timeout(30_000);
  let coturn: Coturn;
  before(async () => {
    coturn = await Coturn.start(SECRET);
  });
  after(() => coturn.stop());
  const servers = (secret: string, urls: string[]) =>
    readIceServers({ servers: urls, turnSecret: secret })('anna', Date.now());
  const states = async (secret: string, urls: string[]) =>
    (await Promise.all(servers(secret, urls).map((server) => probeTurn(server, systemClock)))).map(
      ({ state }) => state,
    );

  it('are taken by coturn over UDP and TCP; those of another secret and expired ones are not; what is closed is called closed', async () => {
    const urls = ['udp', 'tcp'].map((way) => `turn:127.0.0.1:${coturn.port}?transport=${way}`);
    await until('it answers', async () => (await states(SECRET, urls)).every((state) => state === 'open'));
    assert.deepEqual(await states('another', urls), ['refused', 'refused']);
    const late = turnCredentials(SECRET, 'anna', Date.now() - 60_000);
    assert.equal((await probeTurn({ url: urls[0] ?? '', ...late }, systemClock)).state, 'refused');
    const [free = 0] = await freePorts(1);
    const closed = await states(SECRET, [`turn:127.0.0.1:${free}`, `turns:127.0.0.1:${free}?transport=tcp`]);
    assert.deepEqual(closed, ['closed', 'closed']);
  });

  it('show in the diagnosis with what to do', async () => {
    const server = new LivekitServer({});
    const rooms = { camerasIn: () => [], roomOf: () => undefined };
    const url = `turn:127.0.0.1:${coturn.port}`;
    const iceServers = () => servers('another', [url]);
    const { checks } = await new LivekitAccess({
      server,
      clock: systemClock,
      iceServers,
      probe: probeTurn,
      rooms,
      viewers: { admit: () => undefined },
    }).diagnose();
    const turn = checks.find(({ name }) => name === 'turn');
    assert.deepEqual(
      [turn?.ok, turn?.code, /TURN_STATIC_SECRET/.test(turn?.advice ?? '')],
      [false, 'turn_refused', true],
    );
  });

  it('relay packets for coturn’s own client', async () => {
    const [{ username = '', credential = '' } = {}] = servers(SECRET, [`turn:127.0.0.1:${coturn.port}`]);
    const who = ['-u', username, '-w', credential, '-p', String(coturn.port)];
    const { stdout } = await promisify(execFile)('turnutils_uclient', [
      ...who,
      '-y',
      '-n',
      '1',
      '-m',
      '1',
      '127.0.0.1',
    ]);
    assert.match(stdout, /Total lost packets 0 /);
    assert.match(stdout, /tot_recv_msgs=[1-9]/);
  });
});
