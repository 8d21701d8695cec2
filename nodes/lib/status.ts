import type { NodeStatus } from 'node-red';
import type { Clock } from '../../runtime/contracts/host.ts';

/** The words a node speaks under its box; each has its colour. `inert` is for a node that this side cannot run. */
export type StatusWord = 'ok' | 'working' | 'waiting' | 'failed' | 'inert';

const LOOKS: Record<StatusWord, { fill: NonNullable<NodeStatus['fill']>; shape: 'dot' | 'ring' }> = {
  ok: { fill: 'green', shape: 'dot' },
  working: { fill: 'blue', shape: 'dot' },
  waiting: { fill: 'yellow', shape: 'ring' },
  failed: { fill: 'red', shape: 'ring' },
  inert: { fill: 'grey', shape: 'ring' },
};

const LONGEST_TEXT = 60;
/** A camera at 30 fps must not send 30 status messages a second to every open editor. */
const SHORTEST_PAUSE_MS = 1000;
const AGE_REFRESH_MS = 5000;

/** What a node says of itself: one word, a short phrase, and how old the last frame is. */
export interface StatusLine {
  ok(phrase?: string): void;
  working(phrase: string): void;
  waiting(phrase: string): void;
  failed(phrase: string): void;
  inert(phrase: string): void;
  /** One more thing went through: shown as ok with `12 frames · 3 s ago`. */
  counted(what?: string): void;
  /** Ends a `failed`: shows again what was shown before it. */
  recovered(): void;
  /** Says nothing from here on. */
  close(): void;
}

/** Makes a status line that shows changes of word at once, changes of phrase at most once a second, and ages every five seconds. */
export function createStatusLine(options: { show: (status: NodeStatus) => void; clock: Clock }): StatusLine {
  const { show, clock } = options;
  let line: { word: StatusWord; phrase: string; counting: boolean } | undefined;
  let before: typeof line;
  let count = 0;
  let countedAt = 0;
  let shown = '';
  let shownAt = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | undefined;
  let closed = false;

  const textOf = (now: number): string => {
    if (!line) return '';
    if (!line.counting) return shorten(line.phrase);
    return `${count} ${line.phrase}${count === 1 ? '' : 's'} · ${ageOf(now - countedAt)}`;
  };

  const refresh = (): void => {
    cancel?.();
    cancel = undefined;
    if (closed || !line) return;
    const now = clock.monotonicMs();
    const status = { ...LOOKS[line.word], text: textOf(now) };
    const key = `${line.word} ${status.text}`;
    if (key !== shown) {
      shown = key;
      shownAt = now;
      show(status);
    }
    if (line.counting) cancel = clock.after(nextAgeMs(now - countedAt), refresh);
  };

  const say = (word: StatusWord, phrase: string, counting = false): void => {
    if (closed) return;
    const sameWord = line?.word === word;
    if (word === 'failed' && line && !sameWord) before = line;
    line = { word, phrase, counting };
    const wait = shownAt + SHORTEST_PAUSE_MS - clock.monotonicMs();
    if (!sameWord || wait <= 0) refresh();
    else {
      cancel?.();
      cancel = clock.after(wait, refresh);
    }
  };

  return {
    ok: (phrase = 'ok') => say('ok', phrase),
    working: (phrase) => say('working', phrase),
    waiting: (phrase) => say('waiting', phrase),
    failed: (phrase) => say('failed', phrase),
    inert: (phrase) => say('inert', phrase),
    counted(what = 'frame') {
      count += 1;
      countedAt = clock.monotonicMs();
      say('ok', what, true);
    },
    recovered() {
      if (line?.word !== 'failed') return;
      say(before?.word ?? 'ok', before?.phrase ?? 'ok', before?.counting ?? false);
    },
    close() {
      closed = true;
      cancel?.();
      cancel = undefined;
    },
  };
}

/** An age in the words of a status: `now`, `3 s ago`, `4 min ago`, `2 h ago`. */
export function ageOf(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 1) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

function nextAgeMs(ageMs: number): number {
  return ageMs < 60_000 ? AGE_REFRESH_MS : 60_000;
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= LONGEST_TEXT ? line : `${line.slice(0, LONGEST_TEXT - 1)}…`;
}
