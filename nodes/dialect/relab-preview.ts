import { PREVIEW_NAME } from '../../runtime/contracts/remote-cameras.ts';
import { type Ask, type CameraRow, type Operation, Refusal, type Reply, refusalOf, type Tools } from './operation.ts';
import { cacheOf, hlsFile } from './relab-hls.ts';
import { streamMetadataOf } from './relab-live.ts';
import { endRecording, recordingOf, recordingView } from './relab-recording.ts';
import { fromCamera, statusRefusal } from './relab-refusals.ts';

/** The camera that the address names. */
export async function cameraOf({ id = '' }: Readonly<Record<string, string>>, { api }: Tools): Promise<CameraRow> {
  return (await api('GET', `/cameras/${encodeURIComponent(id)}`)) as CameraRow;
}

interface KeptStream extends Disposable {
  startedAt: number;
}

/** What a camera behind RELab's own API says of its stream. */
export interface RemoteStreamRow {
  mode: string;
  url: string | null;
  started_at: string | null;
  metadata: Record<string, unknown>;
}

/** Such a camera shows itself live by that API; every other is shown by Redeye. */
const isRemote = ({ driver }: CameraRow) => /^relab(\+https?)?$/.test(driver);

const watchPath = (camera: string) => `/plugins/rpi-cam/cameras/${camera}/stream/preview/watch`;

/** Its stream as `StreamView`, without a key. A preview is watched here, where no key of the camera's is needed (S0.20). */
export function remoteView(camera: string, told: RemoteStreamRow | null, origin = ''): object | null {
  if (!told) return null;
  const isLocal = told.mode === 'local';
  return {
    mode: told.mode,
    provider: isLocal ? null : 'youtube',
    url: isLocal ? `${origin}${watchPath(camera)}` : told.url,
    started_at: told.started_at,
    youtube_config: null,
    metadata: told.metadata,
  };
}

/** The preview that was started here and not stopped, as `StreamView`; null for none. No key is echoed (§4.2). */
async function previewOf(camera: string, tools: Tools, origin = ''): Promise<object | null> {
  const { memory, host } = tools;
  const kept = memory.get(`preview ${camera}`) as KeptStream | undefined;
  if (!kept) return null;
  const how = host.live?.status(camera, 'hls') ?? { state: 'idle' };
  return {
    mode: 'local',
    provider: null,
    url: `${origin}${watchPath(camera)}`,
    started_at: new Date(kept.startedAt).toISOString(),
    youtube_config: null,
    metadata: await streamMetadataOf(camera, how, tools),
  };
}

/** The recording, which the platform asks for first, else the preview; both may run at once. */
export async function anyStreamOf(camera: string, tools: Tools, origin = ''): Promise<object | null> {
  const recording = await recordingOf(camera, tools);
  if (!recording) return previewOf(camera, tools, origin);
  return recordingView(recording, await streamMetadataOf(camera, recording, tools));
}

/** Lets go of the preview that was started here; false when there was none. */
export function endPreview(camera: string, { memory }: Tools): boolean {
  const kept = memory.get(`preview ${camera}`) as KeptStream | undefined;
  kept?.[Symbol.dispose]();
  return memory.delete(`preview ${camera}`);
}

/** Keeps the camera's HLS ready until it is stopped (S0.19, S0.20); a Pi behind RELab's API starts its own. */
const previewStart: Operation = async ({ params, origin }, tools) => {
  const camera = await cameraOf(params, tools);
  const { id } = camera;
  if (isRemote(camera)) {
    const told = (await fromCamera(tools.api('POST', previewPath(id)))) as RemoteStreamRow;
    return { status: 201, body: remoteView(id, told, origin) };
  }
  if (tools.memory.has(`preview ${id}`)) throw new Refusal(409, 'stream.active', 'Stream is already active');
  const { live, clock } = tools.host;
  if (!live) throw new Refusal(503, 'camera.no_stream', 'there is no live picture here');
  const kept: KeptStream = { startedAt: clock.now(), [Symbol.dispose]: live.keepWarm(id, 'hls') };
  tools.memory.set(`preview ${id}`, kept);
  return { status: 201, body: await previewOf(id, tools, origin) };
};

const previewStop: Operation = async (ask, tools) => {
  // Tabs that were edited before there was `stream-stop` have one box for both addresses.
  if (ask.path.endsWith('/stream/stop')) return streamStop(ask, tools);
  if (!(await stopPreview(await cameraOf(ask.params, tools), tools))) throw noStream();
  return { status: 204 };
};

const noStream = () => new Refusal(404, 'stream.none', 'No active stream');

const previewPath = (camera: string) => `/cameras/${encodeURIComponent(camera)}/preview`;

/** False when there was none; a Pi knows that itself. */
async function stopPreview(camera: CameraRow, tools: Tools): Promise<boolean> {
  if (!isRemote(camera)) return endPreview(camera.id, tools);
  try {
    await fromCamera(tools.api('DELETE', previewPath(camera.id)));
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'stream.not_found') return false;
    throw error;
  }
}

/** Stops what runs, the recording too. */
const streamStop: Operation = async ({ params }, tools) => {
  const camera = await cameraOf(params, tools);
  const recording = await recordingOf(camera.id, tools);
  if (recording) await endRecording(recording, tools);
  const hadPreview = await stopPreview(camera, tools);
  if (!hadPreview && !recording) throw noStream();
  return { status: 204 };
};

const streamStatus: Operation = async ({ params, origin }, tools) => {
  const camera = await cameraOf(params, tools);
  const { id } = camera;
  const body =
    (await anyStreamOf(id, tools, origin)) ?? (isRemote(camera) ? await toldStream(id, tools, origin) : null);
  if (!body) throw noStream();
  return { status: 200, body };
};

/** What the Pi itself says that it streams, asked now. */
async function toldStream(id: string, tools: Tools, origin: string): Promise<object | null> {
  const path = `/cameras/${encodeURIComponent(id)}/status?fresh=true`;
  const { remote } = (await tools.api('GET', path)) as {
    remote: { stream: RemoteStreamRow | null; code: string | null; reason: string | null } | null;
  };
  if (remote?.code) throw statusRefusal(remote.code, remote.reason ?? 'the camera does not answer');
  return remoteView(id, remote?.stream ?? null, origin);
}

/** HLS is Redeye's own, or the Pi's, handed on below the platform's address. */
const previewHls: Operation = async (ask, tools) => {
  const camera = await cameraOf(ask.params, tools);
  return isRemote(camera) ? remoteFile(ask, camera.id, tools) : hlsFile(ask, camera.id, tools, { missing: 404 });
};

async function remoteFile({ path }: Pick<Ask, 'path'>, id: string, tools: Tools): Promise<Reply> {
  const [, name = ''] = /\/hls\/(.+)$/.exec(path) ?? [];
  if (!new RegExp(PREVIEW_NAME).test(name)) throw new Refusal(404, 'stream.gone', 'No such file');
  const answer = await tools.raw({ method: 'GET', path: `${previewPath(id)}?file=${encodeURIComponent(name)}` });
  if (answer.status >= 400) return fromCamera(Promise.reject(refusalOf(answer)));
  const type = String(answer.headers['content-type']);
  return { status: 200, body: answer.body, headers: { 'Content-Type': type, 'Cache-Control': cacheOf(name) } };
}

/** The console's player, or for a Pi a page that plays its HLS: browsers without HLS of their own get the address of the playlist. */
const previewWatch: Operation = async ({ params }, tools): Promise<Reply> => {
  const camera = await cameraOf(params, tools);
  if (!isRemote(camera)) return { status: 307, headers: { Location: `/live/${camera.id}` } };
  return { status: 200, body: WATCH_PAGE, headers: { 'Content-Type': 'text/html; charset=utf-8', ...WATCH_POLICY } };
};

const WATCH_PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Preview</title><style>:root{color-scheme:light dark}body{margin:0;font:16px/1.5 system-ui,sans-serif}video{display:block;width:100%;max-height:90vh;background:#000}p{margin:1rem}</style>
<video src="hls/master.m3u8" controls autoplay muted playsinline></video>
<p>No picture? This browser may not play HLS by itself: give a player <a href="hls/master.m3u8">this playlist</a>.</p></html>
`;
const WATCH_POLICY = {
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'; frame-ancestors 'none'; base-uri 'none'",
  'Cache-Control': 'no-store',
};

/** Previews of the platform of seed 000, and what is asked of whatever streams (§2.1). */
export const relabPreview: Record<string, Operation> = {
  'preview-start': previewStart,
  'preview-stop': previewStop,
  'preview-hls': previewHls,
  'preview-watch': previewWatch,
  'stream-status': streamStatus,
  'stream-stop': streamStop,
};
