import type { CameraTest, LiveTest } from '../contracts/cameras.ts';
import { AppError, toAppError } from '../contracts/errors.ts';
import type { Clock } from '../contracts/host.ts';
import type { StreamFormat } from '../contracts/streams.ts';
import { silentLog } from '../lib/log.ts';
import { createCameraSet } from './camera-set.ts';
import { maskUrl } from './camera-url.ts';
import { RPICAM_VID } from './drivers/parts.ts';
import { createStreams, type Streams } from './stream/streams.ts';

export interface CameraTestParts {
  clock: Clock;
  ffmpegPath: string;
  /** throws `camera.url_invalid` for what is no camera's URL, or lies where the server must not reach */
  checkUrl: (url: string) => Promise<void>;
  rpicamVid?: readonly string[];
}

const STILL_MS = 12_000;
const LIVE_MS = 10_000;
/** After the stream said that it is away, so long is hoped for: it tries again by itself. */
const HOPE_MS = 3000;
/** Pictures in another order than they are shown give themselves away within so many. */
const PICTURES = 30;
const AT_ONCE = 2;
const ID = 'tested';

/**
 * Makes what tries an address once, as if it were a camera of this host: a still, then a few live pictures. It answers within 25 s, leaves
 * nothing running, and says what is wrong in words; only `stream.busy` is thrown, when two are being tried already.
 */
export function createCameraTest(parts: CameraTestParts): (url: string) => Promise<CameraTest> {
  let running = 0;
  return async (url) => {
    if (running >= AT_ONCE) {
      throw new AppError('stream.busy', 'two cameras are being tried already: try again', { retryAfterS: 5 });
    }
    running += 1;
    try {
      return await tryCamera(url, parts);
    } finally {
      running -= 1;
    }
  };
}

async function tryCamera(url: string, { clock, ffmpegPath, checkUrl, rpicamVid = RPICAM_VID }: CameraTestParts) {
  const say = (text: string) => withoutSecrets(text, url);
  const common = { clock, log: silentLog, ffmpegPath, rpicamVid };
  const cameras = createCameraSet({ ...common, checkUrl });
  const streams = createStreams({ ...common, cameras });
  try {
    await checkUrl(url);
    cameras.define({ id: ID, url });
    await streams.start();
    const startedMs = clock.monotonicMs();
    const { width, height } = await withinMs(STILL_MS, clock, (signal) => cameras.capture(ID, {}, signal));
    const took_ms = Math.round(clock.monotonicMs() - startedMs);
    const driver = cameras.list()[0]?.driver ?? '';
    // Some cameras serve one at a time.
    await cameras.release(ID);
    const live = await tryLive(streams, clock);
    if (live.reason !== undefined) live.reason = say(live.reason);
    return { ok: true, driver, width, height, took_ms, live } satisfies CameraTest;
  } catch (thrown) {
    const { code, message } = toAppError(thrown);
    const driver = cameras.list()[0]?.driver;
    return { ok: false, code, reason: say(message), ...(driver !== undefined && { driver }) } satisfies CameraTest;
  } finally {
    await streams.stop();
    await cameras.stop();
  }
}

async function tryLive(streams: Streams, clock: Clock): Promise<LiveTest> {
  try {
    const { video, audio } = await firstPictures(streams, clock);
    const { codec, width, height, hasBFrames } = video;
    const note = streams.status(ID).reason;
    const order = 'it sends B-frames, which WebRTC cannot carry: turn them off in the camera, or watch by HLS';
    const reason = hasBFrames ? order : note;
    return {
      works: true,
      webrtc: !hasBFrames,
      codec,
      width,
      height,
      b_frames: hasBFrames,
      ...(audio && { sound: audio.codec }),
      ...(reason !== undefined && { reason }),
    };
  } catch (thrown) {
    return { works: false, webrtc: false, reason: toAppError(thrown).message };
  }
}

/** The format that holds after some pictures; what came in time counts where they are slow. */
function firstPictures(streams: Streams, clock: Clock): Promise<StreamFormat> {
  return new Promise((resolve, reject) => {
    let format: StreamFormat | undefined;
    let pictures = 0;
    let reason = 'no live picture came within 10 s';
    let close = () => {};
    const end = (error?: AppError) => {
      stopWaiting();
      close();
      if (format && !error) resolve(format);
      else reject(error ?? new AppError('camera.unreachable', reason));
    };
    let stopWaiting = clock.after(LIVE_MS, () => end());
    let hopes = false;
    try {
      const subscription = streams.subscribe(ID, {
        onFormat: (found) => {
          format = found;
        },
        onVideo: () => {
          pictures += 1;
          if (pictures === PICTURES) end();
        },
        onGap: (why) => {
          reason = why;
          if (hopes) return;
          hopes = true;
          stopWaiting();
          stopWaiting = clock.after(HOPE_MS, () => end());
        },
      });
      close = () => subscription.close();
    } catch (thrown) {
      end(toAppError(thrown));
    }
  });
}

async function withinMs<T>(ms: number, clock: Clock, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController();
  const late = new AppError('camera.unreachable', `no picture came within ${ms / 1000} s`);
  const stopWaiting = clock.after(ms, () => ending.abort(late));
  try {
    return await work(ending.signal);
  } finally {
    stopWaiting();
  }
}

/** Drivers leave the address out of their words already; what a program or camera repeats of it is taken out here. */
function withoutSecrets(text: string, url: string): string {
  const [, login = ''] = /:\/\/([^/?#]*)@/.exec(url) ?? [];
  const password = login.includes(':') ? login.slice(login.indexOf(':') + 1) : '';
  const shown = maskUrl(text);
  if (password === '') return shown;
  // One of a letter or two stands in many words: to take it out of them would tell it.
  const secrets = [password, decoded(password)].filter(({ length }) => length >= 3);
  return secrets.reduce((said, secret) => said.replaceAll(secret, '••••'), shown);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not encoded, so it is what it is.
    return text;
  }
}
