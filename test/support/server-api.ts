import assert from 'node:assert/strict';
import type { CaptureRecord, LoginAnswer, Page } from '../../runtime/contracts/api.ts';
import type { EventMessage, EventRecord } from '../../runtime/contracts/events.ts';
import { leaks } from './leaks.ts';

/** A client of the server's own API, as a script of a user would be one: logs in by itself, fails on anything unexpected. */
export class ServerApi {
  readonly url: string;
  readonly #name: string;
  readonly #password: string;
  #token: string | undefined;

  constructor(url: string, name: string, password: string) {
    this.url = url;
    this.#name = name;
    this.#password = password;
  }

  /** Logs in; answers what the server says to it. */
  async login(): Promise<LoginAnswer> {
    const response = await fetch(`${this.url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ email: this.#name, password: this.#password }),
    });
    assert.equal(response.status, 200, `login: ${response.status} ${await response.clone().text()}`);
    const answer = (await response.json()) as LoginAnswer;
    this.#token = answer.access_token;
    leaks.plantFrom(answer, 'a login');
    return answer;
  }

  async token(): Promise<string> {
    return this.#token ?? (await this.login()).access_token;
  }

  async get<T>(path: string): Promise<T> {
    return this.#json<T>('GET', path);
  }

  async post<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>('POST', path, body);
  }

  async put<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>('PUT', path, body);
  }

  async patch<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>('PATCH', path, body);
  }

  async delete(path: string): Promise<void> {
    await this.#call('DELETE', path);
  }

  /** A picture by the path that a record names. */
  async picture(path: string): Promise<Buffer> {
    const response = await fetch(this.url + path, { headers: { Authorization: `Bearer ${await this.token()}` } });
    assert.equal(response.status, 200, `${path}: ${response.status}`);
    assert.equal(response.headers.get('content-type'), 'image/jpeg');
    return Buffer.from(await response.arrayBuffer());
  }

  /** Every capture of the device, oldest first, through all pages. */
  async captures(device: string): Promise<CaptureRecord[]> {
    const all: CaptureRecord[] = [];
    let cursor = '';
    for (;;) {
      const page = await this.get<Page<CaptureRecord>>(`/captures?device=${device}&limit=200${cursor}`);
      all.push(...page.items);
      if (page.next === null) return all.reverse();
      cursor = `&cursor=${encodeURIComponent(page.next)}`;
    }
  }

  /** How many frames of the device the server has taken, by its highest number. */
  async lastSeq(device: string): Promise<number> {
    return (await this.get<{ last_seq: number }>(`/devices/${device}`)).last_seq;
  }

  /** The latest events of a type, newest first. */
  async events(type: string): Promise<EventRecord[]> {
    return (await this.get<Page<EventRecord>>(`/events?type=${type}&limit=200`)).items;
  }

  /** Listens to the event stream until `close`. */
  async stream(): Promise<{ messages: EventMessage[]; close(): void }> {
    const ending = new AbortController();
    const response = await fetch(`${this.url}/api/v1/stream`, {
      headers: { Authorization: `Bearer ${await this.token()}` },
      signal: ending.signal,
    });
    assert.equal(response.status, 200);
    const messages: EventMessage[] = [];
    const read = async () => {
      let text = '';
      const decoder = new TextDecoder();
      for await (const part of response.body ?? []) {
        text += decoder.decode(part, { stream: true });
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) {
          const data = block.split('\n').find((line) => line.startsWith('data: '));
          if (data) messages.push(JSON.parse(data.slice('data: '.length)) as EventMessage);
        }
      }
    };
    read().catch((error) => {
      if (!ending.signal.aborted) throw error;
    });
    return { messages, close: () => ending.abort() };
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = (await (await this.#call(method, path, body)).json()) as T;
    leaks.plantFrom(answer, `the answer to ${method} ${path}`);
    return answer;
  }

  async #call(method: string, path: string, body?: unknown): Promise<Response> {
    leaks.plantFrom(body, `${method} ${path}`);
    const ask = async () =>
      fetch(`${this.url}/api/v1${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${await this.token()}`,
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    let response = await ask();
    // A token lasts a quarter of an hour, a soak for longer.
    if (response.status === 401 && (await response.clone().text()).includes('auth.expired')) {
      await this.login();
      response = await ask();
    }
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${response.ok ? '' : await response.text()}`);
    return response;
  }
}

/** Fails unless the numbers are exactly those from the first to the last, each once, in order. */
export function assertNoGap(captures: readonly CaptureRecord[], from = 0): void {
  const numbers = captures.map(({ seq }) => seq);
  const whole = numbers.map((_, at) => from + at);
  assert.deepEqual(numbers, whole, 'numbers rise by one each');
}
