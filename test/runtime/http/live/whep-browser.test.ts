import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { datachannelEngine } from '../../../../runtime/media/whep/datachannel-engine.ts';
import type { RtcEngine } from '../../../../runtime/media/whep/engine.ts';
import { createWhep } from '../../../../runtime/media/whep/whep.ts';
import { openBrowser, troublesOf } from '../../../support/browser.ts';
import { openDoor } from '../../../support/http-door.ts';
import { type Clip, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

const WIDTH = 320;
const HEIGHT = 180;
const BYTES = WIDTH * HEIGHT * 3;

/** What a page does to watch; answers the video's state for `picture`. */
const PLAYER = `
window.watch = async (token) => {
  const began = performance.now();
  const pc = new RTCPeerConnection();
  // Sound first, as many players ask: its section leads the bundle though we send none.
  pc.addTransceiver('audio', { direction: 'recvonly' });
  pc.addTransceiver('video', { direction: 'recvonly' });
  window.pc = pc;
  const video = document.createElement('video');
  video.muted = true;
  window.video = video;
  document.body.append(video);
  const stream = new MediaStream();
  pc.ontrack = ({ track }) => { stream.addTrack(track); video.srcObject = stream; video.play(); };
  await pc.setLocalDescription(await pc.createOffer());
  const answer = await fetch('/api/v1/cameras/gate/whep', {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: 'Bearer ' + token },
    body: pc.localDescription.sdp,
  });
  if (answer.status !== 201) throw new Error(answer.status + ' ' + await answer.text());
  await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  return { ms: performance.now() - began, address: answer.headers.get('Location') };
};
window.picture = () => {
  const canvas = document.createElement('canvas');
  canvas.width = ${WIDTH};
  canvas.height = ${HEIGHT};
  const context = canvas.getContext('2d');
  context.drawImage(window.video, 0, 0, ${WIDTH}, ${HEIGHT});
  const { data } = context.getImageData(0, 0, ${WIDTH}, ${HEIGHT});
  return [...data].filter((_, at) => at % 4 !== 3);
};
window.figures = async () => {
  for (const row of (await window.pc.getStats()).values()) {
    if (row.type === 'inbound-rtp' && row.kind === 'video') {
      return { decoded: row.framesDecoded, dropped: row.framesDropped, keys: row.keyFramesDecoded, pli: row.pliCount };
    }
  }
};
`;

interface Figures {
  decoded: number;
  keys: number;
  pli: number;
}

/** Mean difference of two pictures, in steps of 255. */
function distance(one: readonly number[], other: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += Math.abs((one[at] ?? 0) - (other[at] ?? 0));
  return sum / one.length;
}

/** Every picture of the clip in RGB, by the matrix of BT.709: that is how Chromium takes H.264 that names none. */
async function picturesOf(clip: Clip): Promise<Buffer[]> {
  const rgb = ['-vf', 'scale=in_color_matrix=bt709', '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1'];
  const decoding = promisify(execFile)('ffmpeg', ['-v', 'error', '-f', 'flv', '-i', 'pipe:0', ...rgb], {
    encoding: 'buffer',
    maxBuffer: 2 ** 26,
  });
  decoding.child.stdin?.end(clip.flv);
  const { stdout } = await decoding;
  return Array.from({ length: stdout.length / BYTES }, (_, at) => stdout.subarray(at * BYTES, (at + 1) * BYTES));
}

/** The engine, and what it is told to send. */
function told(engine: RtcEngine, cuts: { packetBytes: number; bytes: number }[]): RtcEngine {
  return {
    start: () => engine.start(),
    stop: () => engine.stop(),
    async answer(remote, sent, events) {
      const peer = await engine.answer(remote, sent, events);
      return {
        local: peer.local,
        path: () => peer.path(),
        addCandidate: (candidate) => peer.addCandidate(candidate),
        sendAudio: (packet, time) => peer.sendAudio(packet, time),
        close: () => peer.close(),
        sendVideo(annexB, time, packetBytes) {
          cuts.push({ packetBytes, bytes: annexB.length });
          return peer.sendVideo(annexB, time, packetBytes);
        },
      };
    },
  };
}

describe('WHEP in Chromium', function () {
  this.timeout(60_000);
  let clip: Clip;
  const closing: (() => Promise<void> | void)[] = [];
  before(async () => {
    clip = await recordClip({ seconds: 4, gop: 50 });
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it('plays: the pixels on the page are those of the camera, and they move, in small packets and in large ones', async () => {
    const streams = new FakeStreams();
    streams.play('gate', clip);
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const udpPort = socket.address().port;
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    const engine = datachannelEngine({ udpPort, bindAddress: '127.0.0.1', clock: systemClock, log: silentLog });
    const cuts: { packetBytes: number; bytes: number }[] = [];
    const whep = createWhep({
      streams,
      engine: told(engine, cuts),
      udpPort,
      iceServers: () => [],
      clock: systemClock,
      log: silentLog,
    });
    await whep.start();
    const door = await openDoor({ live: { streams, whep, sessions: [whep] } });
    const browser = await openBrowser();
    closing.push(
      () => streams.close(),
      () => whep.stop(),
      () => door.close(),
      () => browser.close(),
    );
    const page: Page = await browser.newPage();
    const troubles = troublesOf(page);
    await page.goto(`${door.url}/healthz`);
    await page.evaluate(PLAYER);
    const token = await door.userToken('viewer');
    const watch = (as: string) =>
      page.evaluate(`window.watch(${JSON.stringify(as)})`) as Promise<{ ms: number; address: string }>;
    const { ms, address } = await watch(token);
    assert.ok(ms < 5000, `the first picture came after ${Math.round(ms)} ms`);

    const picture = () => page.evaluate('window.picture()') as Promise<number[]>;
    const figures = () => page.evaluate('window.figures()') as Promise<Figures>;
    const wanted = await picturesOf(clip);
    assert.equal(wanted.length, 100);
    const nearest = (seen: readonly number[]) => Math.min(...wanted.map((one) => distance(seen, one)));
    const seen = await picture();
    const upsideDown = seen.toReversed();
    const near = nearest(seen);
    assert.ok(near < 8 && near * 4 < nearest(upsideDown), `${near} from the clip, upside down ${nearest(upsideDown)}`);
    await until('the picture moves', async () => distance(await picture(), seen) > 1);

    const before = await until('it goes on', async () => {
      const now = await figures();
      return now.decoded > 40 && now;
    });
    assert.ok(before.keys >= 1, JSON.stringify(before));
    await until('pictures in several large packets', () =>
      cuts.some(({ packetBytes, bytes }) => packetBytes > 1400 && bytes > 2 * packetBytes),
    );
    const grown = await figures();
    const after = await until('a second of them', async () => {
      const now = await figures();
      return now.decoded > grown.decoded + 60 && now;
    });
    assert.deepEqual([cuts[0]?.packetBytes, after.pli], [1200, 0], 'it missed nothing');
    const late = nearest(await picture());
    assert.ok(late < 8, `${late} from the clip`);
    const [session] = whep.sessions();
    assert.equal(session?.state, 'playing');
    await until('it reports', () => whep.sessions()[0]?.loss);
    assert.equal(whep.sessions()[0]?.loss?.packets, 0);

    const { status } = await door.call('DELETE', address);
    assert.equal(status, 200);
    assert.equal(streams.status('gate').readers, 0);
    // The page is a plain answer of ours and has no icon.
    assert.deepEqual(
      troubles.filter((trouble) => !trouble.includes('/favicon.ico')),
      [],
    );
  });
});
