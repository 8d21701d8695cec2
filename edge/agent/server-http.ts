import type { Agent, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../runtime/contracts/host.ts';
import { HttpAgent, requestHttp, tlsHttp } from '../../runtime/lib/builtin-http.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const WHOLE_TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

export interface ServerCall {
  method: 'GET' | 'POST';
  /** below the server's own address, without a leading slash */
  path: string;
  headers?: Record<string, string>;
  /** written one after the other */
  body?: Buffer[];
  signal?: AbortSignal;
}

export interface ServerAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Sends a request; throws when no whole answer came. */
export type CallServer = (call: ServerCall) => Promise<ServerAnswer>;

/** The server did not answer, in words: refused, reset, silent. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/**
 * The server's HTTP side with the device's key, over kept connections. 10 s to connect, 60 s for the whole exchange: a half-open
 * connection is noticed by that. A kept connection that the server closed meanwhile is replaced once, unseen.
 */
export class ServerHttp {
  readonly #base: URL;
  readonly #key: string;
  readonly #clock: Clock;
  readonly #agent: Agent;

  constructor(options: { url: string; key: string; clock: Clock }) {
    this.#base = new URL(options.url.endsWith('/') ? options.url : `${options.url}/`);
    this.#key = options.key;
    this.#clock = options.clock;
    const settings = { keepAlive: true, maxSockets: 4, maxFreeSockets: 2 };
    this.#agent = this.#base.protocol === 'https:' ? new (tlsHttp().Agent)(settings) : new HttpAgent(settings);
  }

  readonly call: CallServer = async (call) => {
    try {
      return await this.#once(call);
    } catch (error) {
      if (error instanceof StaleConnection) return this.#once(call);
      throw error;
    }
  };

  /** Closes the kept connections. */
  close(): void {
    this.#agent.destroy();
  }

  #once(call: ServerCall): Promise<ServerAnswer> {
    const length = (call.body ?? []).reduce((sum, part) => sum + part.length, 0);
    const request = (this.#base.protocol === 'https:' ? tlsHttp().request : requestHttp)(
      new URL(call.path, this.#base),
      {
        method: call.method,
        agent: this.#agent,
        headers: {
          'x-device-key': this.#key,
          ...(call.body ? { 'content-length': String(length) } : {}),
          ...call.headers,
        },
      },
    );
    return new Promise((resolve, reject) => {
      const fail = (why: string) => request.destroy(new NoAnswer(why));
      const timers = [this.#clock.after(WHOLE_TIMEOUT_MS, () => fail('no answer within 60 s'))];
      const abort = () => fail('cancelled');
      const settle = (end: () => void) => {
        for (const cancel of timers) cancel();
        call.signal?.removeEventListener('abort', abort);
        end();
      };
      call.signal?.addEventListener('abort', abort, { once: true });
      request.on('socket', (socket: Socket) => {
        if (!socket.connecting) return;
        const cancel = this.#clock.after(CONNECT_TIMEOUT_MS, () => fail('no connection within 10 s'));
        timers.push(cancel);
        socket.once('connect', cancel);
      });
      request.on('error', (cause) => {
        const stale = request.reusedSocket && (cause as NodeJS.ErrnoException).code === 'ECONNRESET';
        settle(() => reject(stale ? new StaleConnection() : noAnswer(cause)));
      });
      request.on('response', (response) => {
        collect(response).then(
          (body) => settle(() => resolve({ status: response.statusCode ?? 0, headers: response.headers, body })),
          (cause) => settle(() => reject(noAnswer(cause))),
        );
      });
      for (const part of call.body ?? []) request.write(part);
      request.end();
      if (call.signal?.aborted) abort();
    });
  }
}

class StaleConnection extends Error {}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new NoAnswer('the answer is longer than 1 MB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function noAnswer(cause: unknown): NoAnswer {
  if (cause instanceof NoAnswer) return cause;
  // A host with several addresses fails with one error per address and an empty message.
  const { code, message } = cause as NodeJS.ErrnoException;
  return new NoAnswer(message || code || 'no answer', { cause });
}

/** The body as a JSON object; undefined when it is anything else, as the page of a proxy in between. */
export function objectIn(body: Buffer): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : undefined;
}
