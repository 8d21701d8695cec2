import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AppError } from '../../contracts/errors.ts';
import type { FrameRefused } from '../../contracts/frame.ts';
import type { Clock } from '../../contracts/host.ts';
import { nameOfRequest } from '../../lib/request-name.ts';
import { hasBody } from './read-body.ts';

/** How much of a refused body is still taken in, and for how long, so that its sender gets to read the answer. */
const LINGER_BYTES = 256 * 1024;
const LINGER_MS = 500;

/** Sends a JSON answer. */
export function answer(res: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  // As a text it goes out together with its head, in one write.
  const text = JSON.stringify(body);
  res.writeHead(status, head(text, { 'X-Request-Id': nameOfRequest(res.req), ...headers }));
  res.end(text);
}

/** What seed 004's server says of the same faults (§2.5): its clients log these words. */
const SEED_WORDS: readonly [ours: RegExp, seeds: string][] = [
  [/^(\S+) is missing$/, 'missing required field: $1'],
  [/^(\S+) must be integer$/, 'invalid integer field: $1'],
  [/^\S+ is not valid JSON in UTF-8$/, 'invalid json'],
  [/^image_b64 is not valid base64$/, 'invalid image_b64'],
  [/^the device key is not known$/, 'invalid device key'],
];

/** The body of a refusal. What went wrong on our side is not told. */
export function refusal(error: AppError): FrameRefused {
  const { field } = error.details;
  const said = SEED_WORDS.find(([ours]) => ours.test(error.message));
  const message =
    error.code === 'internal.error'
      ? 'something went wrong on the server'
      : said
        ? error.message.replace(...said)
        : error.message;
  return { ok: false, error: message, code: error.code, ...(field === undefined ? {} : { field }) };
}

/**
 * Sends a refusal. A body that was not read is not read to its end: the answer says `Connection: close`, and a little of the rest is
 * thrown away before the connection goes, since closing at once would reset it under the sender's eyes before it saw the answer.
 */
export function refuse(req: IncomingMessage, res: ServerResponse, error: AppError, clock: Clock): void {
  if (res.headersSent || res.destroyed) return;
  const headers: Record<string, string> = { 'X-Request-Id': nameOfRequest(req) };
  if (error.details.retryAfterS !== undefined) headers['Retry-After'] = String(Math.ceil(error.details.retryAfterS));
  else if (error.status === 503) headers['Retry-After'] = '5';
  if (req.complete || !hasBody(req)) {
    answer(res, error.status, refusal(error), headers);
    return;
  }
  const text = JSON.stringify(refusal(error));
  res.writeHead(error.status, { ...head(text, headers), Connection: 'close' });
  res.write(text);
  let left = LINGER_BYTES;
  const finish = () => {
    cancel();
    req.off('data', discard).off('end', finish).off('close', finish).off('error', finish);
    res.end();
  };
  const discard = (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) finish();
  };
  const cancel = clock.after(LINGER_MS, finish);
  req.on('data', discard).once('end', finish).once('close', finish).once('error', finish);
  req.resume();
}

function head(text: string, headers: Record<string, string>): Record<string, string | number> {
  return {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    ...headers,
  };
}
