import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../../contracts/errors.ts';
import { isId } from '../../contracts/ids.ts';
import { allowOf, notAllowed } from '../methods.ts';

/** A request for a camera's live pictures. */
export interface LiveAsk {
  req: IncomingMessage;
  res: ServerResponse;
  camera: string;
  query: URLSearchParams;
  /** IP address it comes from */
  address: string;
  /** under which it was asked for, without a query */
  path: string;
  /** Who asks; throws `auth.*` for nobody, a wrong credential, or a camera that is not for them. */
  viewer(): Promise<{ name: string }>;
}

/** What live answers share: never kept, never held back by a proxy, nothing but pictures for a browser. */
export const LIVE_HEADERS = {
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
};

/** The camera that an address names; throws `camera.not_found` for what cannot be one. */
export function cameraIn(text: string | undefined): string {
  if (text === undefined || !isId(text)) throw new AppError('camera.not_found', 'there is no such camera');
  return text;
}

/** Sets them all; nothing is sent yet. */
export function setHeaders(res: ServerResponse, headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
}

/**
 * Lets pages of other origins show the picture in `<img>` and `<video>` when they were given a token for it; without one the browser
 * would send the console's cookie, and pictures are then for our own pages.
 */
export function allowEmbedding({ query, res }: LiveAsk): void {
  res.setHeader('Cross-Origin-Resource-Policy', query.has('token') ? 'cross-origin' : 'same-origin');
}

/** True when it is to be read. Answers OPTIONS itself, and throws `route.method_not_allowed` for what would change something. */
export function isRead({ req, res }: Pick<LiveAsk, 'req' | 'res'>): boolean {
  const { method } = req;
  if (method === 'GET' || method === 'HEAD') return true;
  const allow = allowOf(['GET']);
  res.setHeader('Allow', allow);
  if (method !== 'OPTIONS') throw notAllowed(method, allow);
  res.statusCode = 204;
  res.end();
  return false;
}

/** A whole number in the query; undefined when there is none, `request.invalid` outside the limits. */
export function wholeNumber(
  { query }: Pick<LiveAsk, 'query'>,
  field: string,
  least: number,
  most: number,
): number | undefined {
  const given = query.getAll(field);
  if (given.length === 0) return undefined;
  const [text = ''] = given;
  const number = given.length === 1 && /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new AppError('request.invalid', `${field} must be a whole number from ${least} to ${most}`, { field });
}

/** Sends a text whole. */
export function sendText(res: ServerResponse, type: string, text: string): void {
  setHeaders(res, { 'Content-Type': type, 'Content-Length': String(Buffer.byteLength(text)) });
  res.end(text);
}

/** The body as text; throws `request.too_large` beyond the limit. */
export async function readText(req: IncomingMessage, mostBytes: number): Promise<string> {
  const tooLarge = () => new AppError('request.too_large', `the body is longer than ${mostBytes} bytes`);
  if (Number(req.headers['content-length'] ?? 0) > mostBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Whether the body says to be of that type, whatever its parameters. */
export function isOfType(req: IncomingMessage, type: string): boolean {
  return (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() === type;
}
