import { WebSocket } from 'ws';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import { readJpegHeader } from '../jpeg-header.ts';
import { SERVICE_GONE } from './service-call.ts';

/** A frame in base64: as large as the largest picture, a third more. */
const MAX_MESSAGE = 43 * 1024 * 1024;

export interface ServiceStreamOptions {
  /** base address of the camera service */
  url: string;
  secret?: string | undefined;
  onFrame(jpeg: Buffer): void;
  /** Nothing comes any more; the reason in words. */
  onEnd(reason: string): void;
}

/**
 * The WebSocket stream of seed 002's camera service (`/ws/camera/stream`): first `{type:"connected"}`, then
 * `{type:"frame", data: base64, timestamp}` at about 30 a second. What is no JPEG ends it. The answer ends it without a word.
 */
export function openServiceStream({ url, secret, onFrame, onEnd }: ServiceStreamOptions): () => void {
  const address = new URL('ws/camera/stream', url);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  const headers = secret === undefined ? {} : { Authorization: `Bearer ${secret}` };
  const socket = new WebSocket(address, { headers, maxPayload: MAX_MESSAGE, perMessageDeflate: false });
  let over = false;
  const end = (reason?: string) => {
    if (over) return;
    over = true;
    socket.terminate();
    if (reason !== undefined) onEnd(reason);
  };
  socket.on('message', (data, isBinary) => {
    if (over) return;
    const jpeg = isBinary ? 'bad' : frameOf(String(data));
    if (jpeg === 'not one') return;
    if (jpeg === 'bad') end('the camera gave something that is no JPEG');
    else onFrame(jpeg);
  });
  socket.on('close', () => end('the camera service ended its stream'));
  socket.on('error', () => end(SERVICE_GONE));
  return () => end();
}

/** One frame of the stream, the next that comes. Throws `camera.unreachable` or `camera.bad_answer`. */
export function nextStreamFrame(options: {
  url: string;
  secret: string | undefined;
  timeoutMs: number;
  clock: Clock;
  signal: AbortSignal;
}): Promise<Buffer> {
  const { url, secret, timeoutMs, clock, signal } = options;
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      stopWaiting();
      signal.removeEventListener('abort', giveUp);
      close();
      settle();
    };
    const giveUp = () => finish(() => reject(signal.reason));
    const late = new AppError('camera.unreachable', SERVICE_GONE, { reason: `no frame within ${timeoutMs / 1000} s` });
    const stopWaiting = clock.after(timeoutMs, () => finish(() => reject(late)));
    signal.addEventListener('abort', giveUp, { once: true });
    const close = openServiceStream({
      url,
      secret,
      onFrame: (jpeg) => finish(() => resolve(jpeg)),
      onEnd: (reason) => finish(() => reject(failure(reason))),
    });
  });
}

function failure(reason: string): AppError {
  return new AppError(reason === SERVICE_GONE ? 'camera.unreachable' : 'camera.bad_answer', reason);
}

function frameOf(data: string): Buffer | 'not one' | 'bad' {
  let message: { type?: unknown; data?: unknown } | null;
  try {
    message = JSON.parse(data) as { type?: unknown; data?: unknown } | null;
  } catch (error) {
    if (error instanceof SyntaxError) return 'bad';
    throw error;
  }
  if (message?.type !== 'frame') return 'not one';
  const jpeg = typeof message.data === 'string' ? Buffer.from(message.data, 'base64') : Buffer.alloc(0);
  return readJpegHeader(jpeg) ? jpeg : 'bad';
}
