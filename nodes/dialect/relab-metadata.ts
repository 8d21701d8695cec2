import { CAMERA_WORDS } from '../../runtime/contracts/frame.ts';
import type { ImageRow, SettingsRow } from './image.ts';

/** What a camera says of itself beside its settings. */
export interface LiveSettings extends SettingsRow {
  fps?: number;
}

/** `ImageMetadata` of seed 000 (§2.0): what the camera itself told of the picture, else what Redeye knows of it. */
export function imageMetadata(image: ImageRow) {
  const { width, height, captured_at, exposure, gain, metadata = {} } = image;
  const { camera_properties: camera, capture_metadata: capture } = (metadata.camera ?? {}) as Record<string, unknown>;
  const model = typeof metadata.driver === 'string' ? metadata.driver : null;
  return {
    image_properties: { width, height, capture_time: `${new Date(captured_at).toISOString().slice(0, 19)}Z` },
    camera_properties: { camera_model: model, ...picked(camera, CAMERA_WORDS.camera_properties) },
    capture_metadata: {
      ...(typeof exposure === 'number' && { exposure_time: Math.round(exposure * 1000) }),
      ...(typeof gain === 'number' && { analogue_gain: gain }),
      ...picked(capture, CAMERA_WORDS.capture_metadata),
    },
  };
}

/** `StreamMetadata`; `fps` is B's, and how the stream is beside what those systems tell. */
export function streamMetadata(
  model: string,
  { exposure, gain, fps }: LiveSettings,
  { state, reason }: { state: string; reason?: string | null | undefined },
) {
  return {
    camera_properties: { camera_model: model },
    capture_metadata: {
      ...(typeof exposure === 'number' && { exposure_time: Math.round(exposure * 1000) }),
      ...(typeof gain === 'number' && { analogue_gain: gain }),
      ...(fps !== undefined && fps > 0 && { frame_duration: Math.round(1e6 / fps) }),
    },
    fps: fps ?? null,
    state,
    ...(typeof reason === 'string' && { reason }),
  };
}

/** Other names are not handed on: what a camera says is somebody else's word. */
function picked(told: unknown, names: readonly string[]): Record<string, unknown> {
  if (typeof told !== 'object' || told === null) return {};
  return Object.fromEntries(Object.entries(told).filter(([name]) => names.includes(name)));
}
