import { ERROR_CODES, type ErrorCode } from '../../runtime/contracts/errors.ts';
import { MAX_FRAME_BODY_BYTES } from '../../runtime/contracts/frame.ts';
import { PICTURE_PATH, UPLOAD_KEY_HEADER } from '../../runtime/contracts/gallery.ts';
import type { OwnPicture } from '../outbox/outbox.ts';
import { retryAfter } from './frame-post.ts';
import { multipart } from './multipart.ts';
import { type CallServer, objectIn, type ServerAnswer } from './server-http.ts';

/** What the server said of a picture, reduced to what is to be done. */
export type PictureVerdict =
  /** it has it, now or since an earlier try */
  | { kind: 'stored'; image: number }
  /** it will never take this one */
  | { kind: 'never'; code: ErrorCode; reason: string }
  /** `isServers`: it would take no other one either, as when it is away or does not know the device */
  | { kind: 'later'; why: string; reason: string; isServers: boolean; retryAfterMs?: number | undefined };

/** Brings one picture; throws only when `signal` ends it. */
export type PostPicture = (id: string, picture: OwnPicture, signal: AbortSignal) => Promise<PictureVerdict>;

/** Makes the function that brings a picture which the device took by itself. Its id is the key under which the server takes it once. */
export function picturePost(options: { call: CallServer; now: () => number }): PostPicture {
  return async (id, { meta, jpeg }, signal) => {
    const { type, body } = multipart(meta, jpeg);
    if (body.reduce((sum, part) => sum + part.length, 0) > MAX_FRAME_BODY_BYTES)
      return { kind: 'never', code: 'frame.too_large', reason: 'larger than a server takes' };
    try {
      const headers = { 'content-type': type, [UPLOAD_KEY_HEADER]: id };
      return judge(await options.call({ method: 'POST', path: PICTURE_PATH, headers, body, signal }), options.now());
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: 'later', why: 'no_answer', reason, isServers: true };
    }
  };
}

/** What the picture, or what was said with it, is refused for whenever it comes. */
const NEVER = new Set([400, 404, 409, 413, 415, 422]);
/** What the server says of itself, or of the device; also a server that does not know such pictures yet (`picture.not_asked`). */
const OF_THE_SERVER = new Set([401, 403, 404, 405, 408, 429, 502, 503, 504]);

/** A refusal for ever is believed only in the server's own JSON: a page from something in between must not cost a picture. */
export function judge(answer: ServerAnswer, now: number): PictureVerdict {
  const { status } = answer;
  const body = objectIn(answer.body);
  const code = typeof body?.code === 'string' && Object.hasOwn(ERROR_CODES, body.code) ? body.code : undefined;
  const said = typeof body?.error === 'string' ? body.error : '';
  const image = body?.image_id;
  if ((status === 200 || status === 201) && body?.ok === true && Number.isSafeInteger(image))
    return { kind: 'stored', image: Number(image) };
  if (NEVER.has(status) && body?.ok === false && code !== undefined && !code.startsWith('route.'))
    return { kind: 'never', code: code as ErrorCode, reason: said };
  return {
    kind: 'later',
    why: code ?? `http_${status}`,
    reason: `${status}${said && ` ${said}`}${body ? '' : ", not in the server's own words"}`,
    isServers: OF_THE_SERVER.has(status) && code !== 'camera.foreign',
    retryAfterMs: retryAfter(answer.headers['retry-after'], now),
  };
}
