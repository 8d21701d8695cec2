import { randomBytes } from 'node:crypto';
import { thermalBand } from '../../runtime/contracts/thermal.ts';
import type { ImageRow } from './image.ts';
import { type CameraRow, leftOut, numberIn, type Operation, Refusal, type Tools, textIn } from './operation.ts';
import { endRecording, recordingOf, recordingView, relabRecording } from './relab-recording.ts';

/** What our codes are on the platform: a camera away is 503, its key 401 or 403, an answer that is none 424 (§2.1). */
const STATUS: Record<string, number> = {
  'camera.key_missing': 401,
  'camera.key_refused': 403,
  'camera.bad_answer': 424,
  'camera.busy': 409,
};
/** Letter first, then letters, digits, `-` and `.` (S0.25). */
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9.-]{0,99}$/;
const MOST_HEADER_BYTES = 3500;

/** Has refusals of the camera say what they say on the platform. */
async function fromCamera<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(STATUS[error.code] ?? error.status, error.code, error.message);
  }
}

async function cameraOf({ id = '' }: Readonly<Record<string, string>>, { api }: Tools): Promise<CameraRow> {
  return (await api('GET', `/cameras/${encodeURIComponent(id)}`)) as CameraRow;
}

/** Its address is write-only, since the key is in it. */
function cameraRead(camera: CameraRow) {
  const { id, name, created_at } = camera;
  const updated_at = camera.updated_at ?? created_at;
  return { id, name, description: camera.description ?? null, url: null, created_at, updated_at };
}

function statusOf(camera: CameraRow, stream: object | null = null) {
  const connection = ['failed', 'offline', 'stalled'].includes(camera.state) ? 'offline' : 'online';
  const details = connection === 'online' ? { current_mode: stream ? 'video' : 'photo', stream } : null;
  return { connection, last_seen_at: camera.last_frame, details };
}

/** The address as a driver's URL; keys and headers go beside it. */
function addressOf(url: string): string {
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw new Refusal(422, 'request.invalid', 'url must be an address of http or https');
  }
  parsed.username = '';
  parsed.password = '';
  parsed.search = '';
  return `relab+${parsed.href}`;
}

/** `auth_headers`: sent to the camera beside the key (S0.25). */
function headersIn(list: unknown): { key: string; value: string }[] {
  if (!Array.isArray(list)) throw new Refusal(422, 'request.invalid', 'auth_headers must be a list');
  const read = list.map((entry) => {
    const { key: name, value } = (entry ?? {}) as { key?: unknown; value?: unknown };
    const isName = typeof name === 'string' && HEADER_NAME.test(name) && name.toLowerCase() !== 'x-api-key';
    if (!isName || typeof value !== 'string' || value === '' || value.length > 500 || !/^[\x20-\x7e]+$/.test(value)) {
      throw new Refusal(422, 'request.invalid', 'auth_headers holds a header that cannot be sent');
    }
    return { key: name, value };
  });
  if (JSON.stringify(read).length > MOST_HEADER_BYTES) {
    throw new Refusal(422, 'request.invalid', `auth_headers is larger than ${MOST_HEADER_BYTES} bytes`);
  }
  return read;
}

/** What the product API finds wrong with values is 422 there. */
async function valuesChecked<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal && error.status === 400) throw new Refusal(422, error.code, error.message);
    throw error;
  }
}

/** Registers a camera (S0.4–S0.6): we make the key, and this is the only time it is shown. */
const create: Operation = async ({ body }, { api }) => {
  const name = textIn(body.name, 'name', 2, 100);
  const url = textIn(body.url, 'url', 1, 2000);
  textIn(body.description, 'description', 0, 500);
  if (name === undefined || url === undefined) {
    throw new Refusal(422, 'request.invalid', `${name === undefined ? 'name' : 'url'}: Field required`);
  }
  const key = `CAM_${randomBytes(32).toString('base64url')}`;
  const headers = headersIn(body.auth_headers ?? []);
  const made = { name, url: addressOf(url), key, headers };
  const camera = (await valuesChecked(api('POST', '/cameras', made))) as CameraRow;
  return { status: 201, body: { ...cameraRead(camera), api_key: key, auth_headers: headers } };
};

/** Another key, shown this once; the camera has to be told it. Values of other headers are not shown again. */
const regenerateKey: Operation = async ({ params }, { api }) => {
  const path = `/cameras/${encodeURIComponent(params.id ?? '')}/renew-key`;
  const { key, headers = [], ...camera } = (await valuesChecked(api('POST', path))) as CameraRow & { key: string };
  const auth_headers = headers.map((name) => ({ key: name, value: null }));
  return { status: 201, body: { ...cameraRead(camera), api_key: key, auth_headers } };
};

const list: Operation = async ({ query }, tools) => {
  const { items } = (await tools.api('GET', '/cameras')) as { items: CameraRow[] };
  const wanted = (query.search ?? query.name ?? '').toLowerCase();
  const shown = items.filter(({ name }) => name.toLowerCase().includes(wanted));
  const withStatus = query.include_status === 'true';
  const body = shown.map((camera) => ({ ...cameraRead(camera), ...(withStatus && { status: statusOf(camera) }) }));
  return { status: 200, body };
};

const get: Operation = async ({ params, query }, tools) => {
  const camera = await cameraOf(params, tools);
  const withStatus = query.include_status === 'true';
  return { status: 200, body: { ...cameraRead(camera), ...(withStatus && { status: statusOf(camera) }) } };
};

const status: Operation = async ({ params }, tools) => {
  const camera = await cameraOf(params, tools);
  return { status: 200, body: statusOf(camera, await anyStreamOf(camera.id, tools)) };
};

/** Name, address and headers; what is not named stays, and so does the key. */
const patch: Operation = async ({ params, body }, tools) => {
  const name = textIn(body.name, 'name', 2, 100);
  const url = textIn(body.url, 'url', 1, 2000);
  textIn(body.description, 'description', 0, 500);
  const change = {
    ...(name !== undefined && { name }),
    ...(url !== undefined && { url: addressOf(url) }),
    ...(body.auth_headers !== undefined && body.auth_headers !== null && { headers: headersIn(body.auth_headers) }),
  };
  if (Object.keys(change).length === 0) return get({ params, query: {} } as never, tools);
  if (url !== undefined && !(await cameraOf(params, tools)).has_key) {
    const words = 'no key is kept for this camera, so it would be asked without one: regenerate its key first';
    throw new Refusal(422, 'request.invalid', words);
  }
  const path = `/cameras/${encodeURIComponent(params.id ?? '')}`;
  return { status: 200, body: cameraRead((await valuesChecked(tools.api('PATCH', path, change))) as CameraRow) };
};

const remove: Operation = async ({ params }, tools) => {
  await tools.api('DELETE', `/cameras/${encodeURIComponent(params.id ?? '')}`);
  release(params.id ?? '', tools);
  return { status: 204 };
};

/** Captures, keeps the image and links it to the product (S0.7–S0.11). */
const image: Operation = async ({ params, body, origin }, { api }) => {
  const product = numberIn(body.product_id, 'product_id', { min: 1, whole: true });
  if (product === undefined) throw new Refusal(422, 'request.invalid', 'product_id: Field required');
  const description = textIn(body.description, 'description', 0, 500);
  const path = `/cameras/${encodeURIComponent(params.id ?? '')}/capture`;
  const wish = { product_id: product, ...(description !== undefined && { description }) };
  const taken = (await fromCamera(api('POST', path, wish))) as ImageRow;
  return {
    status: 201,
    body: {
      id: taken.id,
      parent_id: product,
      parent_type: 'product',
      filename: taken.filename,
      image_url: `${origin}${taken.image ?? `/api/v1/images/${taken.id}/image.jpg`}`,
      description: taken.description ?? null,
      image_metadata: taken.metadata ?? {},
      created_at: taken.created_at ?? taken.captured_at,
      updated_at: taken.updated_at ?? taken.captured_at,
    },
  };
};

interface KeptStream extends Disposable {
  startedAt: number;
}

/** The preview that was started here and not stopped, as `StreamView`; null for none. No key is echoed (§4.2). */
function streamOf(camera: string, { memory, host }: Tools, origin = ''): object | null {
  const kept = memory.get(`preview ${camera}`) as KeptStream | undefined;
  if (!kept) return null;
  const { state } = host.live?.status(camera, 'hls') ?? { state: 'idle' };
  return {
    mode: 'local',
    provider: null,
    url: `${origin}/plugins/rpi-cam/cameras/${camera}/stream/preview/watch`,
    started_at: new Date(kept.startedAt).toISOString(),
    youtube_config: null,
    metadata: { state },
  };
}

/** The recording, which the platform asks for first, else the preview; both may run at once. */
async function anyStreamOf(camera: string, tools: Tools, origin = ''): Promise<object | null> {
  const recording = await recordingOf(camera, tools);
  return recording ? recordingView(recording) : streamOf(camera, tools, origin);
}

function release(camera: string, { memory }: Tools): boolean {
  const kept = memory.get(`preview ${camera}`) as KeptStream | undefined;
  kept?.[Symbol.dispose]();
  return memory.delete(`preview ${camera}`);
}

/** Keeps the camera's HLS ready until it is stopped (S0.19, S0.20). */
const previewStart: Operation = async ({ params, origin }, tools) => {
  const { id } = await cameraOf(params, tools);
  if (streamOf(id, tools)) throw new Refusal(409, 'stream.active', 'Stream is already active');
  const { live, clock } = tools.host;
  if (!live) throw new Refusal(503, 'camera.no_stream', 'there is no live picture here');
  const kept: KeptStream = { startedAt: clock.now(), [Symbol.dispose]: live.keepWarm(id, 'hls') };
  tools.memory.set(`preview ${id}`, kept);
  return { status: 201, body: streamOf(id, tools, origin) };
};

const previewStop: Operation = async (ask, tools) => {
  // Tabs that were edited before there was `stream-stop` have one box for both addresses.
  if (ask.path.endsWith('/stream/stop')) return streamStop(ask, tools);
  const { params } = ask;
  const { id } = await cameraOf(params, tools);
  if (!release(id, tools)) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 204 };
};

/** Stops what runs, the recording too. */
const streamStop: Operation = async ({ params }, tools) => {
  const { id } = await cameraOf(params, tools);
  const recording = await recordingOf(id, tools);
  if (recording) await endRecording(recording, tools);
  if (!release(id, tools) && !recording) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 204 };
};

const streamStatus: Operation = async ({ params, origin }, tools) => {
  const { id } = await cameraOf(params, tools);
  const body = await anyStreamOf(id, tools, origin);
  if (!body) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 200, body };
};

/** HLS is served by Redeye itself: the player is sent there with a token of its own. */
const previewHls: Operation = async ({ params }, tools) => {
  const { id } = await cameraOf(params, tools);
  if (!/\.m3u8$/.test(params.file ?? '')) throw new Refusal(404, 'stream.none', 'No such file');
  const { token } = (await tools.api('POST', `/cameras/${id}/stream-token`)) as { token: string };
  return { status: 307, headers: { Location: `/api/v1/cameras/${id}/hls/index.m3u8?token=${token}` } };
};

const previewWatch: Operation = async ({ params }, tools) => {
  const { id } = await cameraOf(params, tools);
  return { status: 307, headers: { Location: `/live/${id}` } };
};

const mode: Operation = async ({ params, query, path }, tools) => {
  const camera = await cameraOf(params, tools);
  if (path.endsWith('/open') && query.mode !== undefined && !['photo', 'video'].includes(query.mode)) {
    throw new Refusal(422, 'request.invalid', 'mode must be photo or video');
  }
  const stream = await anyStreamOf(camera.id, tools);
  if (path.endsWith('/close') && stream) throw new Refusal(409, 'stream.active', 'Stream is active: stop it first');
  return { status: 200, body: { current_mode: path.endsWith('/close') ? null : (query.mode ?? 'photo'), stream } };
};

/** What the camera's device last said of itself. */
const telemetry: Operation = async ({ params }, tools) => {
  const { device } = await cameraOf(params, tools);
  const { health = {}, last_seen } = (await tools.api('GET', `/devices/${device}`)) as {
    health?: Record<string, unknown>;
    last_seen: string | null;
  };
  const number = (...names: string[]) =>
    names.map((name) => health[name]).find((value) => typeof value === 'number') ?? null;
  const temperature = number('temperature_c', 'temp_c') as number | null;
  const used = (total: unknown, free: unknown) =>
    typeof total === 'number' && typeof free === 'number' && total > 0
      ? Math.round((1 - free / total) * 1000) / 10
      : null;
  const body = {
    timestamp: last_seen,
    cpu_temp_c: temperature,
    cpu_percent: number('cpu_percent', 'cpu'),
    mem_percent: number('mem_percent', 'memory_percent') ?? used(health.memory_total_mb, health.memory_available_mb),
    disk_percent: number('disk_percent') ?? used(health.disk_total_mb, health.disk_free_mb),
    preview_fps: null,
    preview_sessions: streamOf(params.id ?? '', tools) ? 1 : 0,
    thermal_state: thermalBand(temperature),
    current_preview_size: null,
  };
  return { status: 200, body };
};

/** The platform of seed 000 (§2.1), both of its dialects where they do not contradict each other. */
export const relabPlatform: Record<string, Operation> = {
  create,
  list,
  get,
  status,
  patch,
  delete: remove,
  image,
  mode,
  'preview-start': previewStart,
  'preview-stop': previewStop,
  'preview-hls': previewHls,
  'preview-watch': previewWatch,
  'stream-status': streamStatus,
  'stream-stop': streamStop,
  ...relabRecording,
  telemetry,
  'regenerate-key': regenerateKey,
  'local-access': leftOut('direct access to a camera'),
  pairing: leftOut('pairing by device assertion'),
};
