import {
  type CameraRow,
  invalid,
  numberIn,
  type Operation,
  Refusal,
  required,
  type Tools,
  textIn,
} from './operation.ts';
import { streamMetadataOf } from './relab-live.ts';

/** A stream as the product API tells it. */
interface StreamRow {
  id: string;
  type: string;
  state: string;
  reason: string | null;
  wanted: boolean;
  url: string | null;
  since: string | null;
}

interface VideoRow {
  id: number;
  url: string;
  title: string | null;
  description: string | null;
  product_id: number | null;
  metadata: Record<string, unknown>;
  created_at: string;
  updated_at: string;
}

const PRIVACIES = ['public', 'private', 'unlisted'];

const pathOf = ({ id = '' }: Readonly<Record<string, string>>) => `/cameras/${encodeURIComponent(id)}`;

/** The camera's stream to YouTube that is on; the platform knows one of each camera. */
export async function recordingOf(camera: string, { api }: Tools): Promise<StreamRow | undefined> {
  const { items } = (await api('GET', `${pathOf({ id: camera })}/streams`)) as { items: StreamRow[] };
  return items.find(({ type, wanted }) => type === 'youtube' && wanted);
}

/** `StreamView` of a recording; no key is echoed (§4.2). */
export function recordingView({ url, since }: StreamRow, metadata: object): object {
  return {
    mode: 'youtube',
    provider: 'youtube',
    url,
    started_at: since,
    youtube_config: null,
    metadata,
  };
}

/** `VideoRead`; the row is made when the broadcast is (S0.17). */
async function videoOf(camera: string, url: string | null, { api }: Tools): Promise<VideoRow | undefined> {
  const { items } = (await api('GET', `/videos?camera=${encodeURIComponent(camera)}&limit=200`)) as {
    items: VideoRow[];
  };
  return items.find((video) => video.url === url);
}

function videoRead({ id, url, title, description, metadata, product_id, created_at, updated_at }: VideoRow) {
  return { id, url, title, description, video_metadata: metadata, product_id, created_at, updated_at };
}

async function cameraId({ params }: { params: Readonly<Record<string, string>> }, { api }: Tools): Promise<string> {
  return ((await api('GET', pathOf(params))) as CameraRow).id;
}

/**
 * Makes a broadcast and brings the camera to it (S0.12–S0.18). A second start answers the one that runs (S0.39). The answer has the
 * fields of both dialects: A's `VideoRead`, B's `StreamView`; `url` is the same in both.
 */
const start: Operation = async (ask, tools) => {
  const { body } = ask;
  const camera = await cameraId(ask, tools);
  const product = numberIn(body.product_id, 'product_id', { min: 1, whole: true });
  if (product === undefined) throw required('product_id');
  const title = textIn(body.title, 'title', 1, 100);
  const description = textIn(body.description, 'description', 0, 500);
  const privacy = textIn(body.privacy_status, 'privacy_status', 1, 20);
  if (privacy !== undefined && !PRIVACIES.includes(privacy))
    throw invalid('privacy_status', `privacy_status must be ${PRIVACIES.join(', ')}`);
  const stream =
    (await recordingOf(camera, tools)) ?? (await begin(camera, { product, title, description, privacy }, tools));
  const video = await videoOf(camera, stream.url, tools);
  const metadata = await streamMetadataOf(camera, stream, tools);
  return { status: 201, body: { ...(video && videoRead(video)), ...recordingView(stream, metadata) } };
};

async function begin(
  camera: string,
  wish: { product: number; title?: string | undefined; description?: string | undefined; privacy?: string | undefined },
  { api }: Tools,
): Promise<StreamRow> {
  const { product, title, description, privacy } = wish;
  // Before YouTube is told of anything: a product that is not there is the asker's mistake.
  await api('GET', `/products/${product}`);
  const body = { type: 'youtube', product_id: product, title, description, privacy };
  const stream = (await api('POST', `${pathOf({ id: camera })}/streams`, body).catch((error: unknown) => {
    // There is no Google account to do it with (§2.1).
    if (error instanceof Refusal && error.code === 'stream.not_set_up')
      throw new Refusal(403, error.code, error.message);
    throw error;
  })) as StreamRow;
  // A broadcast that is not made yet is tried on by Redeye; this client is told at once instead.
  if (stream.state !== 'failed' && stream.url !== null) return stream;
  await api('DELETE', `/streams/${stream.id}`);
  throw new Refusal(503, 'youtube.failed', stream.reason ?? 'YouTube did not take the broadcast');
}

/** Ends the recording: YouTube first, then the push (S0.39). The answer is B's `VideoRead` with A's `video_url`. */
const stop: Operation = async (ask, tools) => {
  const camera = await cameraId(ask, tools);
  const stream = await recordingOf(camera, tools);
  if (!stream) throw new Refusal(404, 'stream.none', 'No active stream');
  const before = await videoOf(camera, stream.url, tools);
  await endRecording(stream, tools);
  const after = await videoOf(camera, stream.url, tools);
  const video = after ?? (before && { ...before, metadata: { ...before.metadata, recorded: false } });
  return { status: 200, body: { ...(video && videoRead(video)), video_url: stream.url } };
};

/** Switches the stream off; one that YouTube could not be told of stays, and is tried again. */
export async function endRecording({ id }: StreamRow, { api }: Tools): Promise<void> {
  const { state } = (await api('POST', `/streams/${id}/stop`)) as StreamRow;
  if (state === 'idle') await api('DELETE', `/streams/${id}`);
}

/** Broadcasts are made without a monitor stream, which cannot change while they run: YouTube need not be asked. */
const monitor: Operation = async (ask, tools) => {
  const camera = await cameraId(ask, tools);
  if (!(await recordingOf(camera, tools))) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 200, body: { enableMonitorStream: false, broadcastStreamDelayMs: 0, embedHtml: null } };
};

/** Recordings at YouTube of the platform of seed 000 (§2.1). */
export const relabRecording: Record<string, Operation> = {
  // One box for the three addresses, in tabs that were edited before each had its own.
  record: (ask, tools) =>
    (ask.path.endsWith('/start') ? start : ask.path.endsWith('/stop') ? stop : monitor)(ask, tools),
  'record-start': start,
  'record-stop': stop,
  'record-monitor': monitor,
};
