import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { IceServer } from '../../../../runtime/contracts/live.ts';
import type { PushSpec, PushStatus } from '../../../../runtime/contracts/pushes.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { createPushFile } from '../../../../runtime/media/push/memory.ts';
import { Pushes } from '../../../../runtime/media/push/pushes.ts';
import { opusSamples } from '../../../../runtime/media/sound/opus-packet.ts';
import { OpusSound } from '../../../../runtime/media/sound/opus-sound.ts';
import { turnCredentials } from '../../../../runtime/media/whep/turn-credentials.ts';
import { Coturn, RELAY_PORTS } from '../../../support/coturn.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { ListLog } from '../../../support/list-log.ts';
import { toneOf } from '../../../support/opus-tone.ts';
import { freePorts } from '../../../support/ports.ts';
import { kindsOf } from '../../../support/rtp-pictures.ts';
import { type Clip, decode, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { UdpGate } from '../../../support/udp-gate.ts';
import { until } from '../../../support/until.ts';
import { WhipReceiver } from '../../../support/whip-receiver.ts';

const KEY = 'k3y-of-the-ingress';

describe('a push by WHIP', function () {
  this.timeout(60_000);
  let clip: Clip;
  let withOpus: Clip;
  let withAac: Clip;
  let sound: OpusSound;
  let iceServers: IceServer[];
  let receiver: WhipReceiver;
  let streams: FakeStreams;
  let folder: string;
  let log: ListLog;
  let pushes: Pushes;
  let seen: PushStatus[];

  const start = async () => {
    pushes = new Pushes({
      streams: async () => streams,
      clock: systemClock,
      log,
      ffmpegPath: 'ffmpeg',
      folder: join(folder, 'keys'),
      resolve: (camera) => camera || 'gate',
      memory: createPushFile(join(folder, 'pushes.json')),
      opus: async () => sound,
      iceServers: () => iceServers,
    });
    seen = [];
    pushes.watch('', (status) => seen.push(status));
    await pushes.start();
  };
  const spec = (change: Partial<PushSpec> = {}): PushSpec => ({
    name: 'gate-out',
    camera: 'gate',
    url: receiver.url,
    key: KEY,
    ...change,
  });
  const status = () => pushes.status('gate-out');
  const isLive = () => status().state === 'live';
  const told = () => JSON.stringify([seen, pushes.list(), pushes.health(), log.lines]);

  before(async () => {
    clip = await recordClip({ seconds: 2 });
    withOpus = await recordClip({ seconds: 2, audio: 'opus' });
    withAac = await recordClip({ seconds: 2, audio: true });
  });

  beforeEach(async () => {
    folder = await temporaryFolder('whip');
    log = new ListLog();
    streams = new FakeStreams();
    streams.play('gate', clip);
    sound = new OpusSound({ streams, clock: systemClock, log, ffmpegPath: 'ffmpeg' });
    iceServers = [];
    receiver = await new WhipReceiver().start();
    receiver.keys.add(KEY);
    await start();
  });

  afterEach(async () => {
    await pushes.stop();
    await pushes.stop();
    await sound.stop();
    await streams.close();
    await receiver.stop();
  });

  it('brings every picture as it was, from a key frame on, and ends the session when it is switched off', async () => {
    pushes.declare(spec(), { started: true });
    await until('pictures come', () => (receiver.last?.rtp.pictures.length ?? 0) > 60);
    const { rtp, offer } = receiver.last ?? assert.fail();
    const [first] = rtp.pictures;
    assert.deepEqual(first && kindsOf(first).filter((kind) => kind !== 6), [7, 8, 5]);
    const { complaints, pictures } = await decode(rtp.annexB());
    assert.deepEqual([complaints, pictures >= 60], ['', true]);
    const times = rtp.pictures.map(({ timestamp }) => timestamp);
    const steps = times.slice(1).map((time, at) => (time - (times[at] ?? 0)) >>> 0);
    assert.ok(
      steps.every((step) => step > 0 && step < 90_000),
      'times rise',
    );
    assert.doesNotMatch(offer, /a=candidate/);
    assert.doesNotMatch(offer, /m=audio/);
    await until('it says so', isLive);
    const { url, bytes, discarded, reason } = status();
    assert.deepEqual([url, bytes > 10_000, discarded, reason], [receiver.url, true, 0, undefined]);
    pushes.switchOff('gate-out');
    await until('the session is ended', () => receiver.last?.ended === true);
    assert.deepEqual(receiver.calls, ['POST /w Bearer', 'DELETE /w/KEY/ID Bearer']);
    assert.equal(status().state, 'idle');
    assert.ok(!told().includes(KEY));
  });

  it('sends the last group of pictures again to whoever lost some, at most once a second', async () => {
    pushes.declare(spec(), { started: true });
    await until('pictures come', () => (receiver.last?.rtp.pictures.length ?? 0) > 40);
    const { rtp, askForKey } = receiver.last ?? assert.fail();
    const before = rtp.pictures.length;
    askForKey();
    askForKey();
    const isKey = (at: number) => {
      const picture = rtp.pictures[at];
      return picture !== undefined && kindsOf(picture).includes(5);
    };
    await until('a key frame comes', () => rtp.pictures.some((_, at) => at >= before && isKey(at)));
    await until('it goes on', () => rtp.pictures.length > before + 40);
    assert.equal((await decode(rtp.annexB())).complaints, '');
    assert.equal(streams.status('gate').readers, 1);
  });

  it('takes Opus along, and none where it is not wanted', async () => {
    streams.play('porch', withOpus);
    pushes.declare(spec({ camera: 'porch' }), { started: true });
    await until('sound comes', () => (receiver.last?.sound.length ?? 0) > 20 && receiver.last?.rtp.pictures[20]);
    const sent = new Set(withOpus.audio.map(({ data }) => data.toString('hex')));
    assert.ok(receiver.last?.sound.every((packet) => sent.has(packet.toString('hex'))));
    pushes.declare(spec({ camera: 'porch', sound: 'none' }));
    await until('it is made anew', () => receiver.sessions.length === 2 && receiver.last?.rtp.pictures[5]);
    assert.doesNotMatch(receiver.last?.offer ?? '', /m=audio/);
  });

  it('brings AAC as Opus, which decodes to the tone that went in, by an encoder that ends with it', async () => {
    streams.play('porch', withAac);
    pushes.declare(spec({ camera: 'porch' }), { started: true });
    await until('sound comes', () => (receiver.last?.sound.length ?? 0) > 75 && receiver.last?.rtp.pictures[20]);
    const { sound: packets, soundTimes } = receiver.last ?? assert.fail();
    assert.ok(
      packets.every((packet) => opusSamples(packet) === 960),
      'packets of 20 ms',
    );
    const steps = soundTimes.slice(1).map((time, at) => (time - (soundTimes[at] ?? 0)) >>> 0);
    assert.deepEqual([...new Set(steps)], [960], 'without holes and overlaps');
    // The beginning is what the encoder makes of nothing, and the clip has a seam each 2 s.
    assert.ok(Math.abs((await toneOf(packets.slice(10))) - 440) < 15, 'the tone that went in');
    assert.equal(streams.status('porch').readers, 2, 'the push and its encoder');
    pushes.declare(spec({ camera: 'porch', sound: 'none' }));
    await until('it is made anew', () => receiver.sessions.length === 2 && receiver.last?.rtp.pictures[5]);
    assert.doesNotMatch(receiver.last?.offer ?? '', /m=audio/);
    assert.equal(streams.status('porch').readers, 1, 'the encoder has ended');
  });

  describe('through a relay, where the destination lets nothing else in', () => {
    const SECRET = 'a static secret of coturn';
    let coturn: Coturn;
    let gates: UdpGate[];
    before(async () => {
      coturn = await Coturn.start(SECRET);
    });
    after(() => coturn.stop());
    beforeEach(async () => {
      gates = [];
      // What the receiver answers leads to a gate which only what comes out of coturn passes.
      receiver.lead = async (port) => {
        const allows = (from: number) => from >= RELAY_PORTS.first && from <= RELAY_PORTS.last;
        const gate = await UdpGate.open(port, allows);
        gates.push(gate);
        return gate.port;
      };
    });
    afterEach(() => {
      for (const gate of gates) gate.close();
    });
    const relay = (secret = SECRET): IceServer => ({
      url: `turn:127.0.0.1:${coturn.port}?transport=udp`,
      ...turnCredentials(secret, 'redeye', Date.now() + 60_000),
    });
    const goesThrough = async () => {
      await until('it is live', isLive, 30_000);
      const count = () => receiver.last?.rtp.pictures.length ?? 0;
      await until('pictures come', () => count() > 30);
      const { pictures } = receiver.last?.rtp ?? assert.fail();
      const [first] = pictures;
      assert.deepEqual(first && kindsOf(first).filter((kind) => kind !== 6), [7, 8, 5]);
      assert.ok((gates.at(-1)?.passed ?? 0) > 30);
    };

    it('takes one of ours', async () => {
      iceServers = [{ url: 'stun:127.0.0.1:1' }, relay()];
      pushes.declare(spec(), { started: true });
      await goesThrough();
      assert.equal(receiver.sessions.length, 1);
    });

    it('takes the one that the destination names, when it is not reached otherwise, and at once the next time', async () => {
      const { url, username, credential } = relay();
      receiver.links = [
        '<stun:127.0.0.1:1>; rel="ice-server"',
        `<${url}>; rel="ice-server"; username="${username}"; credential="${credential}"; credential-type="password"`,
      ];
      pushes.declare(spec(), { started: true });
      await goesThrough();
      assert.equal(receiver.sessions.length, 2);
      assert.equal(receiver.sessions[0]?.ended, true, 'the first session was ended');
      assert.ok((gates[0]?.dropped ?? 0) > 0, 'it was tried directly');
      assert.ok(seen.some(({ reason }) => /through the relay/.test(reason ?? '')));
      pushes.switchOff('gate-out');
      await until('it is ended', () => receiver.last?.ended === true);
      pushes.switchOn('gate-out');
      await until('there is a third', () => receiver.sessions.length === 3);
      await goesThrough();
      assert.equal(receiver.sessions.length, 3);
      assert.ok(!told().includes(credential ?? ''));
    });
  });

  it('says in words why it is not taken, and comes back when it is', async () => {
    receiver.keys.clear();
    pushes.declare(spec(), { started: true });
    const says = (words: RegExp) => until(String(words), () => words.test(status().reason ?? ''));
    await says(/knows no such ingress/);
    assert.equal(status().state, 'waiting');
    receiver.status = 401;
    await says(/refused the key/);
    receiver.status = undefined;
    receiver.keys.add(KEY);
    receiver.spoil = (sdp) => sdp.replace(/^a=fingerprint.*\r\n/gm, '');
    await says(/fingerprint/);
    receiver.spoil = (sdp) => sdp;
    await until('it is live', isLive, 30_000);
    assert.equal(streams.starts('gate'), 1, 'the camera ran on');
  });

  it('follows to where it is sent, with its key', async () => {
    const other = await new WhipReceiver().start();
    try {
      other.keys.add(KEY);
      receiver.redirect = `http://127.0.0.1:${other.port}/w`;
      pushes.declare(spec(), { started: true });
      await until('pictures come there', () => (other.last?.rtp.pictures.length ?? 0) > 5);
      pushes.switchOff('gate-out');
      await until('it is ended there', () => other.last?.ended === true);
      assert.deepEqual(other.calls, ['POST /w Bearer', 'DELETE /w/KEY/ID Bearer']);
    } finally {
      await other.stop();
    }
  });

  it('refuses B-frames in words, since WebRTC cannot carry them', async () => {
    streams.play('film', await recordClip({ seconds: 1, bFrames: 2 }));
    pushes.declare(spec({ camera: 'film' }), { started: true });
    await until('it says so', () => /B-frames/.test(status().reason ?? ''));
    assert.equal(status().state, 'failed');
  });

  it('is on again after a restart of this host, when it was on', async () => {
    pushes.keep(spec(), true);
    await until('it is live', isLive);
    await pushes.stop();
    assert.equal(receiver.last?.ended, true);
    await start();
    await until('it is live again', isLive);
    assert.equal(receiver.sessions.length, 2);
  });

  it('finds a receiver frozen or killed, and is back when that is', async () => {
    const [port = 0] = await freePorts(1);
    const children: ChildProcess[] = [];
    const run = async () => {
      const child = fork(join(import.meta.dirname, '../../../support/whip-receiver-child.ts'), [String(port), KEY]);
      children.push(child);
      await once(child, 'message');
      return child;
    };
    try {
      const first = await run();
      pushes.declare(spec({ url: `whip://127.0.0.1:${port}/w` }), { started: true });
      await until('it is live', isLive);
      // Reports have to have come, so that their end means something.
      const since = performance.now();
      await until('it was live for some reports', () => performance.now() - since > 2500);
      first.kill('SIGSTOP');
      const frozenAt = performance.now();
      await until('it is noticed', () => seen.at(-1)?.state !== 'live', 15_000);
      const noticedMs = performance.now() - frozenAt;
      assert.ok(seen.some(({ state }) => state === 'stalled'));
      assert.match(status().reason ?? '', /takes nothing any more/);
      assert.ok(noticedMs < 8000, `noticed after ${Math.round(noticedMs)} ms`);
      first.kill('SIGKILL');
      await once(first, 'exit');
      await until('it waits', () => status().state === 'waiting');
      await run();
      await until('it is live again', isLive, 20_000);
      assert.ok(status().restarts >= 1);
      assert.equal(streams.starts('gate'), 1);
    } finally {
      for (const child of children) child.kill('SIGKILL');
    }
  });
});
