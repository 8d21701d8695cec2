// Runs in Chromium: plays a camera and reads the counter back from what is drawn.
import { readNumber } from '/assets/bench/digits.js';

const FPS = 30;
const DIGITS = 6;
const LAP = 10 ** DIGITS;
/** the plate with the counter of a picture 640 wide, as `counterPlace` says */
const PLACE = { left: 8, top: 8, dot: 2 };
const PLATE = { width: 96, height: 32 };

const canvas = document.createElement('canvas');
Object.assign(canvas, PLATE);
const context = canvas.getContext('2d', { willReadFrequently: true });

/** Epoch ms at which the picture was drawn by the camera, from its number. */
function drawnAt(number) {
  const now = Math.floor((Date.now() * FPS) / 1000);
  const behind = (((now - number) % LAP) + LAP) % LAP;
  return ((now - behind) * 1000) / FPS;
}

function readFrom(surface) {
  context.drawImage(surface, 0, 0, PLATE.width, PLATE.height, 0, 0, PLATE.width, PLATE.height);
  const { data } = context.getImageData(0, 0, PLATE.width, PLATE.height);
  return readNumber(data, PLATE.width, 4, PLACE, DIGITS);
}

/** The delays of all pictures that are drawn within so many ms: from the camera's drawing to after they were read back here. */
async function sample(surface, ms) {
  const delays = [];
  let last;
  let unread = 0;
  const look = () => {
    const number = readFrom(surface);
    if (number === undefined) unread += 1;
    else if (number !== last) delays.push(Date.now() - drawnAt(number));
    last = number ?? last;
  };
  const until = performance.now() + ms;
  while (performance.now() < until) {
    await new Promise((resolve) => {
      if (surface instanceof HTMLVideoElement) surface.requestVideoFrameCallback(resolve);
      else requestAnimationFrame(resolve);
    });
    look();
  }
  return { delays, unread };
}

let player;

/** Puts the product's player on the page, as a click would; answers after how many ms it showed its first picture, and by which way. */
async function click(camera) {
  await import('/assets/redeye-player.js');
  const begin = performance.now();
  player = document.createElement('redeye-player');
  player.style.cssText = 'display:block;width:640px;height:360px';
  player.setAttribute('camera', camera);
  const playing = new Promise((resolve, reject) => {
    player.addEventListener('redeye-state', ({ detail }) => {
      if (detail.state === 'playing') resolve(detail);
      if (detail.state === 'waiting' || detail.state === 'none') reject(new Error(JSON.stringify(detail)));
    });
  });
  document.body.append(player);
  const { way, reasons } = await playing;
  return { ms: performance.now() - begin, way, reasons };
}

function leave() {
  player?.remove();
  player = undefined;
}

/** Plays an HLS playlist as the player does, with hls.js; answers the video once it moves. */
async function playHls(address) {
  const { default: Hls } = await import('/assets/bench/hls.js');
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  const hls = new Hls({ lowLatencyMode: true, enableWorker: false, backBufferLength: 4, maxLiveSyncPlaybackRate: 1.1 });
  const failed = new Promise((_resolve, reject) => {
    hls.on(Hls.Events.ERROR, (_event, data) => data.fatal && reject(new Error(`hls.js: ${data.details}`)));
  });
  hls.loadSource(address);
  hls.attachMedia(video);
  hls.once(Hls.Events.MANIFEST_PARSED, () => video.play());
  await Promise.race([new Promise((resolve) => video.requestVideoFrameCallback(resolve)), failed]);
  return video;
}

window.bench = {
  click,
  leave,
  sampleShown: (ms) => sample(player.shadowRoot.querySelector('video.surface, canvas.surface'), ms),
  /** Several playlists at once: the same moments for all. */
  async sampleHls(addresses, settleMs, ms) {
    const videos = await Promise.all(addresses.map(playHls));
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const samples = await Promise.all(videos.map((video) => sample(video, ms)));
    for (const video of videos) video.remove();
    return samples;
  },
};
