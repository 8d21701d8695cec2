import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { IceServer } from '../../contracts/live.ts';
import { requestHttp as plainRequest, tlsHttp } from '../../lib/builtin-http.ts';
import { linkedServers } from './link-servers.ts';

const ANSWER_MS = 8000;
const GOODBYE_MS = 2000;
const MOST_BYTES = 64 * 1024;
const MOST_REDIRECTS = 3;
const ABSENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** Where sessions are made, and who may. */
export interface WhipEndpoint {
  /** `http://` or `https://` */
  endpoint: string;
  bearer?: string | undefined;
  /** PEM file of trusted authorities; without it those that Node knows */
  caFile?: string | undefined;
  /** take a certificate that nobody vouches for */
  insecure?: boolean | undefined;
}

/** A session that was made. */
export interface WhipSession {
  /** SDP */
  answer: string;
  /** where it is ended; undefined when the other side named no such address */
  location: string | undefined;
  /** STUN and TURN servers that the other side names */
  iceServers: IceServer[];
}

/** Why no session came about. `absent`: nobody listens there. */
export class WhipRefusal extends Error {
  readonly kind: 'absent' | 'refused';

  constructor(kind: 'absent' | 'refused', message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'WhipRefusal';
    this.kind = kind;
  }
}

const REFUSALS: Record<number, string> = {
  401: 'the destination refused the key',
  403: 'the destination refused the key',
  404: 'the destination knows no such ingress; was it deleted?',
  405: 'there is no WHIP endpoint at that address',
  406: 'the destination does not take this format',
  409: 'somebody else is publishing with this key already',
  415: 'there is no WHIP endpoint at that address',
  429: 'the destination is asked too often',
  503: 'the destination cannot take it now',
};

/**
 * Posts an offer (RFC 9725 §4.2). Redirections are followed; the key goes along, but never from TLS to plain HTTP. Throws WhipRefusal in
 * words that hold neither key nor address.
 */
export async function openSession(to: WhipEndpoint, offer: string, clock: Clock): Promise<WhipSession> {
  let at = new URL(to.endpoint);
  for (let count = 0; count <= MOST_REDIRECTS; count += 1) {
    const { status, location, link, text } = await ask(at, to, {
      method: 'POST',
      body: offer,
      limitMs: ANSWER_MS,
      clock,
    });
    const next = resolved(location, at);
    if ((status === 307 || status === 308) && next) {
      if (at.protocol === 'https:' && next.protocol !== 'https:')
        throw new WhipRefusal('refused', 'the destination sends us from TLS to plain HTTP');
      at = next;
      continue;
    }
    if (status === 201 || status === 200)
      return { answer: text, location: next?.href, iceServers: linkedServers(link) };
    throw new WhipRefusal('refused', REFUSALS[status] ?? `the destination answered ${status}`);
  }
  throw new WhipRefusal('refused', 'the destination sends us in circles');
}

/** Ends a session; what goes wrong is not told: the other side finds out by itself. */
export async function closeSession(to: WhipEndpoint, location: string, clock: Clock): Promise<void> {
  try {
    await ask(new URL(location), to, { method: 'DELETE', limitMs: GOODBYE_MS, clock });
  } catch (error) {
    if (!(error instanceof WhipRefusal)) throw error;
  }
}

function resolved(location: string | undefined, base: URL): URL | undefined {
  if (location === undefined || !URL.canParse(location, base.href)) return undefined;
  const url = new URL(location, base.href);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}

interface Answered {
  status: number;
  location: string | undefined;
  /** all of them, joined by commas */
  link: string;
  text: string;
}

interface Question {
  method: string;
  body?: string;
  limitMs: number;
  clock: Clock;
}

async function ask(url: URL, { bearer, caFile, insecure }: WhipEndpoint, question: Question): Promise<Answered> {
  const { method, body, limitMs, clock } = question;
  const isTls = url.protocol === 'https:';
  const ca = isTls && caFile !== undefined ? await readFile(caFile) : undefined;
  return new Promise<Answered>((resolve, reject) => {
    const options = {
      method,
      agent: false,
      ...(isTls && { ...(ca && { ca }), rejectUnauthorized: insecure !== true }),
      headers: {
        ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
        ...(body !== undefined && { 'Content-Type': 'application/sdp', 'Content-Length': Buffer.byteLength(body) }),
      },
    };
    const onAnswer = (response: IncomingMessage) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (text.length > MOST_BYTES) request.destroy(new Error('too long'));
      });
      response.on('end', () => {
        cancel();
        const { location, link = '' } = response.headers;
        resolve({ status: response.statusCode ?? 0, location, link: String(link), text });
      });
      response.on('error', fail);
    };
    const request = (isTls ? tlsHttp().request : plainRequest)(url, options, onAnswer);
    const cancel = clock.after(limitMs, () => request.destroy(new Error('no answer')));
    const fail = (cause: NodeJS.ErrnoException) => {
      cancel();
      reject(refusalOf(cause, url.host, limitMs));
    };
    request.on('error', fail);
    request.end(body);
  });
}

function refusalOf(cause: NodeJS.ErrnoException, host: string, limitMs: number): Error {
  const { code = '', message } = cause;
  if (ABSENT.has(code)) return new WhipRefusal('absent', `nobody answers at ${host}`, { cause });
  if (message === 'no answer')
    return new WhipRefusal('refused', `${host} did not answer within ${limitMs / 1000} s`, { cause });
  if (/CERT|SELF_SIGNED|ISSUER|ALTNAME|SSL|TLS/.test(code))
    return new WhipRefusal('refused', 'its certificate is not trusted, or it does not speak TLS', { cause });
  if (code === 'ERR_INVALID_CHAR')
    return new AppError('push.invalid', 'the key holds a sign that no key has', {}, { cause });
  return new WhipRefusal('refused', 'the destination closed the connection', { cause });
}
