import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import type { Clock } from '../../../../runtime/contracts/host.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { datachannelEngine } from '../../../../runtime/media/whep/datachannel-engine.ts';
import { createWhep, type WhepOptions } from '../../../../runtime/media/whep/whep.ts';
import { type Clip, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';
import { kindsOf, WhepClient } from '../../../support/whep-client.ts';

const ANNA = { user: 'anna', address: '192.0.2.9', path: '/api/v1/cameras/gate/whep' };

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

function coded(code: string) {
  return (error: unknown) => error instanceof AppError && error.code === code;
}

describe('WHEP sessions', () => {
  let clip: Clip;
  let withBFrames: Clip;
  const closing: (() => Promise<void> | void)[] = [];
  before(async () => {
    clip = await recordClip({ fps: 25, seconds: 4, gop: 100 });
    withBFrames = await recordClip({ bFrames: 2, seconds: 1 });
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  const bench = async (change: Partial<WhepOptions> = {}) => {
    const streams = new FakeStreams();
    closing.push(() => streams.close());
    streams.play('gate', clip);
    const udpPort = await freeUdpPort();
    const clock: Clock = change.clock ?? systemClock;
    const engine = datachannelEngine({ udpPort, bindAddress: '127.0.0.1', clock: systemClock, log: silentLog });
    const whep = createWhep({ streams, engine, udpPort, iceServers: () => [], clock, log: silentLog, ...change });
    await whep.start();
    closing.push(() => whep.stop());
    const watch = async (camera = 'gate') => {
      const client = new WhepClient();
      closing.push(() => client.close());
      const opened = await whep.open(camera, await client.offer(), ANNA);
      client.take(opened.answer);
      return { client, ...opened };
    };
    return { streams, whep, udpPort, watch };
  };

  it('begin with SPS, PPS and a key frame, then every picture as it was', async () => {
    const { watch, whep } = await bench();
    const { client } = await watch();
    await until('some pictures', () => client.pictures.length > 20);
    const [first] = client.pictures;
    assert.ok(first);
    assert.deepEqual(kindsOf(first).slice(0, 2), [7, 8]);
    assert.ok(kindsOf(first).includes(5));
    const times = client.pictures.map(({ timestamp }) => timestamp);
    const steps = times.slice(1).map((time, at) => (time - (times[at] ?? 0)) >>> 0);
    assert.ok(
      steps.every((step) => step > 0 && step < 90_000),
      `RTP times rise: ${steps}`,
    );
    assert.deepEqual(
      steps.slice(-10).map((step) => step),
      Array(10).fill(3600),
    );
    const [session] = whep.sessions();
    assert.equal(session?.state, 'playing');
    assert.equal(session.user, 'anna');
    assert.ok(session.bytes > 1000);
    // Its bytes are those of the clip.
    const sent = new Set(clip.units.map(({ nals }) => nals.at(-1)?.toString('base64')));
    const last = client.pictures.at(-1)?.nals.at(-1)?.toString('base64');
    assert.ok(sent.has(last), 'the picture is one of the clip');
  });

  it('send larger packets to a player on this machine once it said that all arrive, and 1200 where nothing is known of the network', async () => {
    const unknown = { interfaces: () => ({}), mtu: () => undefined, isGateway: () => false };
    const [near, far] = [await bench(), await bench({ networks: unknown })];
    const [{ client }, { client: other }] = [await near.watch(), await far.watch()];
    await until('a larger packet', () => client.sizes.some((size) => size > 1200));
    const seen = client.pictures.length;
    await until('more pictures', () => client.pictures.length > seen + 20);
    await until('as many of the other', () => other.pictures.length > seen + 20);
    assert.ok(
      client.sizes.slice(0, 5).every((size) => size <= 1200),
      'it begins with what every network carries',
    );
    assert.ok(Math.max(...client.sizes) <= 1444);
    assert.ok(Math.max(...other.sizes) <= 1200);
    const [first, second] = [client.pictures, other.pictures].map((list) =>
      list.slice(0, seen).map(({ nals }) => nals),
    );
    assert.deepEqual(first, second, 'the pictures are the same');
  });

  it('give a player that lost pictures the last key frame at once, at most once a second', async () => {
    const { watch } = await bench();
    const { client } = await watch();
    await until('pictures', () => client.pictures.length > 30);
    const keys = () => client.pictures.filter((picture) => kindsOf(picture).includes(5)).length;
    await until('a second since the first replay', () => client.pictures.length > 60);
    const before = keys();
    const timestamps = client.pictures.length;
    for (let n = 0; n < 10; n += 1) client.askForKey();
    await until('another key frame', () => keys() > before, 1500);
    const pictures = client.pictures.length;
    await until('ten more', () => client.pictures.length > pictures + 10);
    assert.equal(keys(), before + 1);
    const times = client.pictures.slice(timestamps - 1).map(({ timestamp }) => timestamp);
    assert.ok(
      times.every((time, at) => at === 0 || (time - (times[at - 1] ?? 0)) >>> 0 < 90_000),
      'times do not go back',
    );
  });

  it('tell what the player reports', async () => {
    const { watch, whep } = await bench();
    await watch();
    const loss = await until('a report', () => whep.sessions()[0]?.loss);
    assert.ok(loss.share >= 0 && loss.share <= 1, JSON.stringify(loss));
    assert.ok(loss.jitterMs >= 0 && loss.jitterMs < 1000);
  });

  it('end by their secret, and by an operator', async () => {
    const { watch, whep, streams } = await bench();
    const one = await watch();
    await one.client.connected();
    assert.throws(() => whep.close('other', one.secret), coded('session.not_found'));
    whep.close('gate', one.secret);
    await until('nobody reads', () => streams.status('gate').readers === 0);
    assert.throws(() => whep.close('gate', one.secret), coded('session.not_found'));
    const two = await watch();
    await two.client.connected();
    const [session] = whep.sessions();
    assert.ok(session && session.id !== two.secret);
    assert.equal(whep.kick(session.id), true);
    assert.equal(whep.kick(session.id), false);
    assert.deepEqual(whep.sessions(), []);
    await until('nobody reads', () => streams.status('gate').readers === 0);
    // Its player hears so, at its own address.
    assert.throws(() => whep.patch('gate', two.secret, 'a=end-of-candidates\r\n'), coded('session.ended'));
    assert.throws(() => whep.close('gate', two.secret), coded('session.ended'));
    assert.throws(() => whep.close('other', two.secret), coded('session.not_found'));
  });

  it('refuse a source with B-frames, and end when it begins to have them', async () => {
    const { streams, whep, watch } = await bench();
    streams.play('door', withBFrames);
    await assert.rejects(watch('door'), coded('stream.b_frames'));
    assert.equal(streams.status('door').readers, 0);
    const { client } = await watch();
    await until('pictures', () => client.pictures.length > 5);
    streams.play('gate', withBFrames);
    await until('it ends', () => whep.sessions().length === 0);
  });

  it('outlive a camera that goes and comes back', async () => {
    const { streams, watch } = await bench();
    const { client } = await watch();
    await until('pictures', () => client.pictures.length > 5);
    streams.lose('gate');
    const before = client.pictures.length;
    streams.back('gate');
    await until('pictures again', () => client.pictures.length > before + 20);
    const times = client.pictures.map(({ timestamp }) => timestamp);
    assert.ok(times.every((time, at) => at === 0 || (time - (times[at - 1] ?? 0)) >>> 0 < 2 ** 31));
  });

  it('end with their camera', async () => {
    const { streams, whep, watch } = await bench();
    const { client } = await watch();
    await client.connected();
    await until('it plays', () => client.pictures.length > 0);
    await streams.remove('gate');
    await until('it ends', () => whep.sessions().length === 0);
    await assert.rejects(watch(), coded('camera.not_found'));
  });

  it('are as many as allowed, no more', async () => {
    const { whep, watch } = await bench({ limit: 2 });
    const one = await watch();
    await watch();
    await assert.rejects(watch(), coded('session.limit'));
    whep.close('gate', one.secret);
    await watch();
  });

  it('need the UDP port; while it is taken each says so, and it is tried again', async () => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    let skippedMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + skippedMs };
    const engine = datachannelEngine({ udpPort: port, bindAddress: '127.0.0.1', clock: systemClock, log: silentLog });
    const { watch } = await bench({ engine, udpPort: port, clock });
    await assert.rejects(
      watch(),
      (error) => coded('webrtc.unavailable')(error) && /in use by another program/.test(String(error)),
    );
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    skippedMs = 6000;
    const { client } = await watch();
    await until('pictures', () => client.pictures.length > 5);
  });

  it('say when WebRTC is off', async () => {
    const { watch } = await bench({ engine: undefined });
    await assert.rejects(watch(), coded('webrtc.unavailable'));
  });

  it('leave no file descriptors behind: 30 on one port', async () => {
    const { watch, whep, streams } = await bench();
    const descriptors = async () => (await readdir('/proc/self/fd')).length;
    const round = async () => {
      const { client, secret } = await watch();
      await until('a picture', () => client.pictures.length > 0);
      whep.close('gate', secret);
      client.close();
    };
    await round();
    await round();
    const before = await descriptors();
    for (let n = 0; n < 30; n += 1) await round();
    await until('no descriptor more', async () => (await descriptors()) <= before + 1);
    assert.equal(streams.status('gate').readers, 0);
  });
});
