import { randomBytes } from 'node:crypto';
import type { ImageRow } from './image.ts';
import {
  type Ask,
  type CameraRow,
  invalid,
  leftOut,
  numberIn,
  type Operation,
  Refusal,
  refusalOf,
  required,
  type Tools,
  textIn,
} from './operation.ts';
import { imageMetadata } from './relab-metadata.ts';
import { anyStreamOf, cameraOf, endPreview, type RemoteStreamRow, relabPreview, remoteView } from './relab-preview.ts';
import { relabRecording } from './relab-recording.ts';
import { fromCamera } from './relab-refusals.ts';

/** Letter first, then letters, digits, `-` and `.` (S0.25). */
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9.-]{0,99}$/;
const MOST_HEADER_BYTES = 3500;

/** Its address is write-only, since the key is in it. */
function cameraRead(camera: CameraRow) {
  const { id, name, created_at } = camera;
  const updated_at = camera.updated_at ?? created_at;
  return { id, name, description: camera.description ?? null, url: null, created_at, updated_at };
}

/** What a camera with an API of its own said, or why it did not. */
interface StatusRow {
  connected: boolean;
  last_frame: string | null;
  code: string | null;
  remote: { mode: 'photo' | 'video' | null; stream: RemoteStreamRow | null; last_seen: string | null } | null;
}

/** What our codes are as the platform's `connection`. */
const CONNECTIONS: Record<string, string> = {
  'camera.key_missing': 'unauthorized',
  'camera.key_refused': 'forbidden',
  'camera.unreachable': 'offline',
};

/** `{connection, details}` of the platform, with B's `last_seen_at`. A Pi is asked, at most every 15 s unless that is wished. */
async function statusOf({ id }: CameraRow, tools: Tools, options: { refresh?: boolean; origin?: string } = {}) {
  const search = options.refresh ? '?fresh=true' : '';
  const { connected, last_frame, code, remote } = (await tools.api(
    'GET',
    `/cameras/${encodeURIComponent(id)}/status${search}`,
  )) as StatusRow;
  const trouble = code === null ? 'offline' : (CONNECTIONS[code] ?? 'error');
  const last_seen_at = laterOf(last_frame, remote?.last_seen ?? null);
  if (!connected) return { connection: trouble, last_seen_at, details: null };
  const stream =
    (await anyStreamOf(id, tools, options.origin)) ?? remoteView(id, remote?.stream ?? null, options.origin);
  const current_mode = stream ? 'video' : remote ? remote.mode : 'photo';
  return { connection: 'online', last_seen_at, details: { current_mode, stream } };
}

function laterOf(one: string | null, other: string | null): string | null {
  return one !== null && other !== null && Date.parse(one) > Date.parse(other) ? one : (other ?? one);
}

/** The address as a driver's URL; keys and headers go beside it. */
function addressOf(url: string): string {
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw invalid('url', 'url must be an address of http or https');
  }
  parsed.username = '';
  parsed.password = '';
  parsed.search = '';
  return `relab+${parsed.href}`;
}

/** `auth_headers`: sent to the camera beside the key (S0.25). */
function headersIn(list: unknown): { key: string; value: string }[] {
  if (!Array.isArray(list)) throw invalid('auth_headers', 'auth_headers must be a list');
  const read = list.map((entry) => {
    const { key: name, value } = (entry ?? {}) as { key?: unknown; value?: unknown };
    const isName = typeof name === 'string' && HEADER_NAME.test(name) && name.toLowerCase() !== 'x-api-key';
    if (!isName || typeof value !== 'string' || value === '' || value.length > 500 || !/^[\x20-\x7e]+$/.test(value)) {
      throw invalid('auth_headers', 'auth_headers holds a header that cannot be sent');
    }
    return { key: name, value };
  });
  if (JSON.stringify(read).length > MOST_HEADER_BYTES) {
    throw invalid('auth_headers', `auth_headers is larger than ${MOST_HEADER_BYTES} bytes`);
  }
  return read;
}

/** What the product API finds wrong with values is 422 there. */
async function valuesChecked<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal && error.status === 400) throw new Refusal(422, error.code, error.message, error.loc);
    throw error;
  }
}

/** Registers a camera (S0.4–S0.6): we make the key, and this is the only time it is shown. */
const create: Operation = async ({ body }, { api }) => {
  const name = textIn(body.name, 'name', 2, 100);
  const url = textIn(body.url, 'url', 1, 2000);
  const description = textIn(body.description, 'description', 0, 500);
  if (name === undefined || url === undefined) throw required(name === undefined ? 'name' : 'url');
  const key = `CAM_${randomBytes(32).toString('base64url')}`;
  const headers = headersIn(body.auth_headers ?? []);
  const made = { name, ...(description !== undefined && { description }), url: addressOf(url), key, headers };
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

const list: Operation = async (ask, tools) => {
  const { query } = ask;
  const items = await tools.cameras();
  const has = (text: string | null | undefined, wanted: string | undefined) =>
    wanted === undefined || (text ?? '').toLowerCase().includes(wanted.toLowerCase());
  const shown = items.filter(
    ({ name, description }) =>
      has(name, query.name) &&
      has(description, query.description) &&
      (has(name, query.search) || has(description, query.search)),
  );
  return { status: 200, body: await Promise.all(shown.map((camera) => withMore(camera, ask, tools))) };
};

const get: Operation = async (ask, tools) => {
  return { status: 200, body: await withMore(await cameraOf(ask.params, tools), ask, tools) };
};

/** The camera with `include_status` and B's `include_telemetry`; telemetry that cannot be had is null, and the list is there all the same. */
async function withMore(camera: CameraRow, { query, origin }: Pick<Ask, 'query' | 'origin'>, tools: Tools) {
  const [status, telemetry] = await Promise.all([
    flagIn(query, 'include_status') ? statusOf(camera, tools, { origin }) : undefined,
    flagIn(query, 'include_telemetry') ? telemetryOf(camera, tools, false).catch(nullForNone) : undefined,
  ]);
  return {
    ...cameraRead(camera),
    ...(status !== undefined && { status }),
    ...(telemetry !== undefined && { telemetry }),
  };
}

function nullForNone(error: unknown): null {
  if (error instanceof Refusal) return null;
  throw error;
}

/** As FastAPI reads a flag. */
function flagIn(query: Readonly<Record<string, string | undefined>>, name: string): boolean {
  const text = query[name]?.toLowerCase();
  if (text === undefined || /^(false|0|no|off|f|n)$/.test(text)) return false;
  if (/^(true|1|yes|on|t|y)$/.test(text)) return true;
  throw invalid(name, `${name} must be true or false`, 'query');
}

const status: Operation = async ({ params, query, origin }, tools) => {
  const camera = await cameraOf(params, tools);
  return { status: 200, body: await statusOf(camera, tools, { refresh: flagIn(query, 'force_refresh'), origin }) };
};

/** Name, address and headers; what is not named stays, and so does the key. */
const patch: Operation = async ({ params, body }, tools) => {
  const name = textIn(body.name, 'name', 2, 100);
  const url = textIn(body.url, 'url', 1, 2000);
  const description = body.description === null ? null : textIn(body.description, 'description', 0, 500);
  const change = {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(url !== undefined && { url: addressOf(url) }),
    ...(body.auth_headers !== undefined && body.auth_headers !== null && { headers: headersIn(body.auth_headers) }),
  };
  if (Object.keys(change).length === 0) return { status: 200, body: cameraRead(await cameraOf(params, tools)) };
  if (url !== undefined && !(await cameraOf(params, tools)).has_key) {
    const words = 'no key is kept for this camera, so it would be asked without one: regenerate its key first';
    throw invalid('url', words);
  }
  const path = `/cameras/${encodeURIComponent(params.id ?? '')}`;
  return { status: 200, body: cameraRead((await valuesChecked(tools.api('PATCH', path, change))) as CameraRow) };
};

const remove: Operation = async ({ params }, tools) => {
  await tools.api('DELETE', `/cameras/${encodeURIComponent(params.id ?? '')}`);
  endPreview(params.id ?? '', tools);
  return { status: 204 };
};

/** Captures, keeps the image and links it to the product (S0.7–S0.11). */
const image: Operation = async ({ params, body, origin }, { api }) => {
  const product = numberIn(body.product_id, 'product_id', { min: 1, whole: true });
  if (product === undefined) throw required('product_id');
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
      image_metadata: imageMetadata(taken),
      created_at: taken.created_at ?? taken.captured_at,
      updated_at: taken.updated_at ?? taken.captured_at,
    },
  };
};

/** Wakes or rests the Pi; cameras without an API of their own wake when somebody looks, and that is all they need. */
const mode: Operation = async ({ params, query, path, origin }, tools) => {
  const camera = await cameraOf(params, tools);
  const isClose = path.endsWith('/close');
  if (!isClose && query.mode !== undefined && !['photo', 'video'].includes(query.mode)) {
    throw invalid('mode', 'mode must be photo or video', 'query');
  }
  const stream = await anyStreamOf(camera.id, tools, origin);
  if (isClose && stream) throw new Refusal(409, 'stream.active', 'Stream is active: stop it first');
  const wanted = isClose ? null : (query.mode ?? 'photo');
  const address = `/cameras/${encodeURIComponent(camera.id)}/mode`;
  const answer = await tools.raw({ method: 'PUT', path: address, body: { mode: wanted } });
  if (answer.status === 200) {
    const { remote } = answer.body as StatusRow;
    return {
      status: 200,
      body: {
        current_mode: remote?.mode ?? null,
        stream: stream ?? remoteView(camera.id, remote?.stream ?? null, origin),
      },
    };
  }
  const refusal = refusalOf(answer);
  if (refusal.code !== 'camera.not_supported') throw await fromCamera(Promise.reject(refusal)).catch((error) => error);
  return { status: 200, body: { current_mode: wanted, stream } };
};

async function telemetryOf({ id }: CameraRow, tools: Tools, refresh: boolean): Promise<object> {
  const path = `/cameras/${encodeURIComponent(id)}/telemetry${refresh ? '?fresh=true' : ''}`;
  const told = (await fromCamera(tools.api('GET', path)).catch(lackingAs503)) as { preview_sessions: number };
  const { live } = tools.host;
  const viewers = (['webrtc', 'hls', 'mjpeg'] as const).reduce(
    (sum, kind) => sum + (live?.status(id, kind).viewers ?? 0),
    0,
  );
  // Its own viewers, and those that watch it through this server.
  return {
    ...told,
    preview_sessions: told.preview_sessions + Math.max(viewers, tools.memory.has(`preview ${id}`) ? 1 : 0),
  };
}

/** What the camera's own machine says, or the device that has it. */
const telemetry: Operation = async ({ params, query }, tools) => {
  const camera = await cameraOf(params, tools);
  return { status: 200, body: await telemetryOf(camera, tools, flagIn(query, 'force_refresh')) };
};

/** Key and addresses with which the Pi is reached past this server; a camera that has none is 503 there. */
const localAccess: Operation = async ({ params }, tools) => {
  const { id } = await cameraOf(params, tools);
  const body = await fromCamera(tools.api('GET', `/cameras/${encodeURIComponent(id)}/local-access`)).catch(
    lackingAs503,
  );
  return { status: 200, body, headers: { 'Cache-Control': 'no-store' } };
};

/** What a camera has not got is 503 there. */
function lackingAs503(error: unknown): never {
  if (!(error instanceof Refusal) || error.code !== 'camera.not_supported') throw error;
  throw new Refusal(503, error.code, error.message);
}

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
  ...relabPreview,
  ...relabRecording,
  telemetry,
  'regenerate-key': regenerateKey,
  'local-access': localAccess,
  pairing: leftOut('pairing by device assertion'),
};
