import { cpus, freemem, loadavg, totalmem } from 'node:os';
import { thermalBand } from '../../runtime/contracts/thermal.ts';
import type { ImageRow, SettingsRow } from './image.ts';
import { leftOut, type Operation, Refusal, type Tools } from './operation.ts';
import { isWatched, relabStreams, streamOf } from './relab-streams.ts';

/** `CameraStatus`, with the keys of seed 001 beside those of seed 000: none means two things. */
const status: Operation = async ({ origin }, tools) => {
  const { id, state, driver } = await tools.camera();
  const stream = streamOf(tools, origin);
  const available = state !== 'failed';
  const { resolution, fps } = (await tools.api('GET', `/cameras/${id}/settings`).catch(() => ({}))) as SettingsRow & {
    fps?: number;
  };
  const { width, height } = resolution ?? { width: 1920, height: 1080 };
  const { health } = tools.host.pushes ?? {};
  return {
    status: 200,
    body: {
      current_mode: available ? (stream ? 'video' : (tools.memory.get('mode') ?? null)) : null,
      stream,
      running: available && (state === 'live' || stream !== null),
      camera_num: 0,
      resolution: `${width}x${height}`,
      framerate: fps ?? 30,
      available,
      publisher: health?.call(tools.host.pushes) ?? { status: 'missing' },
      backend: !available ? 'none' : driver === 'rpicam' ? 'picamera2' : 'opencv',
      picamera2_available: available && driver === 'rpicam',
      opencv_available: available && driver !== 'rpicam',
    },
  };
};

const open: Operation = (ask, tools) => {
  const mode = ask.query.mode ?? 'photo';
  if (!['photo', 'video'].includes(mode)) throw new Refusal(422, 'request.invalid', 'mode must be photo or video');
  tools.memory.set('mode', mode);
  return status(ask, tools);
};

const close: Operation = (ask, tools) => {
  if (streamOf(tools, '')) throw new Refusal(409, 'stream.active', 'Stream is active: stop it first');
  tools.memory.delete('mode');
  return status(ask, tools);
};

function metadataOf(image: ImageRow) {
  const { width, height, captured_at, exposure, gain, metadata = {} } = image;
  return {
    image_properties: { width, height, capture_time: captured_at.replace(/\.\d+Z$/, 'Z') },
    camera_properties: { camera_model: typeof metadata.driver === 'string' ? metadata.driver : null },
    capture_metadata: {
      ...(typeof exposure === 'number' && { exposure_time: Math.round(exposure * 1000) }),
      ...(typeof gain === 'number' && { analogue_gain: gain }),
    },
  };
}

async function take(origin: string, tools: Tools) {
  const { id } = await tools.camera();
  const image = (await failingAs500(tools.api('POST', `/cameras/${id}/capture`, {}))) as ImageRow & {
    expires_at: string;
  };
  return {
    image_id: image.id,
    metadata: metadataOf(image),
    image_url: `${origin}/images/${image.id}`,
    expires_at: image.expires_at,
  };
}

/** What goes wrong at a camera is 500 there. */
async function failingAs500<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal && error.status === 503) throw new Refusal(500, error.code, error.message);
    throw error;
  }
}

/** Dialect A. A still is taken beside a stream: Redeye's hub gives one without stopping it. */
const imageA: Operation = async ({ origin }, tools) => ({ status: 201, body: await take(origin, tools) });

/** Dialect B; the picture stays here for an hour, so it is there at once. */
const imageB: Operation = async ({ origin }, tools) => {
  const { image_id, metadata, image_url, expires_at } = await take(origin, tools);
  return { status: 201, body: { image_id, status: 'uploaded', metadata, image_url, expires_at } };
};

const image: Operation = async ({ params }, { api }) => {
  const jpeg = (await api('GET', `/images/${encodeURIComponent(params.id ?? '')}`)) as Buffer;
  return { status: 200, body: jpeg, headers: { 'Content-Type': 'image/jpeg' } };
};

const thumbnail: Operation = async (_ask, tools) => {
  const { id } = await tools.camera();
  const body = (await tools.api('GET', `/cameras/${id}/snapshot.jpg`)) as Buffer;
  return { status: 200, body, headers: { 'Content-Type': 'image/jpeg', 'Cache-Control': 'no-store' } };
};

async function controlsOf(tools: Tools) {
  const { id } = await tools.camera();
  const settings = (await tools.api('GET', `/cameras/${id}/settings`)) as SettingsRow;
  const { ranges = {}, exposure, gain } = settings;
  if (!ranges.exposure && !ranges.gain) throw new Refusal(501, 'camera.setting_invalid', 'this camera has no controls');
  const control = (name: string, range: { min: number; max: number } | undefined, factor: number) =>
    range
      ? {
          [name]: {
            name,
            namespace: 'redeye',
            minimum: range.min * factor,
            maximum: range.max * factor,
            read_only: false,
          },
        }
      : {};
  return {
    id,
    view: {
      supported: true,
      controls: { ...control('ExposureTime', ranges.exposure, 1000), ...control('AnalogueGain', ranges.gain, 1) },
      values: {
        ...(typeof exposure === 'number' && { ExposureTime: exposure * 1000 }),
        ...(typeof gain === 'number' && { AnalogueGain: gain }),
      },
    },
  };
}

const controls: Operation = async ({ method, body }, tools) => {
  const { id, view } = await controlsOf(tools);
  if (method === 'GET') return { status: 200, body: view };
  const wanted = Object.entries((body.controls ?? {}) as Record<string, unknown>);
  const known: Record<string, [string, number]> = { ExposureTime: ['exposure', 1000], AnalogueGain: ['gain', 1] };
  const change = wanted.map(([name, value]) => {
    const [field, factor] = known[name] ?? [];
    if (field === undefined || factor === undefined || typeof value !== 'number') {
      throw new Refusal(422, 'request.invalid', `controls.${name} cannot be set`);
    }
    return [field, value / factor];
  });
  if (change.length === 0) throw new Refusal(422, 'request.invalid', 'controls: at least one is needed');
  try {
    await tools.api('PUT', `/cameras/${id}/settings`, Object.fromEntries(change));
  } catch (error) {
    if (error instanceof Refusal && error.status === 400) throw new Refusal(422, error.code, error.message);
    throw error;
  }
  return { status: 200, body: (await controlsOf(tools)).view };
};

const telemetry: Operation = async (_ask, tools) => {
  const [load = 0] = loadavg();
  const { temperature_c, disk_percent } = (await tools.api('GET', '/system')) as {
    temperature_c: number | null;
    disk_percent: number | null;
  };
  const body = {
    timestamp: new Date(tools.host.clock.now()).toISOString(),
    cpu_temp_c: temperature_c,
    cpu_percent: Math.min(100, Math.round((load / Math.max(1, cpus().length)) * 1000) / 10),
    mem_percent: Math.round((1 - freemem() / totalmem()) * 1000) / 10,
    disk_percent,
    preview_fps: null,
    preview_sessions: isWatched(tools) ? 1 : 0,
    thermal_state: thermalBand(temperature_c),
    current_preview_size: null,
  };
  return { status: 200, body };
};

/** The Pi camera API of seed 000 (§2.0), dialects A and B: their paths do not collide. */
export const relabDevice: Record<string, Operation> = {
  status,
  open,
  close,
  'image-a': imageA,
  'image-b': imageB,
  image,
  ...relabStreams,
  thumbnail,
  controls,
  focus: leftOut('focus'),
  telemetry,
  pairing: leftOut('pairing, local keys and direct access'),
};
