import { type FrameMeta, MAX_FRAME_BODY_BYTES } from '../../runtime/contracts/frame.ts';
import type { SpooledFrame } from '../spool/record.ts';
import { multipart } from './multipart.ts';
import { type CallServer, objectIn, type ServerAnswer } from './server-http.ts';

/** What the server said of a frame, reduced to what is to be done (CONTRACTS §4). */
export type Verdict =
  | { kind: 'stored'; frameId: string; duplicate: boolean }
  | { kind: 'conflict'; lastSeq: number }
  | { kind: 'rejected'; reason: string }
  | { kind: 'refused'; reason: string }
  | { kind: 'later'; reason: string; retryAfterMs?: number };

export type PostFrame = (seq: number, frame: SpooledFrame, signal: AbortSignal) => Promise<Verdict>;

const LONGEST_RETRY_AFTER_MS = 3_600_000;

/** Makes the function that posts one frame and judges the answer; it throws only when `signal` ends it. */
export function framePost(options: {
  call: CallServer;
  device: string;
  firmware: string;
  now: () => number;
}): PostFrame {
  return async (seq, frame, signal) => {
    const meta: FrameMeta = {
      device_id: options.device,
      camera: frame.meta.camera,
      // As text: a device whose clock stands in 1970 would send milliseconds that read as seconds.
      capture_ts: new Date(frame.meta.capturedAt).toISOString(),
      seq,
      width: frame.meta.width,
      height: frame.meta.height,
      jpeg_quality: frame.meta.jpegQuality,
      fw_version: options.firmware,
    };
    const { type, body } = multipart(meta, frame.jpeg);
    if (body.reduce((sum, part) => sum + part.length, 0) > MAX_FRAME_BODY_BYTES) {
      return { kind: 'rejected', reason: 'larger than a server takes' };
    }
    try {
      const headers = { 'content-type': type };
      return judge(
        await options.call({ method: 'POST', path: 'api/v1/ingest/frame', headers, body, signal }),
        options.now(),
      );
    } catch (error) {
      signal.throwIfAborted();
      return { kind: 'later', reason: error instanceof Error ? error.message : String(error) };
    }
  };
}

/** An answer is believed only when it is the server's own JSON: a page from something in between must not cost a frame. */
export function judge(answer: ServerAnswer, now: number): Verdict {
  const body = objectIn(answer.body);
  const said = typeof body?.error === 'string' ? body.error : '';
  const reason = `${answer.status}${said && ` ${said}`}`;
  switch (answer.status) {
    case 200:
    case 201:
      if (body?.ok === true && typeof body.frame_id === 'string') {
        return { kind: 'stored', frameId: body.frame_id, duplicate: body.duplicate === true };
      }
      break;
    case 409:
      if (Number.isSafeInteger(body?.last_seq)) return { kind: 'conflict', lastSeq: Number(body?.last_seq) };
      break;
    case 400:
      if (body?.ok === false) return { kind: 'rejected', reason };
      break;
    case 413:
      return { kind: 'rejected', reason };
    case 401:
    case 403:
      return { kind: 'refused', reason };
    case 429:
    case 503:
      return { kind: 'later', reason, retryAfterMs: retryAfter(answer.headers['retry-after'], now) };
  }
  return { kind: 'later', reason: body ? reason : `${reason}, not in the server's own words` };
}

/** `Retry-After` in seconds or as a date; undefined when there is none that can be read. At most an hour. */
export function retryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), LONGEST_RETRY_AFTER_MS);
}
