import { AppError } from '../../runtime/contracts/errors.ts';
import type { CameraHost } from '../../runtime/contracts/host.ts';
import type { CommandTable } from './commands.ts';

const PREVIEW_QUALITY = 70;
/** An MQTT answer holds 256 kB; base64 makes four bytes of three. */
const MAX_PREVIEW_BYTES = 180_000;

/** The commands that are about the cameras of this process. */
export function registerCameraCommands(table: CommandTable, cameras: Pick<CameraHost, 'resolve' | 'capture'>): void {
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
}
