import { AppError } from '../../runtime/contracts/errors.ts';
import { CAPTURE_NONCE_HEADER, PICTURE_PATH } from '../../runtime/contracts/gallery.ts';
import { bufferOf } from '../ipc.ts';
import type { CommandHandler } from './commands.ts';
import { multipart } from './multipart.ts';
import { type CallServer, objectIn } from './server-http.ts';

/**
 * Command `capture`: the process of the flows takes the picture, and it is brought to the server at once, beside the spool and whatever
 * waits there. Never kept and never tried again: who asked waits now or not at all.
 */
export function captureCommand(parts: { take: CommandHandler; call: CallServer }): CommandHandler {
  return async ({ nonce, ...args }, run) => {
    const taken = (await parts.take(args, run)) as { jpeg?: unknown; meta?: unknown } | undefined;
    const jpeg = bufferOf(taken?.jpeg);
    if (!jpeg || typeof taken?.meta !== 'object')
      throw new AppError('camera.no_picture', 'the process of the flows gave no picture');
    const { type, body } = multipart(taken.meta ?? {}, jpeg);
    const headers = { 'content-type': type, [CAPTURE_NONCE_HEADER]: String(nonce) };
    const answer = await parts.call({ method: 'POST', path: PICTURE_PATH, headers, body, signal: run.signal });
    const said = objectIn(answer.body);
    if (answer.status === 201 && Number.isSafeInteger(said?.image_id)) return { image_id: said?.image_id };
    throw new AppError(
      'camera.no_picture',
      `the server did not take the picture: ${answer.status} ${said?.error ?? ''}`,
    );
  };
}
