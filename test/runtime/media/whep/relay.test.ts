import assert from 'node:assert/strict';
import type { WhepService } from '../../../../runtime/contracts/live.ts';
import { createMetrics } from '../../../../runtime/http/metrics.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { createLive } from '../../../../runtime/live.ts';
import { datachannelEngine } from '../../../../runtime/media/whep/datachannel-engine.ts';
import { readIceServers } from '../../../../runtime/media/whep/ice-servers.ts';
import { StunServers } from '../../../../runtime/media/whep/stun-servers.ts';
import { createWhep } from '../../../../runtime/media/whep/whep.ts';
import { Coturn } from '../../../support/coturn.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { freePorts } from '../../../support/ports.ts';
import { RelayedPlayer } from '../../../support/relayed-player.ts';
import { type Clip, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { StunAnswers } from '../../../support/stun-answers.ts';
import { until } from '../../../support/until.ts';
import { kindsOf, WhepClient } from '../../../support/whep-client.ts';

const SECRET = 'secret of the relay';
const ANNA = { user: 'anna', address: '192.0.2.9', path: '/api/v1/cameras/gate/whep' };
/** What the world sees of a server behind NAT. */
const OUTSIDE = { address: '203.0.113.7', port: 40_404 };

describe('WHEP through NAT', () => {
  let clip: Clip;
  let turn: Coturn;
  const closing: (() => Promise<void> | void)[] = [];
  before(async () => {
    [clip, turn] = await Promise.all([recordClip({ fps: 25, seconds: 2, gop: 25 }), Coturn.start(SECRET)]);
  });
  after(() => turn?.stop());
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  const serve = async (servers: string[], clock = systemClock) => {
    const streams = new FakeStreams();
    closing.push(() => streams.close());
    streams.play('gate', clip);
    const [udpPort = 0] = await freePorts(1);
    const common = { clock: systemClock, log: silentLog };
    const stun = new StunServers({ servers, clock, log: silentLog });
    const engine = datachannelEngine({ ...common, udpPort, bindAddress: '127.0.0.1', stun });
    const iceServers = readIceServers({ servers, turnSecret: SECRET });
    const whep = createWhep({ ...common, streams, engine, udpPort, iceServers });
    await whep.start();
    closing.push(() => whep.stop());
    return { whep, udpPort };
  };
  const ask = async ({ whep }: { whep: WhepService }) => {
    const client = new WhepClient();
    closing.push(() => client.close());
    const { answer } = await whep.open('gate', await client.offer(), ANNA);
    return { client, answer };
  };
  const outsideOf = (answer: string) => /^a=candidate:.* (\S+ \d+) typ srflx/m.exec(answer)?.[1];

  for (const transport of ['udp', 'tcp']) {
    it(`plays to one that gets out only to the TURN server, by ${transport}, with the credentials it is given`, async () => {
      const { whep } = await serve([`turn:127.0.0.1:${turn.port}?transport=${transport}`]);
      const player = new RelayedPlayer(whep.iceServers('anna'));
      closing.push(() => player.close());
      const offer = await player.offer();
      const ways = [...offer.matchAll(/^a=candidate:.* typ (\S+)/gm)].map(([, way]) => way);
      assert.deepEqual([...new Set(ways)], ['relay']);
      const { answer } = await whep.open('gate', offer, ANNA);
      await player.take(answer);
      await until('pictures', () => player.pictures.length > 20);
      assert.ok(player.pictures.some((picture) => kindsOf(picture).includes(5)));
      const [session] = whep.sessions();
      assert.equal(session?.state, 'playing');
    });
  }

  it('names the address under which a STUN server sees its port, to two players at once', async () => {
    const stun = await StunAnswers.start(OUTSIDE);
    closing.push(() => stun.stop());
    const server = await serve([stun.url]);
    const both = await Promise.all([ask(server), ask(server)]);
    for (const { answer, client } of both) {
      assert.equal(outsideOf(answer), `${OUTSIDE.address} ${OUTSIDE.port}`);
      // That this address leads nowhere here keeps nobody from the direct way.
      client.take(answer);
      await until('pictures', () => client.pictures.length > 5);
    }
    assert.deepEqual([...new Set(stun.asked)], [`127.0.0.1:${server.udpPort}`], 'asked from the one port of WebRTC');
  });

  it('asks a TURN server for it where that is all it has', async () => {
    const server = await serve([`turn:127.0.0.1:${turn.port}`]);
    const { answer } = await ask(server);
    assert.equal(outsideOf(answer), `127.0.0.1 ${server.udpPort}`);
  });

  it('waits once for one that keeps silent, asks the next, and the first again after 5 minutes', async () => {
    const [silent, other] = [await StunAnswers.start(OUTSIDE), await StunAnswers.start(OUTSIDE)];
    closing.push(
      () => silent.stop(),
      () => other.stop(),
    );
    silent.isSilent = true;
    const clock = new FakeClock();
    const server = await serve([silent.url, other.url], clock);
    const first = await ask(server);
    assert.equal(outsideOf(first.answer), undefined);
    first.client.take(first.answer);
    await until('pictures all the same', () => first.client.pictures.length > 5);
    const asked = silent.asked.length;
    assert.ok(asked > 0);
    assert.ok(outsideOf((await ask(server)).answer));
    first.client.close();
    silent.isSilent = false;
    await clock.advance(300_001);
    const before = other.asked.length;
    assert.ok(outsideOf((await ask(server)).answer));
    assert.equal(other.asked.length, before);
  });

  it('is what ICE_SERVERS does for a server that is opened to others, and not for one that only this machine reaches', async () => {
    const stun = await StunAnswers.start(OUTSIDE);
    closing.push(() => stun.stop());
    const answerOf = async (WEBRTC_HOSTS: string[]) => {
      const [WEBRTC_UDP_PORT = 0] = await freePorts(1);
      const ice = { WEBRTC_UDP_PORT, WEBRTC_HOSTS, ICE_SERVERS: [stun.url], TURN_URLS: [] };
      const live = createLive({
        clock: systemClock,
        log: silentLog,
        ffmpegPath: 'ffmpeg',
        metrics: createMetrics({ log: silentLog, process: false }),
        checkUrl: async () => {},
        settings: { HOST: '127.0.0.1', ...ice },
      });
      closing.push(() => live.stop());
      await live.start();
      live.cameras.define({ id: 'gate', url: 'sim:gradient?width=320&height=180' });
      return (await ask({ whep: live.whep })).answer;
    };
    assert.equal(outsideOf(await answerOf([])), undefined);
    assert.deepEqual(stun.asked, []);
    const answer = await answerOf(['198.51.100.9']);
    assert.equal(outsideOf(answer), `${OUTSIDE.address} ${OUTSIDE.port}`);
    assert.match(answer, /198\.51\.100\.9 \d+ typ host/);
  });

  it('begins without it while a name is not found', async () => {
    const resolve = () => Promise.reject(new Error('ENOTFOUND'));
    const stun = new StunServers({ servers: ['stun:nowhere.test'], clock: new FakeClock(), log: silentLog, resolve });
    assert.equal(await stun.choose(), undefined);
  });

  it('asks only servers that answer over UDP, by address and port', async () => {
    const resolve = async () => '192.0.2.3';
    const chosen = async (text: string) =>
      (await new StunServers({ servers: [text], clock: new FakeClock(), log: silentLog, resolve }).choose())?.url;
    assert.equal(await chosen('stun:stun.example.net'), 'stun:192.0.2.3:3478');
    assert.equal(await chosen('turn:anna:p%40ss@turn.example.net:5000?transport=udp'), 'stun:192.0.2.3:5000');
    assert.equal(await chosen('turn:[2001:db8::1]:3478'), 'stun:[2001:db8::1]:3478');
    assert.equal(await chosen('turn:turn.example.net?transport=tcp'), undefined);
    assert.equal(await chosen('turns:turn.example.net:5349'), undefined);
  });
});
