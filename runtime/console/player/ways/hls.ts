import type Hls from 'hls.js';
import { playerStrings as words } from '../../strings/player.ts';
import { Refusal, type Source } from '../source.ts';
import { firstFrame, type OpensWay, type OpenWay, play, watchStall } from './way.ts';
import { within } from './within.ts';

/** The server waits up to 10 s for the first segment. */
const FIRST_MS = 16_000;
const STALL_MS = 12_000;
/** So much more than it should be is behind. */
const BEHIND_S = 3;
const PLAYLIST = 'hls/index.m3u8';

/** Opens LL-HLS: by hls.js, which is loaded now, or by the browser itself where that knows HLS and no MediaSource. */
export const openHls: OpensWay = async (parts) => {
  const video = parts.surface as HTMLVideoElement;
  const { default: Player } = await import('hls.js/light');
  if (Player.isSupported()) return openByScript(Player, video, parts);
  if (video.canPlayType('application/vnd.apple.mpegurl') !== '') return openByBrowser(video, parts);
  throw new Error(words.noHls);
};

async function openByScript(
  Player: typeof Hls,
  video: HTMLVideoElement,
  parts: Parameters<OpensWay>[0],
): Promise<OpenWay> {
  const { source, signal, onEnd } = parts;
  const hls = new Player({
    lowLatencyMode: true,
    // Nothing has to be unpacked, and a worker out of a blob is against the console's content policy.
    enableWorker: false,
    backBufferLength: 4,
    maxLiveSyncPlaybackRate: 1.1,
    xhrSetup: (xhr, address) => xhr.open('GET', source.withToken(address), true),
  });
  let stopWatching = () => {};
  const close = () => {
    stopWatching();
    hls.destroy();
    clear(video);
  };
  let fail = (_reason: Error) => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  hls.on(Player.Events.ERROR, (_event, data) => {
    if (!data.fatal) return;
    const status = data.response?.code ?? 0;
    if (data.type === Player.ErrorTypes.NETWORK_ERROR && status > 0) void refusalOf(source, status).then(fail);
    else fail(new Error(words.failedFile(data.details)));
  });
  try {
    const first = firstFrame(video);
    hls.loadSource(source.address(PLAYLIST));
    hls.attachMedia(video);
    hls.once(Player.Events.MANIFEST_PARSED, () => void play(video));
    await within(Promise.race([first, failed]), FIRST_MS, words.noFirst(FIRST_MS / 1000), signal);
  } catch (error) {
    close();
    throw error;
  }
  fail = onEnd;
  stopWatching = watchStall(video, STALL_MS, () => onEnd(new Error(words.stalled)));
  const delayOf = () => {
    const at = hls.playingDate?.getTime();
    return at === undefined ? hls.latency * 1000 : source.serverNow() - at;
  };
  const toLive = () => {
    if (hls.liveSyncPosition !== null && hls.latency > (hls.targetLatency ?? 0) + BEHIND_S)
      video.currentTime = hls.liveSyncPosition;
  };
  return {
    delayMs: async () => Math.max(0, delayOf()),
    toLive,
    hasSound: () => hls.levels.some(({ audioCodec }) => (audioCodec ?? '') !== ''),
    close,
  };
}

async function openByBrowser(
  video: HTMLVideoElement,
  { source, signal, onEnd }: Parameters<OpensWay>[0],
): Promise<OpenWay> {
  let stopWatching = () => {};
  let fail = (_reason: Error) => {};
  const onError = () => fail(new Error(words.failedFile(video.error?.message ?? '')));
  const close = () => {
    stopWatching();
    video.removeEventListener('error', onError);
    clear(video);
  };
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  video.addEventListener('error', onError);
  try {
    const first = firstFrame(video);
    video.src = source.address(PLAYLIST);
    void play(video);
    await within(Promise.race([first, failed]), FIRST_MS, words.noFirst(FIRST_MS / 1000), signal);
  } catch (error) {
    close();
    throw error;
  }
  fail = onEnd;
  stopWatching = watchStall(video, STALL_MS, () => onEnd(new Error(words.stalled)));
  const dated = video as HTMLVideoElement & { getStartDate?(): Date };
  return {
    delayMs: async () => {
      const began = dated.getStartDate?.().getTime() ?? Number.NaN;
      return Number.isNaN(began) ? undefined : Math.max(0, source.serverNow() - began - video.currentTime * 1000);
    },
    toLive: () => {
      const { seekable } = video;
      if (seekable.length > 0) video.currentTime = seekable.end(seekable.length - 1);
    },
    // Whether it has any is not told by Safari; a control too many is better than silence.
    hasSound: () => true,
    close,
  };
}

/** Asks once more for the words: hls.js keeps only the number. */
async function refusalOf(source: Source, status: number): Promise<Error> {
  try {
    await source.ask(PLAYLIST, { signal: AbortSignal.timeout(FIRST_MS) });
    return new Error(`HTTP ${status}`);
  } catch (error) {
    return error instanceof Refusal ? error : new Error(`HTTP ${status}`);
  }
}

function clear(video: HTMLVideoElement): void {
  video.removeAttribute('src');
  video.load();
}
