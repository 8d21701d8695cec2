import { onScopeDispose, readonly, ref } from 'vue';
import type { EventMessage } from '../../contracts/events.ts';
import { address, client } from './client.ts';

type Listener = (message: EventMessage) => void;

/** A short gap is nobody's business. */
const LOST_AFTER_MS = 2500;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

const listeners = new Set<Listener>();
const lostSince = ref<number>();
const again = ref(0);
let source: EventSource | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;
let doubt: ReturnType<typeof setTimeout> | undefined;
let pause = FIRST_PAUSE_MS;

/** The server's event stream: one connection for the whole console, which comes back by itself. */
export const live = {
  /** when the connection was lost; undefined while all is well */
  lostSince: readonly(lostSince),
  /** rises whenever the connection is back: what was read before may be old */
  again: readonly(again),
  start,
  stop,
};

/** Hears every event's start and end for as long as the component lives. */
export function onEvent(listener: Listener): void {
  listeners.add(listener);
  onScopeDispose(() => listeners.delete(listener));
}

function start(): void {
  if (source !== undefined) return;
  source = new EventSource(address('api/v1/stream'));
  source.onopen = () => {
    clearTimeout(doubt);
    doubt = undefined;
    pause = FIRST_PAUSE_MS;
    if (lostSince.value !== undefined) again.value += 1;
    lostSince.value = undefined;
  };
  source.addEventListener('event', (event) => {
    const message = JSON.parse(event.data) as EventMessage;
    for (const listener of listeners) listener(message);
  });
  source.onerror = () => {
    const at = Date.now();
    doubt ??= setTimeout(() => {
      lostSince.value ??= at;
    }, LOST_AFTER_MS);
    // The browser tries again on its own unless the answer was not a stream: a session that ran out, a proxy's error page.
    if (source?.readyState === EventSource.CLOSED) void reopen();
  };
}

async function reopen(): Promise<void> {
  source?.close();
  source = undefined;
  clearTimeout(retry);
  retry = setTimeout(async () => {
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    try {
      // Renews the session where that is what is wrong; leads to the login where it cannot be.
      await client.getAuthMe();
      start();
    } catch {
      if (retry !== undefined) void reopen();
    }
  }, pause);
}

function stop(): void {
  clearTimeout(retry);
  clearTimeout(doubt);
  retry = undefined;
  doubt = undefined;
  source?.close();
  source = undefined;
  lostSince.value = undefined;
}
