import { randomBytes } from 'node:crypto';
import { thermalBand } from '../../runtime/contracts/thermal.ts';
import type { ImageRow } from './image.ts';
import { type CameraRow, leftOut, numberIn, type Operation, Refusal, type Tools } from './operation.ts';

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

function text(value: unknown, name: string, least: number, most: number): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.length >= least && value.length <= most) return value;
  throw new Refusal(422, 'request.invalid', `${name} must be a text of ${least} to ${most} characters`);
}

/** The address as a driver's URL, with the key and the other headers in it. */
function addressOf(
  url: string,
  key: string,
  headers: unknown,
): { url: string; headers: { key: string; value: string }[] } {
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw new Refusal(422, 'request.invalid', 'url must be an address of http or https');
  }
  const list = headers === undefined || headers === null ? [] : headers;
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
  parsed.username = '';
  parsed.password = key;
  parsed.search = new URLSearchParams(read.map(({ key: name, value }) => [`header.${name}`, value])).toString();
  return { url: `relab+${parsed.href}`, headers: read };
}

/** Registers a camera (S0.4–S0.6): we make the key, and this is the only time it is shown. */
const create: Operation = async ({ body }, { api }) => {
  const name = text(body.name, 'name', 2, 100);
  const url = text(body.url, 'url', 1, 2000);
  text(body.description, 'description', 0, 500);
  if (name === undefined || url === undefined) {
    throw new Refusal(422, 'request.invalid', `${name === undefined ? 'name' : 'url'}: Field required`);
  }
  const key = `CAM_${randomBytes(32).toString('base64url')}`;
  const address = addressOf(url, key, body.auth_headers);
  const camera = (await api('POST', '/cameras', { name, url: address.url })) as CameraRow;
  return { status: 201, body: { ...cameraRead(camera), api_key: key, auth_headers: address.headers } };
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
  return { status: 200, body: statusOf(camera, streamOf(camera.id, tools)) };
};

const patch: Operation = async ({ params, body }, tools) => {
  const name = text(body.name, 'name', 2, 100);
  if (body.url !== undefined) {
    throw new Refusal(422, 'request.invalid', 'url cannot be changed without its key: register the camera anew');
  }
  if (name === undefined) return get({ params, query: {} } as never, tools);
  const camera = (await tools.api('PATCH', `/cameras/${encodeURIComponent(params.id ?? '')}`, { name })) as CameraRow;
  return { status: 200, body: cameraRead(camera) };
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
  const description = text(body.description, 'description', 0, 500);
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

const previewStop: Operation = async ({ params }, tools) => {
  const { id } = await cameraOf(params, tools);
  if (!release(id, tools)) throw new Refusal(404, 'stream.none', 'No active stream');
  return { status: 204 };
};

const streamStatus: Operation = async ({ params, origin }, tools) => {
  const { id } = await cameraOf(params, tools);
  const body = streamOf(id, tools, origin);
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
  const stream = streamOf(camera.id, tools);
  if (path.endsWith('/close') && stream) throw new Refusal(409, 'stream.active', 'Stream is active: stop it first');
  return { status: 200, body: { current_mode: path.endsWith('/close') ? null : (query.mode ?? 'photo'), stream } };
};

const record: Operation = async ({ params, body, method }, tools) => {
  await cameraOf(params, tools);
  if (method === 'POST' && numberIn(body.product_id, 'product_id', { min: 1, whole: true }) === undefined) {
    throw new Refusal(422, 'request.invalid', 'product_id: Field required');
  }
  throw new Refusal(503, 'youtube.unavailable', 'streaming to YouTube is not set up on this server');
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
  record,
  telemetry,
  'regenerate-key': leftOut('a new key for a camera that is registered already'),
  'local-access': leftOut('direct access to a camera'),
  pairing: leftOut('pairing by device assertion'),
};
