import type { ErrorBody } from '../../contracts/api.ts';
import type { LiveWays } from '../../contracts/live.ts';
import type { LivekitToken } from '../../contracts/rooms.ts';
import { playerStrings } from '../strings/player.ts';

const TELL_MS = 2000;

/** What the server refused, in its own words. `status` 0: it could not be reached. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'Refusal';
    this.status = status;
    this.code = code;
  }

  /** Somebody with the right to it ended the watching: to begin again is for the person to decide. */
  get isEnding(): boolean {
    return this.code === 'session.ended';
  }

  /** No other way would lead to this camera either. */
  get isFinal(): boolean {
    return (
      this.status === 0 ||
      this.status === 401 ||
      this.status === 403 ||
      this.isEnding ||
      this.code.startsWith('camera.')
    );
  }
}

/** What was thrown, in words. */
export function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Where a camera's pictures are, and how the server is asked for them. */
export class Source {
  readonly camera: string;
  readonly #server: string;
  readonly #tokenOf: () => string | undefined;
  /** ms that the server's clock is ahead of ours; undefined before it was asked */
  #aheadMs: number | undefined;

  /** `server` ends with a slash. The token is read anew with each request, so that a page can renew it. */
  constructor(server: string, camera: string, tokenOf: () => string | undefined) {
    this.#server = server;
    this.camera = camera;
    this.#tokenOf = tokenOf;
  }

  /** Epoch ms on the server's clock, as near as half a round trip. */
  serverNow(): number {
    return Date.now() + (this.#aheadMs ?? 0);
  }

  /** An address below the camera's, with the token where there is one. */
  address(path: string): string {
    return this.withToken(
      new URL(`api/v1/cameras/${encodeURIComponent(this.camera)}/${path}`, this.#server).toString(),
    );
  }

  /** An address of a file with the token as it is now. */
  withToken(address: string): string {
    const token = this.#tokenOf();
    if (token === undefined) return address;
    const url = new URL(address);
    url.searchParams.set('token', token);
    return url.toString();
  }

  /** Which ways there are; throws a Refusal. */
  async ways(signal: AbortSignal): Promise<LiveWays> {
    const asked = Date.now();
    const answer = await this.ask('live', { signal });
    const known = (await answer.json()) as LiveWays;
    this.#aheadMs = known.now - (asked + Date.now()) / 2;
    return known;
  }

  /** May watch that room of LiveKit, and where it is. Who may not watch the room may watch the camera all the same. */
  async roomToken(room: string, signal: AbortSignal): Promise<LivekitToken> {
    const answer = await this.askAt(new URL('api/v1/livekit/token', this.#server).toString(), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ room }),
      signal,
    }).catch((error: unknown) => {
      if (error instanceof Refusal && error.status === 403) throw new Error(error.message, { cause: error });
      throw error;
    });
    return (await answer.json()) as LivekitToken;
  }

  /** Asks for what lies below the camera's address; throws a Refusal for what is not an answer. */
  async ask(path: string, how: RequestInit = {}): Promise<Response> {
    return this.askAt(this.address(path), how);
  }

  /** The same at an address that the server gave. */
  async askAt(address: string, how: RequestInit): Promise<Response> {
    const { answer, error } = await fetch(address, this.#with(how)).then(
      (answer) => ({ answer, error: undefined }),
      (error: unknown) => ({ answer: undefined, error }),
    );
    if (how.signal?.aborted) throw how.signal.reason;
    if (!answer) throw new Refusal(0, 'console.unreachable', playerStrings.unreachable, { cause: error });
    if (answer.ok) return answer;
    const body = (await answer.json().catch(() => undefined)) as ErrorBody | undefined;
    throw new Refusal(answer.status, body?.code ?? `http.${answer.status}`, body?.message ?? `HTTP ${answer.status}`);
  }

  /** Sends something to an address the server gave, also while the page goes away. Resolves when it is over, well or not. */
  async tell(address: string, how: RequestInit): Promise<void> {
    const signal = AbortSignal.timeout(TELL_MS);
    await fetch(address, { ...this.#with(how), keepalive: true, signal }).catch(() => {
      // Who cannot be told finds out by itself.
    });
  }

  /** With a token nothing else is shown; the console's cookie needs the console's header. */
  #with(how: RequestInit): RequestInit {
    const token = this.#tokenOf();
    if (token !== undefined) return { ...how, credentials: 'omit' };
    const isOurs = new URL(this.#server).origin === location.origin;
    return {
      ...how,
      headers: { ...how.headers, ...(isOurs && { 'X-Redeye-Console': '1' }) },
      credentials: 'same-origin',
    };
  }
}
