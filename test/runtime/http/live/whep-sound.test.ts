import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { OpusSound } from '../../../../runtime/media/sound/opus-sound.ts';
import { datachannelEngine } from '../../../../runtime/media/whep/datachannel-engine.ts';
import { createWhep } from '../../../../runtime/media/whep/whep.ts';
import { openBrowser } from '../../../support/browser.ts';
import { openDoor } from '../../../support/http-door.ts';
import { freeUdpPort } from '../../../support/ports.ts';
import { type ClipShape, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

/** Watches a camera and tells what is heard of it. */
const PLAYER = `
window.watch = async (camera, token, audio) => {
  const pc = new RTCPeerConnection();
  pc.addTransceiver('video', { direction: 'recvonly' });
  pc.addTransceiver('audio', { direction: audio });
  const stream = new MediaStream();
  const video = Object.assign(document.createElement('video'), { autoplay: true, srcObject: stream });
  document.body.append(video);
  pc.ontrack = ({ track }) => stream.addTrack(track);
  await pc.setLocalDescription(await pc.createOffer());
  const answer = await fetch('/api/v1/cameras/' + camera + '/whep', {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: 'Bearer ' + token },
    body: pc.localDescription.sdp,
  });
  const sdp = await answer.text();
  if (answer.status !== 201) throw new Error(sdp);
  await pc.setRemoteDescription({ type: 'answer', sdp });
  window.pc = pc;
  return pc.getTransceivers().map(({ currentDirection }) => currentDirection);
};
window.heard = async () => {
  const rows = new Map([...(await window.pc.getStats()).entries()]);
  const of = (kind) => [...rows.values()].find((row) => row.type === 'inbound-rtp' && row.kind === kind) ?? {};
  const { totalAudioEnergy, totalSamplesReceived, concealedSamples, codecId, packetsLost } = of('audio');
  const { framesDecoded } = of('video');
  const codec = rows.get(codecId)?.mimeType;
  return { energy: totalAudioEnergy ?? 0, samples: totalSamplesReceived ?? 0, concealedSamples, codec, packetsLost, framesDecoded };
};
`;

interface Heard {
  energy: number;
  samples: number;
  concealedSamples: number;
  codec?: string;
  framesDecoded?: number;
}

describe('sound over WHEP in Chromium', function () {
  this.timeout(40_000);
  const streams = new FakeStreams();
  const common = { streams, clock: systemClock, log: silentLog };
  const sound = new OpusSound({ ...common, ffmpegPath: 'ffmpeg' });
  let whep: ReturnType<typeof createWhep>;
  let door: Awaited<ReturnType<typeof openDoor>>;
  let browser: Browser;
  let page: Page;

  before(async () => {
    const udpPort = await freeUdpPort();
    const engine = datachannelEngine({ ...common, udpPort, bindAddress: '127.0.0.1' });
    whep = createWhep({ ...common, sound, engine, udpPort, iceServers: () => [] });
    await whep.start();
    door = await openDoor({ live: { streams, whep, sessions: [whep] } });
    browser = await openBrowser();
    for (const audio of ['opus', 'pcmu', true, undefined] satisfies ClipShape['audio'][]) {
      streams.play(nameOf(audio), await recordClip({ width: 160, height: 90, seconds: 2, audio }));
    }
  });
  after(async () => {
    await browser?.close();
    await door?.close();
    await whep?.stop();
    await sound.stop();
    await streams.close();
  });
  beforeEach(async () => {
    page = await browser.newPage();
    await page.goto(`${door.url}/healthz`);
    // A browser plays sound only to who has touched the page.
    await page.mouse.click(5, 5);
    await page.evaluate(PLAYER);
  });
  afterEach(async () => {
    await page.close();
    for (const { id } of whep.sessions()) whep.kick(id);
  });

  const watch = async (camera: string, audio = 'recvonly') => {
    const token = await door.userToken('viewer');
    return page.evaluate(`window.watch(${JSON.stringify(camera)}, ${JSON.stringify(token)}, '${audio}')`);
  };
  const heard = () => page.evaluate('window.heard()') as Promise<Heard>;

  for (const [audio, codec] of [
    ['opus', 'audio/opus'],
    ['pcmu', 'audio/PCMU'],
    [true, 'audio/opus'],
  ] as const) {
    it(`a camera with ${audio === true ? 'AAC' : audio} is heard as ${codec}, without holes`, async () => {
      assert.deepEqual(await watch(nameOf(audio)), ['recvonly', 'recvonly']);
      const begin = await until('the tone is heard', async () => {
        const now = await heard();
        return now.energy > 0.001 && now;
      });
      assert.equal(begin.codec, codec);
      // Where the machine leaves the browser without CPU there is a hole now and then, without a fault of the stream: such a second is not this one.
      let from = begin;
      const end = await until('a second without holes', async () => {
        const now = await heard();
        const samples = now.samples - from.samples;
        if (samples < 48_000) return undefined;
        const holes = (now.concealedSamples - from.concealedSamples) / samples;
        if (holes >= 0.1) from = now;
        return holes < 0.1 && now;
      });
      assert.ok(end.energy > begin.energy * 1.5, JSON.stringify({ begin, end }));
      assert.ok((end.framesDecoded ?? 0) > 10);
    });
  }

  it('is inactive where the camera has none, or none was asked for', async () => {
    assert.deepEqual(await watch('none'), ['recvonly', 'inactive']);
    await until('the picture is seen', async () => ((await heard()).framesDecoded ?? 0) > 5);
    assert.deepEqual(await watch('opus', 'inactive'), ['recvonly', 'inactive']);
  });
});

function nameOf(audio: ClipShape['audio']): string {
  return audio === true ? 'aac' : audio || 'none';
}
