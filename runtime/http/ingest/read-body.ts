import type { IncomingMessage } from 'node:http';
import { AppError } from '../../contracts/errors.ts';
import type { Lease } from './byte-budget.ts';

/** Tells whether the request says that it has a body. */
export function hasBody(req: IncomingMessage): boolean {
  return req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
}

/** The length that the request announces; undefined for a chunked body. Throws `request.too_large` over the limit. */
export function announcedLength(req: IncomingMessage, limit: number): number | undefined {
  const text = req.headers['content-length'];
  if (text === undefined) return req.headers['transfer-encoding'] === undefined ? 0 : undefined;
  const length = Number(text);
  if (length > limit) throw tooLarge(limit);
  return length;
}

/**
 * Reads a body into one buffer: with a Content-Length straight into its place, which lasts as long as the lease, else piece by piece. Throws `request.too_large`,
 * `ingest.busy`, or `request.invalid` when the connection ends before the body does.
 */
export async function readBody(req: IncomingMessage, limit: number, lease: Lease): Promise<Buffer> {
  const length = announcedLength(req, limit);
  if (length === undefined) {
    const pieces: Buffer[] = [];
    await eachChunk(req, limit, lease, (chunk) => pieces.push(chunk));
    return Buffer.concat(pieces);
  }
  const body = lease.take(length);
  let filled = 0;
  await consume(req, (chunk) => {
    filled += chunk.copy(body, filled);
  });
  return body.subarray(0, filled);
}

/** Hands on the chunks of a body of unknown length, within limit and budget. */
export function eachChunk(
  req: IncomingMessage,
  limit: number,
  lease: Lease,
  onChunk: (chunk: Buffer) => void,
): Promise<void> {
  let size = 0;
  return consume(req, (chunk) => {
    size += chunk.length;
    if (size > limit) throw tooLarge(limit);
    lease.grow(chunk.length);
    onChunk(chunk);
  });
}

/** Resolves at the end of the body; rejects when the connection goes first or `onChunk` throws, and then reads no further. */
function consume(req: IncomingMessage, onChunk: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      req.pause();
      finish();
    };
    const onData = (chunk: Buffer) => {
      try {
        onChunk(chunk);
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const onEnd = () => settle(resolve);
    const onClose = () => settle(() => reject(cutOff()));
    if (req.destroyed) {
      reject(cutOff());
      return;
    }
    req.on('data', onData).once('end', onEnd).once('close', onClose).once('error', onClose);
  });
}

function cutOff(): AppError {
  return new AppError('request.invalid', 'the connection ended before the body did', { field: 'body' });
}

function tooLarge(limit: number): AppError {
  return new AppError('request.too_large', `the body is larger than ${limit} bytes`, { field: 'body' });
}
