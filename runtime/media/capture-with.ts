import type { CameraSettings, CameraSettingsChange } from '../contracts/cameras.ts';
import { toAppError } from '../contracts/errors.ts';
import type { Still } from '../contracts/frame.ts';
import type { CameraHost, Log } from '../contracts/host.ts';

/** With what a single picture is to be taken; what is not named is as it is set. */
export interface CaptureWish {
  exposure?: number | undefined;
  gain?: number | undefined;
}

/** A picture, and with what it was taken as far as the camera says. */
export interface TakenStill {
  still: Still;
  exposure: number | null;
  gain: number | null;
}

type Cameras = Pick<CameraHost, 'settings' | 'applySettings' | 'capture'>;

/**
 * One picture with an exposure and gain of its own: what is set otherwise is set for it and set back afterwards, since whoever else
 * looks at this camera did not ask for it. A camera that says with the picture how it was taken is not asked again. One at a time per
 * camera: the caller sees to that. Throws as `capture` and `applySettings`.
 */
export async function captureWith(
  cameras: Cameras,
  camera: string,
  wish: CaptureWish,
  parts: { signal?: AbortSignal; log: Log },
): Promise<TakenStill> {
  if (wish.exposure === undefined && wish.gain === undefined) {
    const still = await cameras.capture(camera, {}, parts.signal);
    if (still.exposure !== undefined || still.gain !== undefined) return taken(still, still);
    return taken(still, await cameras.settings(camera));
  }
  const before = await cameras.settings(camera);
  const change: CameraSettingsChange = {
    ...(wish.exposure !== undefined && wish.exposure !== before.exposure && { exposure: wish.exposure }),
    ...(wish.gain !== undefined && wish.gain !== before.gain && { gain: wish.gain }),
  };
  if (Object.keys(change).length === 0) return taken(await cameras.capture(camera, {}, parts.signal), before);
  const during = await cameras.applySettings(camera, change);
  try {
    return taken(await cameras.capture(camera, {}, parts.signal), during);
  } finally {
    const back = former(before, change);
    if (Object.keys(back).length > 0) {
      await cameras.applySettings(camera, back).catch((error) => {
        parts.log.warn('a camera was not set back after a picture', { camera, reason: toAppError(error).message });
      });
    }
  }
}

/** What was set before of what was changed; what the camera does not tell cannot be set back. */
function former(before: CameraSettings, change: CameraSettingsChange): CameraSettingsChange {
  return {
    ...('exposure' in change && before.exposure !== undefined && { exposure: before.exposure }),
    ...('gain' in change && before.gain !== undefined && { gain: before.gain }),
  };
}

function taken(still: Still, { exposure, gain }: Pick<CameraSettings, 'exposure' | 'gain'>): TakenStill {
  return { still, exposure: exposure ?? null, gain: gain ?? null };
}
