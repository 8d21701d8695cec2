import assert from 'node:assert/strict';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import type { AccessUnit, StreamFormat, StreamHost, StreamReader } from '../../../../runtime/contracts/streams.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import type { PeerEvents, RtcEngine } from '../../../../runtime/media/whep/engine.ts';
import { extraCandidates } from '../../../../runtime/media/whep/extra-candidates.ts';
import { RtpTimeline } from '../../../../runtime/media/whep/rtp-timeline.ts';
import { createWhep } from '../../../../runtime/media/whep/whep.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const VIEWER = { user: 'anna', address: '192.0.2.9', path: '/gate/whep' };
const OFFER = [
  'v=0',
  'm=video 9 UDP/TLS/RTP/SAVPF 96',
  'a=mid:0',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:abcdefghijklmnopqrstuvwx',
  `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
  'a=setup:actpass',
  'a=rtpmap:96 H264/90000',
  'a=fmtp:96 packetization-mode=1;profile-level-id=42e01f',
  '',
].join('\r\n');
const FORMAT: StreamFormat = {
  generation: 1,
  video: { codec: 'avc1.42e01f', sps: Buffer.of(7), pps: Buffer.of(8), width: 64, height: 48, hasBFrames: false },
};

/** A camera whose pictures the test makes. */
class OneCamera implements StreamHost {
  readonly readers = new Set<StreamReader>();
  subscriptions = 0;
  knows = true;
  /** says what it is as soon as somebody reads */
  answers = true;

  subscribe(_camera: string, reader: StreamReader) {
    if (!this.knows) throw new AppError('camera.not_found', 'gone');
    this.subscriptions += 1;
    this.readers.add(reader);
    if (this.answers) queueMicrotask(() => reader.onFormat(FORMAT));
    return { discarded: 0, close: () => void this.readers.delete(reader) };
  }

  status(camera: string) {
    return { camera, state: 'live' as const, readers: 0, fps: 0, bitsPerSecond: 0, restarts: 0, discarded: 0 };
  }

  list() {
    return [];
  }

  keepWarm() {
    return () => {};
  }

  picture(unit: Partial<AccessUnit> = {}): void {
    const whole = { annexB: Buffer.alloc(1000), isKey: false, dts: 0, pts: 0, arrivedMs: 0, ...unit };
    for (const reader of [...this.readers]) if (!reader.isFull?.()) reader.onVideo(whole);
  }
}

/** An engine without a network: the test plays the player. */
function fakeEngine() {
  const peers: {
    events: PeerEvents;
    ssrc: number;
    sent: number[];
    sizes: number[];
    candidates: string[];
    address: string;
    closed: number;
  }[] = [];
  const engine: RtcEngine = {
    async start() {},
    async stop() {},
    async answer(_remote, { video }, events) {
      const peer = {
        events,
        ssrc: video.ssrc,
        sent: [] as number[],
        sizes: [] as number[],
        candidates: [] as string[],
        address: '127.0.0.1',
        closed: 0,
      };
      peers.push(peer);
      return {
        local: {
          ufrag: 'ours',
          pwd: 'ours',
          fingerprint: { algorithm: 'sha-256', value: 'AB' },
          setup: 'active' as const,
          candidates: [],
        },
        addCandidate: (candidate) => void peer.candidates.push(candidate),
        sendVideo(_unit, timestamp, packetBytes) {
          peer.sent.push(timestamp);
          peer.sizes.push(packetBytes);
          return true;
        },
        sendAudio: () => false,
        path: () => ({ address: peer.address, type: 'host' }),
        close() {
          peer.closed += 1;
        },
      };
    },
  };
  return { engine, peers };
}

async function bench() {
  const clock = new FakeClock();
  const streams = new OneCamera();
  const { engine, peers } = fakeEngine();
  const whep = createWhep({ streams, engine, udpPort: 8189, iceServers: () => [], clock, log: silentLog });
  await whep.start();
  const open = async () => {
    const opened = await whep.open('gate', OFFER, VIEWER);
    const peer = peers.at(-1);
    assert.ok(peer);
    return { ...opened, peer };
  };
  return { clock, streams, whep, open, peers };
}

const word = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
const report = (ssrc: number, highest = 1000, lossShare = 0) =>
  Buffer.concat([0x81c90007, 9, ssrc, (lossShare * 256) << 24, highest, 900, 0, 0].map(word));
const pli = (ssrc: number) => Buffer.concat([0x81ce0002, 9, ssrc].map(word));

describe('a WHEP session', () => {
  it('is gone within 30 s when its player never connects', async () => {
    const { clock, whep, open, streams } = await bench();
    const { peer } = await open();
    assert.equal(streams.readers.size, 1, 'the source runs while it connects');
    await clock.advance(19_000);
    assert.equal(whep.sessions().length, 1);
    await clock.advance(11_000);
    assert.deepEqual([whep.sessions().length, peer.closed, streams.readers.size], [0, 1, 0]);
  });

  it('is gone within 30 s of the last report, and lives while reports come', async () => {
    const { clock, whep, open } = await bench();
    const { peer } = await open();
    peer.events.onState('open');
    for (let second = 0; second < 120; second += 1) {
      peer.events.onRtcp(report(peer.ssrc));
      await clock.advance(1000);
    }
    assert.equal(whep.sessions().length, 1);
    await clock.advance(30_000);
    assert.equal(whep.sessions().length, 0);
  });

  it('is gone when its connection stays lost, not when it comes back', async () => {
    const { clock, whep, open } = await bench();
    const { peer } = await open();
    peer.events.onState('open');
    peer.events.onState('lost');
    await clock.advance(10_000);
    peer.events.onState('open');
    await clock.advance(60_000);
    assert.equal(whep.sessions().length, 1, 'a player that never reports is left alone while it is connected');
    peer.events.onState('lost');
    await clock.advance(30_000);
    assert.equal(whep.sessions().length, 0);
    const again = await open();
    again.peer.events.onState('open');
    again.peer.events.onState('closed');
    assert.equal(whep.sessions().length, 0);
  });

  it('answers requests for a key frame by reading anew, once a second', async () => {
    const { clock, open, streams } = await bench();
    const { peer } = await open();
    peer.events.onState('open');
    const before = streams.subscriptions;
    for (let n = 0; n < 20; n += 1) peer.events.onRtcp(pli(peer.ssrc));
    assert.equal(streams.subscriptions, before, 'it has just been given a key frame');
    await clock.advance(1100);
    for (let n = 0; n < 20; n += 1) peer.events.onRtcp(pli(peer.ssrc));
    assert.equal(streams.subscriptions, before + 1);
    assert.equal(streams.readers.size, 1);
    peer.events.onRtcp(pli(peer.ssrc + 1));
    await clock.advance(1100);
    peer.events.onRtcp(pli(peer.ssrc + 1));
    assert.equal(streams.subscriptions, before + 1, 'another stream is not ours');
  });

  it('sends at once what is little, spreads what is much, and is full only after two seconds', async () => {
    const { clock, open, streams } = await bench();
    const { peer } = await open();
    peer.events.onState('open');
    await clock.advance(10);
    streams.picture({ pts: 0 });
    assert.equal(peer.sent.length, 1);
    const [reader] = streams.readers;
    for (let n = 1; n <= 100; n += 1) streams.picture({ pts: n * 40, annexB: Buffer.alloc(100_000) });
    assert.ok(peer.sent.length < 5, `${peer.sent.length} went at once`);
    await clock.advance(400);
    assert.ok(peer.sent.length > 20 && peer.sent.length < 70, `${peer.sent.length} went in 400 ms`);
    assert.equal(reader?.isFull?.(), false);
    await clock.advance(600);
    assert.equal(peer.sent.length, 101);
    streams.picture({ pts: 4100, annexB: Buffer.alloc(40_000_000) });
    streams.picture({ pts: 4140 });
    await clock.advance(2500);
    assert.equal(reader?.isFull?.(), true);
  });

  it('reads anew, in small packets for good, when larger ones do not arrive', async () => {
    const { clock, open, streams } = await bench();
    const { peer } = await open();
    peer.events.onState('open');
    await clock.advance(2000);
    const second = async (highest: number, lossShare = 0) => {
      for (let n = 0; n < 10; n += 1) streams.picture();
      await clock.advance(1000);
      peer.events.onRtcp(report(peer.ssrc, highest, lossShare));
    };
    await second(1);
    await second(2);
    const before = streams.subscriptions;
    await second(3);
    assert.deepEqual([peer.sizes.at(0), peer.sizes.at(-1), streams.subscriptions], [1200, 1444, before]);
    await second(4, 0.5);
    assert.equal(streams.subscriptions, before + 1, 'it gets the last key frame again');
    for (let highest = 5; highest < 9; highest += 1) await second(highest);
    assert.equal(peer.sizes.at(-1), 1200);
  });

  it('sends small packets again when the player comes by another way', async () => {
    const { clock, open, streams } = await bench();
    const { peer } = await open();
    peer.events.onState('open');
    for (let highest = 1; highest < 4; highest += 1) {
      streams.picture();
      peer.events.onRtcp(report(peer.ssrc, highest));
    }
    assert.equal(peer.sizes.at(-1), 1444);
    peer.address = '198.51.100.7';
    await clock.advance(5000);
    streams.picture();
    assert.equal(peer.sizes.at(-1), 1200);
  });

  it('gives up when nothing comes of the camera, with its reason', async () => {
    const { clock, streams, whep } = await bench();
    streams.answers = false;
    const opening = whep.open('gate', OFFER, VIEWER);
    const refused = assert.rejects(opening, (error) => error instanceof AppError && /cable/.test(error.message));
    await clock.advance(100);
    for (const reader of streams.readers) reader.onGap?.('no answer: is the cable in?');
    await clock.advance(11_000);
    await refused;
    assert.equal(streams.readers.size, 0);
  });

  it('ends all when the server stops, and opens none afterwards', async () => {
    const { whep, open, peers } = await bench();
    await open();
    await open();
    await whep.stop();
    await whep.stop();
    assert.deepEqual(
      peers.map(({ closed }) => closed),
      [1, 1],
    );
    await assert.rejects(open(), { code: 'webrtc.unavailable' });
  });
});

describe('RTP times', () => {
  it('are those of the stream from a random beginning, rise when pictures come again, and wrap', () => {
    const timeline = new RtpTimeline(2 ** 32 - 3600);
    assert.deepEqual(
      [0, 40, 80].map((ms) => timeline.at(ms)),
      [2 ** 32 - 3600, 0, 3600],
    );
    const again = [0, 40, 80, 120].map((ms) => timeline.at(ms));
    assert.deepEqual(again, [3609, 3618, 3627, 7200]);
    assert.equal(new RtpTimeline(0).at(-40), 2 ** 32 - 3600);
  });
});

describe('addresses from outside', () => {
  it('become candidates, names looked up, what is not found left out', async () => {
    const resolve = async (name: string) => {
      if (name === 'home.example') return '198.51.100.7';
      throw new Error('not found');
    };
    assert.deepEqual(
      await extraCandidates(['203.0.113.5', 'home.example', 'gone.example', '198.51.100.7'], 8189, silentLog, resolve),
      [
        'candidate:100 1 UDP 1694498815 203.0.113.5 8189 typ host',
        'candidate:101 1 UDP 1694498814 198.51.100.7 8189 typ host',
      ],
    );
  });
});
