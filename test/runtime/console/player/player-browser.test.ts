import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import express, { Router } from 'express';
import type { Browser, Page } from 'playwright-core';
import { WebSocketServer } from 'ws';
import type { LivekitService, RoomPlace } from '../../../../runtime/contracts/rooms.ts';
import type { HttpParts } from '../../../../runtime/http/app.ts';
import { consolePages } from '../../../../runtime/http/console.ts';
import { createMetrics } from '../../../../runtime/http/metrics.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { createLive, type Live } from '../../../../runtime/live.ts';
import { readNumber } from '../../../../runtime/media/sim/digits.ts';
import { COUNTER_DIGITS, counterPlace, GRADIENT_LAP_MS } from '../../../../runtime/media/sim/gradient.ts';
import { openBrowser, screenshot, troublesOf } from '../../../support/browser.ts';
import { childCommands } from '../../../support/children.ts';
import { buildConsoleIfOld } from '../../../support/console-build.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { openDoor } from '../../../support/http-door.ts';
import { freePorts } from '../../../support/ports.ts';
import { ROOT } from '../../../support/programs.ts';
import { clipArguments } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

const DRAWN = 'drawn';
const SOUNDING = 'sounding';
const WIDTH = 640;
const FPS = 30;
/** what holds the counter */
const PLATE = { width: 96, height: 32 };
/** What a browser writes of an answer that says that the session is over, or of a stream that ends; and its own wish for an icon. */
const GONE = /status of 410|ERR_INCOMPLETE_CHUNKED|favicon/;
/** Both are right only for one moment, of a machine that has other work too: what a person would call wrong is more. */
const TOLERANCE_MS = 300;

const NO_WEBRTC = 'delete window.RTCPeerConnection;';
const NO_HLS = `delete window.MediaSource; delete window.ManagedMediaSource; HTMLMediaElement.prototype.canPlayType = () => '';`;

/** Notes of each offer whether sound is asked for. */
const OFFERS = `
window.offers = [];
const real = RTCPeerConnection.prototype.setLocalDescription;
RTCPeerConnection.prototype.setLocalDescription = function (offer) {
  window.offers.push(/^m=audio/m.test(offer.sdp));
  return real.call(this, offer);
};
`;

const LIVEKIT_FILE = /\/assets\/livekit-client-[^/]+\.js$/;
/** In place of livekit-client: one camera is in every room, drawn by the page; it leaves when \`window.leave\` is called. */
const ROOMS = `
export const DisconnectReason = {};
export const setLogLevel = () => {};
export class Room {
  remoteParticipants = new Map();
  #listeners = {};
  on(name, listener) { this.#listeners[name] = listener; }
  async connect(url, token, options) {
    window.joined = { url, token, autoSubscribe: options.autoSubscribe };
    const context = Object.assign(document.createElement('canvas'), { width: 64, height: 36 }).getContext('2d');
    this.drawing = setInterval(() => context.fillRect(Math.random() * 64, 0, 1, 36), 50);
    const [mediaStreamTrack] = context.canvas.captureStream(20).getVideoTracks();
    const track = { kind: 'video', mediaStreamTrack, setPlayoutDelay: () => {} };
    const of = { identity: 'camera-hall' };
    window.leave = () => this.#listeners.trackUnsubscribed(track, {}, of);
    const setSubscribed = () => this.#listeners.trackSubscribed(track, {}, of);
    this.remoteParticipants.set(of.identity, { ...of, trackPublications: new Map([['1', { setSubscribed }]]) });
  }
  async disconnect() { clearInterval(this.drawing); window.left = (window.left ?? 0) + 1; }
}
`;

/** Puts the player on the page and follows what it tells; \`look\` answers the counter's pixels and when they were drawn. */
const PAGE = `
window.begin = async (camera) => {
  await import('/assets/redeye-player.js');
  const player = document.createElement('redeye-player');
  player.style.cssText = 'display:block;width:640px;height:400px';
  player.setAttribute('camera', camera);
  window.told = [];
  player.addEventListener('redeye-state', ({ detail }) => window.told.push(detail));
  document.body.append(player);
  window.player = player;
};
window.surface = () => [...window.player.shadowRoot.querySelectorAll('.surface.shown')].at(-1);
window.look = async () => {
  const surface = window.surface();
  await new Promise((resolve) => surface instanceof HTMLVideoElement ? surface.requestVideoFrameCallback(resolve) : requestAnimationFrame(resolve));
  const canvas = window.plate ??= Object.assign(document.createElement('canvas'), ${JSON.stringify(PLATE)});
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(surface, 0, 0, ${PLATE.width}, ${PLATE.height}, 0, 0, ${PLATE.width}, ${PLATE.height});
  return { at: Date.now(), pixels: [...context.getImageData(0, 0, ${PLATE.width}, ${PLATE.height}).data] };
};
`;

interface Told {
  state: string;
  way?: string;
  delayMs?: number;
  reasons: { reason: string }[];
}

buildConsoleIfOld();

describe('the player in Chromium', function () {
  this.timeout(60_000);
  let live: Live;
  let door: Awaited<ReturnType<typeof openDoor>>;
  let browser: Browser;
  let page: Page;
  let troubles: string[];
  let signalling: Server;
  let refused: string[];
  /** where LiveKit has the cameras now */
  let place: RoomPlace | undefined;

  before(async () => {
    // Lets everybody in and hangs up before a word is said.
    signalling = createServer((_request, response) => {
      response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end('success');
    });
    new WebSocketServer({ server: signalling }).on('connection', (socket, request) => {
      refused.push(request.url ?? '');
      socket.close();
    });
    await new Promise<void>((resolve) => signalling.listen(0, '127.0.0.1', resolve));
    const livekitUrl = `ws://127.0.0.1:${(signalling.address() as AddressInfo).port}`;
    const livekit: Partial<LivekitService> = {
      roomOf: () => place,
      camerasIn: () => [],
      viewerToken: async (room, identity) => {
        return { url: livekitUrl, token: 'viewer-token', room, identity, expires_at: new Date().toISOString() };
      },
    };
    const [udpPort = 0] = await freePorts(1);
    live = createLive({
      clock: systemClock,
      log: silentLog,
      ffmpegPath: 'ffmpeg',
      metrics: createMetrics({ log: silentLog, process: false }),
      settings: {
        HOST: '127.0.0.1',
        WEBRTC_UDP_PORT: udpPort,
        WEBRTC_HOSTS: [],
        ICE_SERVERS: [],
        TURN_URLS: [],
      },
      checkUrl: async () => {},
    });
    const fleet = { camera: async (id: string) => ({ id }), deviceOfKey: async () => undefined };
    // A blank page under the console's own content policy.
    const blank = await temporaryFolder('blank');
    await writeFile(join(blank, 'index.html'), '<!doctype html><title>blank</title>');
    const pages = consolePages(blank, '', livekitUrl);
    assert.ok(pages);
    const files = Router()
      .use(express.static(join(ROOT, 'dist/console'), { index: false }))
      .use(pages);
    door = await openDoor({
      live,
      fleet: fleet as unknown as HttpParts['fleet'],
      published: { livekit } as unknown as HttpParts['published'],
      console: files,
    });
    await live.start();
    const clip = join(await temporaryFolder('clip'), 'tone.mp4');
    await promisify(execFile)('ffmpeg', [...clipArguments({ width: 160, height: 90, audio: true }), clip]);
    await live.cameras.define({ id: DRAWN, url: `sim:gradient?width=${WIDTH}&height=360&fps=${FPS}` });
    await live.cameras.define({ id: SOUNDING, url: `file:${clip}` });
    browser = await openBrowser();
  });

  after(async () => {
    await browser?.close();
    await live?.stop();
    await door?.close();
    signalling?.closeAllConnections();
    await new Promise((resolve) => signalling.close(resolve));
  });

  beforeEach(() => {
    place = undefined;
    refused = [];
  });

  afterEach(async () => {
    await page.context().close();
    assert.deepEqual(
      troubles.filter((trouble) => !GONE.test(trouble)),
      [],
    );
  });

  const begin = async (camera: string, script = '', rooms?: string) => {
    const token = await door.userToken('admin');
    const context = await browser.newContext({ extraHTTPHeaders: { Authorization: `Bearer ${token}` } });
    page = await context.newPage();
    troubles = troublesOf(page);
    await page.addInitScript(script);
    if (rooms !== undefined)
      await page.route(LIVEKIT_FILE, (route) => route.fulfill({ contentType: 'text/javascript', body: rooms }));
    await page.goto(`${door.url}/blank`);
    // A browser plays sound only to who has touched the page.
    await page.mouse.click(5, 5);
    await page.evaluate(PAGE);
    await page.evaluate(`window.begin(${JSON.stringify(camera)})`);
  };
  const told = async () => ((await page.evaluate('window.told')) as Told[]).at(-1);
  const playing = (way: string) =>
    until(
      `it plays by ${way}`,
      async () => {
        const now = await told();
        return now?.state === 'playing' && now.way === way && now;
      },
      20_000,
    );
  const kick = () => {
    for (const source of live.sessions) for (const { id } of source.sessions()) source.kick(id);
  };
  /** The delays of pictures that are seen now, by the counter in them. */
  const delays = async (count: number) => {
    const found: number[] = [];
    while (found.length < count) {
      const { at, pixels } = (await page.evaluate('window.look()')) as { at: number; pixels: number[] };
      const number = readNumber(Uint8Array.from(pixels), PLATE.width, 4, counterPlace(WIDTH), COUNTER_DIGITS);
      if (number !== undefined) found.push(at - drawnAt(number, at));
    }
    return found;
  };
  const status = () => page.locator('redeye-player').getByRole('status');

  for (const [way, script] of [
    ['whep', ''],
    ['hls', NO_WEBRTC],
    ['mjpeg', NO_WEBRTC + NO_HLS],
  ] as const) {
    it(`says by ${way} that somebody ended the session, and begins again only when it is asked to`, async () => {
      await begin(DRAWN, script);
      await playing(way);
      kick();
      await status().filter({ hasText: 'Ended An administrator ended this session' }).waitFor({ timeout: 10_000 });
      await screenshot(page, `player-ended-${way}`);
      const ended = ((await page.evaluate('window.told')) as Told[]).length;
      // As long as the pause after which it would have tried again by itself, and more.
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      await page.evaluate('new Promise((resolve) => setTimeout(resolve, 2500))');
      assert.deepEqual(asked, []);
      assert.equal(((await page.evaluate('window.told')) as Told[]).length, ended);
      assert.equal((await told())?.state, 'ended');
      if (way !== 'whep') return;
      await page.getByRole('button', { name: 'Play' }).click();
      await playing(way);
    });

    it(`tells by ${way} how far behind it is as the burnt-in counter does`, async () => {
      await begin(DRAWN, script);
      await playing(way);
      const shown = await until('it tells its delay', async () => {
        const all = ((await page.evaluate('window.told')) as Told[]).flatMap(({ delayMs }) => delayMs ?? []);
        return all.length >= 4 && all.slice(-3);
      });
      const real = await delays(15);
      const off = Math.abs(middle(shown) - middle(real));
      assert.ok(off < TOLERANCE_MS, `it says ${middle(shown)}, the counter ${middle(real)} ms`);
    });
  }

  it('plays by WebRTC of our own and says why when LiveKit, which it asks first, lets nobody in', async () => {
    place = { room: 'hall', participant: 'camera-hall' };
    await begin(DRAWN);
    const { reasons } = await playing('whep');
    const { host } = new URL(`http://127.0.0.1:${(signalling.address() as AddressInfo).port}`);
    assert.deepEqual(reasons, [{ way: 'livekit', reason: `it is not reached at ${host}` }]);
    assert.ok(refused.length > 0 && refused.every((url) => url.includes('access_token=viewer-token')), `${refused}`);
    await status()
      .filter({ hasText: `LiveKit: it is not reached at ${host}` })
      .waitFor();
    await screenshot(page, 'player-livekit-refused');
  });

  it('goes up to LiveKit once the camera is in a room, and down again when it leaves that', async () => {
    const loaded: string[] = [];
    await begin(DRAWN, '', ROOMS);
    page.on('request', (request) => LIVEKIT_FILE.test(request.url()) && loaded.push(request.url()));
    const alone = await playing('whep');
    assert.deepEqual([alone.reasons, loaded], [[], []]);
    place = { room: 'hall', participant: 'camera-hall' };
    await playing('livekit');
    assert.equal(loaded.length, 1);
    const joined = (await page.evaluate('window.joined')) as { token: string; autoSubscribe: boolean };
    assert.deepEqual([joined.token, joined.autoSubscribe], ['viewer-token', false]);
    await until('our own session is over', () => live.whep.sessions().length === 0);
    await page.evaluate('window.leave()');
    const { reasons } = await playing('whep');
    assert.deepEqual(reasons, [{ way: 'livekit', reason: 'the camera left its room' }]);
    assert.equal(await page.evaluate('window.left'), 1);
    await playing('livekit');
  });

  it('goes to the live edge when an HLS picture has fallen behind', async () => {
    await begin(DRAWN, NO_WEBRTC);
    await playing('hls');
    const delay = async () => (await delays(1))[0] ?? Number.NaN;
    const usual = await delay();
    await page.evaluate('window.surface().currentTime -= 3.6');
    assert.ok((await delay()) > usual + 2000, 'it is behind now');
    await until('it is live again', async () => (await delay()) < usual + 1000);
  });

  it('has the server encode sound only while it is to be heard', async () => {
    const encoders = async () => (await childCommands()).filter((command) => command.includes('libopus')).length;
    await begin(SOUNDING, OFFERS);
    await playing('whep');
    const first = live.whep.sessions()[0]?.id;
    assert.equal(await encoders(), 0);
    assert.deepEqual(await page.evaluate('window.offers'), [false]);
    await page.getByRole('button', { name: 'Sound on' }).click();
    await until('sound is encoded', async () => (await encoders()) === 1);
    await until('the silent session is over', () => {
      const [only, ...more] = live.whep.sessions();
      return more.length === 0 && only !== undefined && only.id !== first;
    });
    const isHeard = `(() => {
      const [track] = window.surface().srcObject.getAudioTracks();
      return track !== undefined && !track.muted && !window.surface().muted;
    })()`;
    await until('it is heard', () => page.evaluate(isHeard));
    assert.equal((await told())?.way, 'whep');
    await page.getByRole('button', { name: 'Sound off' }).click();
    await until('nothing is encoded any more', async () => (await encoders()) === 0, 20_000);
    assert.equal((await told())?.state, 'playing');
    assert.deepEqual(await page.evaluate('window.offers'), [false, true, false]);
  });
});

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Epoch ms at which the picture of that number was due, not long before a time: the numbers begin anew with each lap. */
function drawnAt(number: number, atMs: number): number {
  const inLap = (number * 1000) / FPS;
  const behind = (((atMs - inLap) % GRADIENT_LAP_MS) + GRADIENT_LAP_MS) % GRADIENT_LAP_MS;
  return atMs - behind;
}
