import { AppError, toAppError } from '../contracts/errors.ts';
import type { Clock } from '../contracts/host.ts';
import { authorize, type Login } from './digest-auth.ts';
import { JpegSplitter } from './jpeg-splitter.ts';
import type { PictureProcess } from './picture-process.ts';

const HEADERS_MS = 10_000;
const MOST_REDIRECTS = 3;
const MOST_BYTES = 32 * 1024 * 1024;
const TYPES = { stream: /^multipart\/x-mixed-replace\b/i, picture: /^image\/(jpeg|jpg|pjpeg)\b/i };

export interface HttpPicturesOptions {
  /** with name and password where the camera wants them */
  url: string;
  clock: Clock;
  /** Throws for an address that must not be reached; without it a camera may send us on at its own address only. */
  checkUrl?: ((url: string) => Promise<void>) | undefined;
}

type Found = 'stream' | 'picture' | undefined;

/** What a camera answers at its address: a stream of JPEGs, one JPEG, or something else. Throws `camera.unreachable` in words. */
export async function lookAtPictures(options: HttpPicturesOptions, signal?: AbortSignal): Promise<Found> {
  const ending = new AbortController();
  const response = await open(options, signal ? AbortSignal.any([signal, ending.signal]) : ending.signal);
  // Nothing of it is read: the camera is to stop.
  ending.abort();
  return kindOf(response);
}

/**
 * Reads JPEGs of a camera that gives them by HTTP: a stream that does not end (`multipart/x-mixed-replace`), or a still that is asked for
 * again, `fps` times a second at most. Its end is always a failure, with the reason in `stderr`, but for `stop` and `kill`.
 */
export function startHttpPictures(
  options: HttpPicturesOptions & { fps: number },
  onPicture: (jpeg: Buffer) => void,
): PictureProcess {
  const ending = new AbortController();
  const gone = read(options, ending.signal, onPicture).then(
    () => ({ stderr: 'the camera ended its stream' }),
    (thrown: unknown) => ({ stderr: reasonOf(thrown) }),
  );
  const end = () => ending.abort(new AppError('camera.unreachable', 'it was ended'));
  return { gone, stop: end, kill: end };
}

async function read(
  options: HttpPicturesOptions & { fps: number },
  signal: AbortSignal,
  onPicture: (jpeg: Buffer) => void,
): Promise<void> {
  const { clock, fps } = options;
  for (;;) {
    const beganMs = clock.monotonicMs();
    const response = await open(options, signal);
    const kind = kindOf(response);
    if (!kind) {
      await response.body?.cancel();
      const type = response.headers.get('content-type')?.split(';')[0] ?? 'nothing';
      throw new AppError('camera.unreachable', `what answers there is no picture but ${type.slice(0, 60)}`);
    }
    const splitter = new JpegSplitter(onPicture);
    let size = 0;
    for await (const chunk of response.body ?? []) {
      splitter.push(Buffer.from(chunk));
      size += chunk.length;
      if (kind === 'picture' && size > MOST_BYTES) throw new AppError('camera.unreachable', 'its picture does not end');
    }
    if (kind === 'stream') return;
    await clock.sleep(Math.max(0, 1000 / fps - (clock.monotonicMs() - beganMs)), signal);
  }
}

function kindOf(response: Response): Found {
  const type = response.headers.get('content-type') ?? '';
  return TYPES.stream.test(type) ? 'stream' : TYPES.picture.test(type) ? 'picture' : undefined;
}

/** An answer that is good; logs in where that is asked, and goes where it is sent if that is allowed. */
async function open({ url, clock, checkUrl }: HttpPicturesOptions, signal: AbortSignal): Promise<Response> {
  const late = new AbortController();
  const stopWaiting = clock.after(HEADERS_MS, () => late.abort(new Error('it does not answer in time')));
  const either = AbortSignal.any([signal, late.signal]);
  try {
    either.throwIfAborted();
    const { address, login } = splitLogin(url);
    let at = address;
    for (let count = 0; count <= MOST_REDIRECTS; count += 1) {
      const isHome = at.origin === address.origin;
      const response = await ask(at, isHome ? login : undefined, either);
      if (response.status < 300) return response;
      await response.body?.cancel();
      const next = response.status < 400 ? response.headers.get('location') : null;
      if (next === null) throw refusalOf(response.status);
      at = await allowed(next, at, address, checkUrl);
    }
    throw new AppError('camera.unreachable', 'it sends us on and on');
  } finally {
    // Only until it answers: what follows may take as long as it likes.
    stopWaiting();
  }
}

async function ask(address: URL, login: Login | undefined, signal: AbortSignal): Promise<Response> {
  const get = (headers: Record<string, string>) =>
    fetch(address, { headers: { Accept: '*/*', ...headers }, redirect: 'manual', signal });
  const first = await get({});
  const challenge = first.headers.get('www-authenticate');
  if (first.status !== 401 || !login || challenge === null) return first;
  const request = { method: 'GET', uri: address.pathname + address.search };
  const authorization = authorize(challenge, login, request);
  if (authorization === undefined) return first;
  await first.body?.cancel();
  return get({ Authorization: authorization });
}

/** Where a camera may send us: on its own address, and to what the policy allows. */
async function allowed(next: string, from: URL, home: URL, checkUrl: HttpPicturesOptions['checkUrl']): Promise<URL> {
  const to = URL.canParse(next, from) ? new URL(next, from) : undefined;
  const words = 'it sends us to an address that is not allowed';
  if (!to || !/^https?:$/.test(to.protocol)) throw new AppError('camera.unreachable', words);
  to.username = '';
  to.password = '';
  if (to.origin === home.origin) return to;
  if (!checkUrl) throw new AppError('camera.unreachable', words);
  await checkUrl(to.href).catch((cause: unknown) => {
    throw new AppError('camera.unreachable', `${words}: ${toAppError(cause).message}`, {}, { cause });
  });
  return to;
}

function splitLogin(url: string): { address: URL; login: Login | undefined } {
  const address = new URL(url);
  const { username, password } = address;
  const login =
    username === '' && password === ''
      ? undefined
      : { user: decodeURIComponent(username), password: decodeURIComponent(password) };
  address.username = '';
  address.password = '';
  address.hash = '';
  return { address, login };
}

function refusalOf(status: number): AppError {
  const words: Record<number, string> = {
    401: 'it refuses the user name or password (401)',
    403: 'it forbids the access (403)',
    404: 'it has no such path (404)',
  };
  return new AppError('camera.unreachable', words[status] ?? `it answers with ${status}`);
}

const CAUSES: Record<string, string> = {
  ECONNREFUSED: 'nothing answers at that address and port (connection refused)',
  ENOTFOUND: 'its host name is not known',
  EHOSTUNREACH: 'there is no way to that address through the network',
  ENETUNREACH: 'there is no way to that address through the network',
  ETIMEDOUT: 'it does not answer in time',
  UND_ERR_SOCKET: 'it ended the connection',
  ECONNRESET: 'it ended the connection',
};

/** Words for what went wrong; an address with a password is in none of them. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof AppError) return thrown.message;
  const { message, cause } = thrown as { message?: string; cause?: { code?: string; message?: string } };
  return CAUSES[cause?.code ?? ''] ?? cause?.message ?? message ?? 'it does not answer';
}
