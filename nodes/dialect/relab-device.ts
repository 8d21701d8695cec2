import { MOST_ASKED_CHARS } from '../../runtime/contracts/gallery.ts';
import type { ImageRow, SettingsRow } from './image.ts';
import { invalid, leftOut, numberIn, type Operation, Refusal, required, type Tools, textIn } from './operation.ts';
import { imageMetadata } from './relab-metadata.ts';
import { isStreaming, relabStreams, streamOf } from './relab-streams.ts';
import { relabSystem } from './relab-system.ts';

/** `CameraStatus`, with the keys of seed 001 beside those of seed 000: none means two things. */
const status: Operation = async ({ origin }, tools) => {
  const { id, state, driver } = await tools.camera();
  const stream = await streamOf(tools, origin);
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
  if (!['photo', 'video'].includes(mode)) throw invalid('mode', 'mode must be photo or video', 'query');
  tools.memory.set('mode', mode);
  return status(ask, tools);
};

const close: Operation = (ask, tools) => {
  if (isStreaming(tools)) throw new Refusal(409, 'stream.active', 'Stream is active: stop it first');
  tools.memory.delete('mode');
  return status(ask, tools);
};

async function take(origin: string, tools: Tools, body: object = {}) {
  const { id } = await tools.camera();
  const image = (await failingAs500(tools.api('POST', `/cameras/${id}/capture`, body))) as ImageRow & {
    expires_at: string;
    status?: 'uploaded' | 'queued';
  };
  return {
    image_id: image.id,
    metadata: imageMetadata(image),
    image_url: `${origin}/images/${image.id}`,
    expires_at: image.expires_at,
    status: image.status,
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
const imageA: Operation = async ({ origin }, tools) => {
  const { status: _status, ...body } = await take(origin, tools);
  return { status: 201, body };
};

/**
 * Dialect B: the server gets the picture too, linked to `product_id`, with `description` and whatever else was sent; now (`uploaded`) or when
 * it is back (`queued`). It also stays here for an hour.
 */
const imageB: Operation = async ({ origin, body: asked, payload }, tools) => {
  if (Array.isArray(payload)) throw invalid('body', 'the body must be an object');
  if (JSON.stringify(asked).length > MOST_ASKED_CHARS) throw invalid('body', 'the body is too long');
  const product_id = numberIn(asked.product_id, 'product_id', { min: 1, max: 2_147_483_647, whole: true });
  const description = textIn(asked.description, 'description', 0, 500);
  const upload = { ...(product_id !== undefined && { product_id }), ...(description !== undefined && { description }) };
  const { image_id, status, metadata, image_url, expires_at } = await take(origin, tools, {
    upload: { ...upload, asked },
  });
  return { status: 201, body: { image_id, status, metadata, image_url, expires_at } };
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
            value_type: name === 'ExposureTime' ? 'int' : 'float',
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
      throw new Refusal(422, 'request.invalid', `controls.${name} cannot be set`, ['body', 'controls', name]);
    }
    return [field, value / factor];
  });
  if (body.controls === undefined) throw required('controls');
  if (change.length === 0) throw invalid('controls', 'controls: at least one is needed');
  try {
    await tools.api('PUT', `/cameras/${id}/settings`, Object.fromEntries(change));
  } catch (error) {
    if (error instanceof Refusal && error.status === 400) throw new Refusal(422, error.code, error.message);
    throw error;
  }
  return { status: 200, body: (await controlsOf(tools)).view };
};

/** No camera of ours can be focused from here; what is asked is looked at all the same (§2.0). */
const focus: Operation = async ({ body }) => {
  const { mode, lens_position, trigger_cycle } = body;
  if (mode === undefined) throw required('mode');
  if (typeof mode !== 'string' || !['continuous', 'auto', 'manual'].includes(mode))
    throw invalid('mode', 'mode must be continuous, auto or manual');
  numberIn(lens_position, 'lens_position', { min: 0 });
  if (trigger_cycle !== undefined && typeof trigger_cycle !== 'boolean')
    throw invalid('trigger_cycle', 'trigger_cycle must be true or false');
  throw new Refusal(501, 'camera.not_supported', 'this camera has no focus that can be set');
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
  focus,
  ...relabSystem,
  pairing: leftOut('pairing'),
};
