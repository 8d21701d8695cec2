import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { median, percentile } from '../cpu.ts';
import { p95AtMost, type Row, show } from './rows.ts';
import { DRAWN, pause, type Server } from './setting.ts';

const SECONDS = Number(process.env.SECONDS ?? 12);
/** hls.js finds its distance from the edge in a few seconds. */
const HLS_SETTLE_MS = 6000;
const GOAL = { whep: 60, hls: 1200, mjpeg: 200 } as const;
const CAMERA = 'drawn';

const ROOT = join(import.meta.dirname, '../..');
const FILES = {
  'page.js': join(import.meta.dirname, 'page.js'),
  'digits.js': join(ROOT, 'dist/runtime/media/sim/digits.js'),
  'hls.js': join(ROOT, 'node_modules/hls.js/dist/hls.mjs'),
};

/** A server whose pictures a page shows. */
interface PageServer {
  url: string;
  /** of a user, as the console's cookie holds it */
  token: string;
}

interface Sample {
  delays: number[];
  unread: number;
}

/** What the player says of its first picture. */
export interface Clicked {
  /** from the click on */
  ms: number;
  way: string;
  reasons: unknown[];
}

/** Takes WebRTC away from a page, and HLS, so that the player has MJPEG left. */
const ONLY_MJPEG = `
delete window.RTCPeerConnection;
delete window.MediaSource;
delete window.ManagedMediaSource;
HTMLMediaElement.prototype.canPlayType = () => '';
`;

export async function whepLatency(server: Server, browser: Browser): Promise<Row[]> {
  const { delays, unread } = await shown(server, browser, 'whep');
  return [p95AtMost('WHEP, drawn by the camera → drawn by Chromium', delays, GOAL.whep, not(unread))];
}

export async function mjpegLatency(server: Server, browser: Browser): Promise<Row[]> {
  const { delays, unread } = await shown(server, browser, 'mjpeg');
  const { got, sent } = await mjpegRate(server);
  return [
    p95AtMost('MJPEG, the same', delays, GOAL.mjpeg, not(unread)),
    { what: 'MJPEG with `fps=30`', measured: `${show(got)} pictures a second of ${show(sent)} that came` },
  ];
}

/** LL-HLS beside ffmpeg's own HLS of the same pictures, in one page at the same time. */
export async function hlsLatency(server: Server, browser: Browser): Promise<Row[]> {
  await server.define(CAMERA, DRAWN);
  await server.warm(CAMERA);
  await server.child.ask('ffmpegHls', { id: CAMERA });
  const page = await open(server, browser);
  const ours = `/api/v1/cameras/${CAMERA}/hls/index.m3u8`;
  // ffmpeg writes its playlist with the first whole segment; players want some more.
  await pause(4000);
  const script = `bench.sampleHls(${JSON.stringify([ours, '/assets/bench/ffmpeg-hls/live.m3u8'])}, ${HLS_SETTLE_MS}, ${SECONDS * 1000})`;
  const [redeye, ffmpeg] = (await page.evaluate(script)) as Sample[];
  await page.context().close();
  await server.remove(CAMERA);
  const [own = [], peer = []] = [redeye?.delays, ffmpeg?.delays];
  const ratio = percentile(own, 0.95) / percentile(peer, 0.95);
  return [
    p95AtMost('LL-HLS in hls.js, the same', own, GOAL.hls, not(redeye?.unread ?? 0)),
    {
      what: "ffmpeg's own HLS in hls.js, the same pictures (segments of 1 s)",
      measured: `p50 ${show(median(peer))}, p95 ${show(percentile(peer, 0.95))} ms: Redeye's p95 is ${ratio.toFixed(2)}× of it`,
    },
  ];
}

/** The delays of what the product's own player shows of a camera that is kept running. */
async function shown(server: Server, browser: Browser, way: 'whep' | 'mjpeg'): Promise<Sample> {
  await server.define(CAMERA, DRAWN);
  await server.warm(CAMERA);
  const sample = await watchedDelays(server, browser, { camera: CAMERA, way });
  await server.remove(CAMERA);
  return sample;
}

/** The delays of what the product's own player shows of a camera. */
export async function watchedDelays(
  server: PageServer,
  browser: Browser,
  { camera, way }: { camera: string; way: 'whep' | 'mjpeg' },
): Promise<Sample> {
  const page = await open(server, browser, way === 'mjpeg' ? ONLY_MJPEG : '');
  try {
    const clicked = (await page.evaluate(`bench.click(${JSON.stringify(camera)})`)) as Clicked;
    if (clicked.way !== way) throw new Error(`the player plays by ${clicked.way}: ${JSON.stringify(clicked.reasons)}`);
    // The first second belongs to the jump from the key frame to now.
    await pause(2000);
    return (await page.evaluate(`bench.sampleShown(${SECONDS * 1000})`)) as Sample;
  } finally {
    await page.context().close();
  }
}

/** Pictures a second that a client gets who asks for 30, and that the camera has sent. */
async function mjpegRate(server: Server): Promise<{ got: number; sent: number }> {
  await server.define(CAMERA, DRAWN);
  await server.warm(CAMERA);
  const ending = new AbortController();
  const response = await fetch(`${server.url}/api/v1/cameras/${CAMERA}/mjpeg?fps=30`, {
    headers: { Authorization: `Bearer ${server.token}` },
    signal: ending.signal,
  });
  let count = 0;
  let sinceMs = performance.now() + 2000;
  let rate = Number.NaN;
  for await (const piece of response.body ?? []) {
    const nowMs = performance.now();
    if (nowMs < sinceMs) continue;
    if (count === 0) sinceMs = nowMs;
    count += Buffer.from(piece).toString('latin1').split('X-Captured-At').length - 1;
    rate = (count * 1000) / (nowMs - sinceMs);
    if (nowMs - sinceMs > 6000) break;
  }
  ending.abort();
  const { fps } = await server.status(CAMERA);
  await server.remove(CAMERA);
  return { got: rate, sent: fps };
}

/** The benchmark's page, logged in as the console is. Its files come from here; the player and the pictures from the server. */
export async function open(server: PageServer, browser: Browser, init = ''): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 700, height: 800 } });
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(`page: ${error.message}`));
  await context.addCookies([{ name: 'redeye_session', value: server.token, url: server.url }]);
  for (const [name, path] of Object.entries(FILES)) {
    await context.route(`${server.url}/assets/bench/${name}`, (route) => route.fulfill({ path }));
  }
  const html = '<!doctype html><title>bench</title><script type="module" src="/assets/bench/page.js"></script>';
  await context.route(`${server.url}/assets/bench/page.html`, (route) =>
    route.fulfill({ contentType: 'text/html', body: html }),
  );
  await page.addInitScript(init);
  await page.goto(`${server.url}/assets/bench/page.html`);
  await page.waitForFunction('window.bench !== undefined');
  return page;
}

function not(unread: number): string {
  return unread === 0 ? '' : `, ${unread} not readable`;
}
