import type { CameraSettingsChange } from '../../runtime/contracts/cameras.ts';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { PictureMeta } from '../../runtime/contracts/gallery.ts';
import type { CameraHost, Log } from '../../runtime/contracts/host.ts';
import { captureWith } from '../../runtime/media/capture-with.ts';
import type { CommandTable } from './commands.ts';

const PREVIEW_QUALITY = 70;
/** An MQTT answer holds 256 kB; base64 makes four bytes of three. */
const MAX_PREVIEW_BYTES = 180_000;

export interface CameraCommandParts {
  cameras: Pick<CameraHost, 'list' | 'resolve' | 'capture' | 'settings' | 'applySettings'>;
  /** whether the camera's live stream runs here */
  isStreaming: (camera: string) => Promise<boolean>;
  log: Log;
}

/** A picture as the agent is given it, to be brought to the server. */
export interface RequestedPicture {
  jpeg: Buffer;
  meta: PictureMeta;
}

/** The commands that are about the cameras of this process. */
export function registerCameraCommands(table: CommandTable, parts: CameraCommandParts): void {
  const { cameras, isStreaming, log } = parts;
  const statusOf = (camera: string) => cameras.list().find(({ id }) => id === camera);

  table.on('snapshot', async (args, { signal }) => {
    const camera = cameras.resolve(String(args.camera ?? ''));
    const width = Number(args.width);
    const still = await cameras.capture(camera, { width, jpegQuality: PREVIEW_QUALITY }, signal);
    if (still.jpeg.length > MAX_PREVIEW_BYTES)
      throw new AppError('camera.no_picture', `the picture has ${still.jpeg.length} bytes: ask for a smaller one`);
    return {
      camera,
      captured_at: new Date(still.capturedAt).toISOString(),
      width: still.width,
      height: still.height,
      jpeg_b64: still.jpeg.toString('base64'),
    };
  });

  table.on('capture', async (args, { signal }): Promise<RequestedPicture> => {
    const camera = cameras.resolve(String(args.camera ?? ''));
    const wish = { exposure: args.exposure as number | undefined, gain: args.gain as number | undefined };
    const { still, exposure, gain } = await captureWith(cameras, camera, wish, { signal, log });
    const { jpeg, width, height, capturedAt, jpegQuality } = still;
    const driver = statusOf(camera)?.driver;
    return {
      jpeg,
      meta: {
        camera,
        captured_at: Math.round(capturedAt),
        width,
        height,
        jpeg_quality: jpegQuality,
        exposure,
        gain,
        ...(driver !== undefined && { driver }),
      },
    };
  });

  table.on('camera-settings', async (args) => {
    const camera = cameras.resolve(String(args.camera ?? ''));
    const change = args.change as CameraSettingsChange | undefined;
    const settings = change ? await cameras.applySettings(camera, change) : await cameras.settings(camera);
    const { driver, state, reason } = statusOf(camera) ?? {};
    return { settings, streaming: await isStreaming(camera), driver, state, reason };
  });
}
