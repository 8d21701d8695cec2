import { type Ask, invalid, type Operation, Refusal, type Tools } from './operation.ts';
import { hlsFile } from './relab-hls.ts';
import { streamMetadataOf } from './relab-live.ts';

interface Stream extends Disposable {
  camera: string;
  startedAt: number;
  /** stops the clock of its longest time */
  cancelLook?: () => void;
}

const KEY = 'stream';
const YOUTUBE = 'youtube';
/** Name of the push; the server's own streams have names of another form. */
const PUSH = 'relab.youtube';
/** Where YouTube takes RTMPS for every channel; a client of this API names its key only. */
const YOUTUBE_INGEST = 'rtmps://a.rtmps.youtube.com:443/live2';
/** A stream ends by itself after so long, looked after every minute (S0.28): nobody forgets one for days. */
const LONGEST_MS = 5 * 3600_000;
const LOOK_MS = 60_000;

interface YoutubeStream extends Stream {
  broadcast: string;
}

/** The stream to YouTube that was started here, as `StreamView`; its key is never echoed (§4.2). */
async function youtubeOf(tools: Tools): Promise<Record<string, unknown> | null> {
  const { memory, host } = tools;
  const stream = memory.get(YOUTUBE) as YoutubeStream | undefined;
  if (!stream) return null;
  const push = host.pushes?.list().find(({ name }) => name === PUSH) ?? { state: 'idle' };
  return {
    mode: 'youtube',
    provider: 'youtube',
    url: `https://youtube.com/watch?v=${stream.broadcast}`,
    started_at: new Date(stream.startedAt).toISOString(),
    youtube_config: null,
    metadata: await streamMetadataOf(stream.camera, push, tools),
  };
}

/** Gives a stream back when it has lasted too long. */
function endInTime({ host, memory }: Tools, key: string, stream: Stream | YoutubeStream): void {
  const look = () => {
    if (memory.get(key) !== stream) return;
    if (host.clock.now() - stream.startedAt < LONGEST_MS) stream.cancelLook = host.clock.after(LOOK_MS, look);
    else {
      host.log.info('a stream was ended, since it has lasted for five hours', { camera: stream.camera });
      stream[Symbol.dispose]();
      memory.delete(key);
    }
  };
  stream.cancelLook = host.clock.after(LOOK_MS, look);
}

function stopYoutube({ memory }: Tools): boolean {
  (memory.get(YOUTUBE) as YoutubeStream | undefined)?.[Symbol.dispose]();
  return memory.delete(YOUTUBE);
}

/** What runs; YouTube goes before what is only watched here. */
export async function streamOf(tools: Tools, origin: string): Promise<Record<string, unknown> | null> {
  return (await youtubeOf(tools)) ?? localOf(tools, origin);
}

/** Whether anything runs. */
export function isStreaming({ memory }: Tools): boolean {
  return memory.has(YOUTUBE) || memory.has(KEY);
}

async function localOf(tools: Tools, origin: string): Promise<Record<string, unknown> | null> {
  const { memory, host } = tools;
  const stream = memory.get(KEY) as Stream | undefined;
  if (!stream) return null;
  const how = host.live?.status(stream.camera, 'hls') ?? { state: 'idle' };
  return {
    mode: 'local',
    provider: null,
    url: `${origin}/stream/watch`,
    started_at: new Date(stream.startedAt).toISOString(),
    youtube_config: null,
    metadata: await streamMetadataOf(stream.camera, how, tools),
  };
}

function stop({ memory }: Tools): boolean {
  (memory.get(KEY) as Stream | undefined)?.[Symbol.dispose]();
  return memory.delete(KEY);
}

/** Whether a stream or preview is kept ready here. */
export function isWatched({ memory }: Tools): boolean {
  return memory.has(KEY);
}

/** Pushes the camera to YouTube under the key that the platform got (S0.15, S0.16); one at a time. */
async function startYoutube({ body }: Ask, tools: Tools) {
  const { stream_key, broadcast_key } = body;
  const isKey = (key: unknown): key is string => typeof key === 'string' && /^[A-Za-z0-9_-]{1,200}$/.test(key);
  if (!isKey(stream_key) || !isKey(broadcast_key)) {
    throw new Refusal(400, 'request.invalid', 'YouTube config is missing or invalid');
  }
  const { pushes, clock } = tools.host;
  if (!pushes) throw new Refusal(500, 'host.not_here', 'nothing is pushed from here');
  const { id } = await tools.camera();
  if (tools.memory.has(YOUTUBE)) throw new Refusal(409, 'stream.active', 'Stream is already active');
  const release = pushes.declare({ name: PUSH, camera: id, url: YOUTUBE_INGEST, key: stream_key, sound: 'auto' });
  const stream: YoutubeStream = {
    camera: id,
    broadcast: broadcast_key,
    startedAt: clock.now(),
    [Symbol.dispose]() {
      stream.cancelLook?.();
      release();
      pushes.forget(PUSH);
    },
  };
  tools.memory.set(YOUTUBE, stream);
  endInTime(tools, YOUTUBE, stream);
  pushes.switchOn(PUSH);
  return youtubeOf(tools);
}

/** Dialect A: one stream at a time; `mode=local` keeps HLS ready. */
const streamStart: Operation = async (ask, tools) => {
  const { query, origin, path } = ask;
  // Tabs that were edited before there was `youtube-start` have one box for both addresses.
  if (path.endsWith('/streams/youtube')) return youtubeStart(ask, tools);
  if (query.mode !== 'youtube' && query.mode !== 'local')
    throw invalid('mode', query.mode === undefined ? 'mode: Field required' : 'mode must be youtube or local', 'query');
  if (tools.memory.has(KEY)) throw new Refusal(409, 'stream.active', 'Stream is already active');
  if (query.mode === 'youtube') return { status: 201, body: await startYoutube(ask, tools) };
  if (tools.memory.has(YOUTUBE)) throw new Refusal(409, 'stream.active', 'Stream is already active');
  const { id } = await tools.camera();
  if (!tools.host.live) throw new Refusal(500, 'host.not_here', 'there is no live picture here');
  keepLocal(id, tools, true);
  return { status: 201, body: await localOf(tools, origin) };
};

/** Keeps HLS ready. Only a stream that somebody began by that name ends after five hours. */
function keepLocal(camera: string, tools: Tools, isLimited: boolean): void {
  const { live, clock } = tools.host;
  if (!live) return;
  const release = live.keepWarm(camera, 'hls');
  const stream: Stream = {
    camera,
    startedAt: clock.now(),
    [Symbol.dispose]() {
      stream.cancelLook?.();
      release();
    },
  };
  tools.memory.set(KEY, stream);
  if (isLimited) endInTime(tools, KEY, stream);
}

const streamStatus: Operation = async (ask, tools) => {
  if (ask.path.endsWith('/streams/youtube')) return youtubeStatus(ask, tools);
  const body = await streamOf(tools, ask.origin);
  if (!body) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 200, body };
};

/** Without a mode it stops what runs; with one only that. */
const streamStop: Operation = (ask, tools) => {
  const { query, path } = ask;
  if (path.endsWith('/streams/youtube')) return youtubeStop(ask, tools);
  const stopped = [query.mode !== 'local' && stopYoutube(tools), query.mode !== 'youtube' && stop(tools)];
  if (!stopped.includes(true)) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 204 };
};

/** Dialect B: beside a preview. */
const youtubeStart: Operation = async (ask, tools) => ({ status: 201, body: await startYoutube(ask, tools) });

const youtubeStatus: Operation = async (_ask, tools) => {
  const body = await youtubeOf(tools);
  if (!body) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 200, body };
};

const youtubeStop: Operation = (_ask, tools) => {
  if (!stopYoutube(tools)) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 204 };
};

const streamRedirect: Operation = ({ path }, tools) => {
  if (!path.endsWith('/hls')) return { status: 307, headers: { Location: '/stream/status' } };
  if (!tools.memory.has(KEY)) throw new Refusal(404, 'stream.none', 'No local stream');
  return { status: 307, headers: { Location: '/stream/hls/master.m3u8' } };
};

/** Dialect A, while a local stream was started; a file that is not there is 403 (§2.0). */
const streamHls: Operation = async (ask, tools) => {
  const { params } = ask;
  if (!/\.(m3u8|ts|mp4)$/.test(params.file ?? '')) {
    throw new Refusal(400, 'request.invalid', 'only .m3u8, .ts and .mp4 files are served');
  }
  const stream = tools.memory.get(KEY) as Stream | undefined;
  if (!stream) throw new Refusal(404, 'stream.none', 'No local stream');
  return hlsFile(ask, stream.camera, tools, { missing: 403 });
};

/** Dialect B: whoever asks wakes the camera. */
const previewHls: Operation = async (ask, tools) =>
  hlsFile(ask, (await tools.camera()).id, tools, { missing: 404, cache: 'no-store' });

const preview: Operation = async ({ path }, tools) => {
  const { id } = await tools.camera();
  if (path.endsWith('/stop')) stop(tools);
  else if (!tools.host.live) throw new Refusal(503, 'camera.no_stream', 'there is no live picture here');
  else if (!tools.memory.has(KEY)) keepLocal(id, tools, false);
  return { status: 204 };
};

/** Streams of the Pi camera API of seed 000 (§2.0): HLS of our own, and pushes to YouTube. */
export const relabStreams: Record<string, Operation> = {
  'stream-start': streamStart,
  'stream-status': streamStatus,
  'stream-stop': streamStop,
  'youtube-start': youtubeStart,
  'youtube-status': youtubeStatus,
  'youtube-stop': youtubeStop,
  'stream-redirect': streamRedirect,
  'stream-hls': streamHls,
  'preview-hls': previewHls,
  preview,
};
