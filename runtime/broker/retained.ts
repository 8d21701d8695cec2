import { Readable } from 'node:stream';

/** What is kept of a retained message: whatever aedes gives, with these two. */
export interface Kept {
  topic: string;
  payload: string | Buffer;
}

interface Level<P> {
  packet?: P;
  below: Map<string, Level<P>>;
}

/**
 * Retained messages as a tree of topic levels: a filter is answered by walking down its own levels. aedes' memory compares each filter with
 * every message; with 1,000 devices that were 15,000 comparisons, 10 ms, for each one that came back.
 */
export class Retained<P extends Kept> {
  readonly #root: Level<P> = { below: new Map() };

  /** Keeps the message in place of the one before it; an empty one only takes that back. */
  store(packet: P): void {
    const levels = packet.topic.split('/');
    if (packet.payload.length === 0) {
      this.#drop(this.#root, levels, 0);
      return;
    }
    let level = this.#root;
    for (const name of levels) {
      let next = level.below.get(name);
      if (!next) {
        next = { below: new Map() };
        level.below.set(name, next);
      }
      level = next;
    }
    level.packet = packet;
  }

  /** Those that the filter matches (MQTT 3.1.1 §4.7): a wildcard in the first place matches no topic that begins with `$`. */
  *matching(filter: string): Generator<P> {
    const levels = filter.split('/');
    const isWild = levels[0] === '+' || levels[0] === '#';
    for (const packet of walk(this.#root, levels, 0)) if (!isWild || !packet.topic.startsWith('$')) yield packet;
  }

  #drop(level: Level<P>, levels: readonly string[], at: number): void {
    const name = levels[at];
    if (name === undefined) {
      delete level.packet;
      return;
    }
    const next = level.below.get(name);
    if (!next) return;
    this.#drop(next, levels, at + 1);
    if (next.packet === undefined && next.below.size === 0) level.below.delete(name);
  }
}

function* walk<P>(level: Level<P>, levels: readonly string[], at: number): Generator<P> {
  const name = levels[at];
  if (name === undefined) {
    if (level.packet !== undefined) yield level.packet;
  } else if (name === '#') {
    yield* everything(level);
  } else if (name === '+') {
    for (const next of level.below.values()) yield* walk(next, levels, at + 1);
  } else {
    const next = level.below.get(name);
    if (next) yield* walk(next, levels, at + 1);
  }
}

/** `a/#` matches `a` too. */
function* everything<P>(level: Level<P>): Generator<P> {
  if (level.packet !== undefined) yield level.packet;
  for (const next of level.below.values()) yield* everything(next);
}

/** The part of aedes' memory that this takes the place of (aedes-persistence 11). */
export interface RetainedMemory<P extends Kept> {
  storeRetained(packet: P): Promise<void>;
  createRetainedStream(filter: string): Readable;
  createRetainedStreamCombi(filters: readonly string[]): Readable;
}

/** That part, on such a tree. */
export function retainedMemory<P extends Kept>(): RetainedMemory<P> {
  const retained = new Retained<P>();
  const all = function* (filters: readonly string[]) {
    for (const filter of filters) yield* retained.matching(filter);
  };
  return {
    // A copy: aedes goes on with the one that it gave.
    storeRetained: async (packet) => retained.store({ ...packet }),
    createRetainedStream: (filter) => Readable.from(all([filter])),
    createRetainedStreamCombi: (filters) => Readable.from(all(filters)),
  };
}
