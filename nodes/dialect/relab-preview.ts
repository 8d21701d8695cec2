import { type CameraRow, type Operation, Refusal, type Tools } from './operation.ts';
import { hlsFile } from './relab-hls.ts';
import { streamMetadataOf } from './relab-live.ts';
import { endRecording, recordingOf, recordingView } from './relab-recording.ts';

/** The camera that the address names. */
export async function cameraOf({ id = '' }: Readonly<Record<string, string>>, { api }: Tools): Promise<CameraRow> {
  return (await api('GET', `/cameras/${encodeURIComponent(id)}`)) as CameraRow;
}

interface KeptStream extends Disposable {
  startedAt: number;
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
    url: `${origin}/plugins/rpi-cam/cameras/${camera}/stream/preview/watch`,
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

/** Keeps the camera's HLS ready until it is stopped (S0.19, S0.20). */
const previewStart: Operation = async ({ params, origin }, tools) => {
  const { id } = await cameraOf(params, tools);
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
  const { params } = ask;
  const { id } = await cameraOf(params, tools);
  if (!endPreview(id, tools)) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 204 };
};

/** Stops what runs, the recording too. */
const streamStop: Operation = async ({ params }, tools) => {
  const { id } = await cameraOf(params, tools);
  const recording = await recordingOf(id, tools);
  if (recording) await endRecording(recording, tools);
  if (!endPreview(id, tools) && !recording) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 204 };
};

const streamStatus: Operation = async ({ params, origin }, tools) => {
  const { id } = await cameraOf(params, tools);
  const body = await anyStreamOf(id, tools, origin);
  if (!body) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 200, body };
};

/** HLS is Redeye's own, handed on below the platform's address. */
const previewHls: Operation = async (ask, tools) => {
  const { id } = await cameraOf(ask.params, tools);
  return hlsFile(ask, id, tools, { missing: 404 });
};

const previewWatch: Operation = async ({ params }, tools) => {
  const { id } = await cameraOf(params, tools);
  return { status: 307, headers: { Location: `/live/${id}` } };
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
