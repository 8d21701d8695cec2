import { type Ask, type Operation, Refusal, type Tools } from './operation.ts';

interface Stream extends Disposable {
  camera: string;
  startedAt: number;
}

const KEY = 'stream';
const YOUTUBE = 'youtube';
/** Name of the push; the server's own streams have names of another form. */
const PUSH = 'relab.youtube';
/** Where YouTube takes RTMPS for every channel; a client of this API names its key only. */
const YOUTUBE_INGEST = 'rtmps://a.rtmps.youtube.com:443/live2';

interface YoutubeStream extends Disposable {
  broadcast: string;
  startedAt: number;
}

/** The stream to YouTube that was started here, as `StreamView`; its key is never echoed (§4.2). */
function youtubeOf({ memory, host }: Tools): Record<string, unknown> | null {
  const stream = memory.get(YOUTUBE) as YoutubeStream | undefined;
  if (!stream) return null;
  const { state, reason } = host.pushes?.list().find(({ name }) => name === PUSH) ?? { state: 'idle' };
  return {
    mode: 'youtube',
    provider: 'youtube',
    url: `https://youtube.com/watch?v=${stream.broadcast}`,
    started_at: new Date(stream.startedAt).toISOString(),
    youtube_config: null,
    metadata: { state, ...(reason !== undefined && { reason }) },
  };
}

function stopYoutube({ memory }: Tools): boolean {
  (memory.get(YOUTUBE) as YoutubeStream | undefined)?.[Symbol.dispose]();
  return memory.delete(YOUTUBE);
}

/** What runs; YouTube goes before what is only watched here. */
export function streamOf(tools: Tools, origin: string): Record<string, unknown> | null {
  return youtubeOf(tools) ?? localOf(tools, origin);
}

function localOf({ memory, host }: Tools, origin: string): Record<string, unknown> | null {
  const stream = memory.get(KEY) as Stream | undefined;
  if (!stream) return null;
  const { state } = host.live?.status(stream.camera, 'hls') ?? { state: 'idle' };
  return {
    mode: 'local',
    provider: null,
    url: `${origin}/stream/watch`,
    started_at: new Date(stream.startedAt).toISOString(),
    youtube_config: null,
    metadata: { state },
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
    broadcast: broadcast_key,
    startedAt: clock.now(),
    [Symbol.dispose]() {
      release();
      pushes.forget(PUSH);
    },
  };
  tools.memory.set(YOUTUBE, stream);
  pushes.switchOn(PUSH);
  return youtubeOf(tools);
}

/** Dialect A: one stream at a time; `mode=local` keeps HLS ready. */
const streamStart: Operation = async (ask, tools) => {
  const { query, origin, path } = ask;
  // Tabs that were edited before there was `youtube-start` have one box for both addresses.
  if (path.endsWith('/streams/youtube')) return youtubeStart(ask, tools);
  if (query.mode !== 'youtube' && query.mode !== 'local')
    throw new Refusal(422, 'request.invalid', 'mode must be youtube or local');
  if (tools.memory.has(KEY)) throw new Refusal(409, 'stream.active', 'Stream is already active');
  if (query.mode === 'youtube') return { status: 201, body: await startYoutube(ask, tools) };
  if (tools.memory.has(YOUTUBE)) throw new Refusal(409, 'stream.active', 'Stream is already active');
  const { id } = await tools.camera();
  const { live, clock } = tools.host;
  if (!live) throw new Refusal(500, 'host.not_here', 'there is no live picture here');
  const stream: Stream = { camera: id, startedAt: clock.now(), [Symbol.dispose]: live.keepWarm(id, 'hls') };
  tools.memory.set(KEY, stream);
  return { status: 201, body: localOf(tools, origin) };
};

const streamStatus: Operation = (ask, tools) => {
  if (ask.path.endsWith('/streams/youtube')) return youtubeStatus(ask, tools);
  const body = streamOf(tools, ask.origin);
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

const youtubeStatus: Operation = (_ask, tools) => {
  const body = youtubeOf(tools);
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

/** HLS is served by Redeye itself, below the camera; its credential goes along by header or cookie. */
const streamHls: Operation = async ({ params }, tools) => {
  const file = params.file ?? '';
  if (!/\.(m3u8|ts)$/.test(file)) throw new Refusal(400, 'request.invalid', 'only .m3u8 and .ts files are served');
  const { id } = await tools.camera();
  if (!tools.memory.has(KEY)) throw new Refusal(404, 'stream.none', 'No local stream');
  if (!file.endsWith('.m3u8')) throw new Refusal(403, 'stream.none', 'No such file');
  return { status: 307, headers: { Location: `/api/v1/cameras/${id}/hls/index.m3u8` } };
};

const previewHls: Operation = async (_ask, tools) => {
  const { id } = await tools.camera();
  return { status: 307, headers: { Location: `/api/v1/cameras/${id}/hls/index.m3u8` } };
};

const preview: Operation = async ({ path }, tools) => {
  const { id } = await tools.camera();
  if (path.endsWith('/stop')) stop(tools);
  else if (tools.host.live && !tools.memory.has(KEY)) {
    const release = tools.host.live.keepWarm(id, 'hls');
    tools.memory.set(KEY, { camera: id, startedAt: tools.host.clock.now(), [Symbol.dispose]: release });
  }
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
