import type { StreamCreate, StreamPatch, StreamRecord } from '../contracts/published.ts';
import type { Actor } from '../contracts/services.ts';

/** What of a record its kind knows. */
export type StreamFigures = Omit<StreamRecord, 'id' | 'type' | 'made_by' | 'created_at'>;

/** What is to be another one; what is undefined stays. */
export type StreamChange = Omit<StreamPatch, 'name'>;

/** A stream as it is begun. */
export interface NewStream {
  name: string;
  camera: string;
  wish: StreamCreate;
  wanted: boolean;
}

/** How streams of one type are run. */
export interface StreamKind {
  /** Checks the wish, writes the stream down and begins it if it is wanted; throws what is wrong with it. */
  make(stream: NewStream, actor: Actor): Promise<void>;
  /** Takes over what is given, under the name `to`, which is free or its own. Checks all before it changes anything. */
  change(name: string, change: StreamChange, to: string): Promise<void>;
  /** Switches it; resolves when that is on its way. */
  turn(name: string, wanted: boolean): Promise<void>;
  remove(name: string): Promise<void>;
  /** The streams of this kind that are known now. */
  names(): string[];
  figures(name: string): StreamFigures;
}

/** The settings of before with what is changed; a null takes one back. */
export function merged<T extends object>(before: T, change: { [K in keyof T]?: T[K] | null | undefined }): T {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  const all = { ...before, ...Object.fromEntries(given) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== undefined)) as T;
}

/** Epoch ms as the API says it. */
export function told(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
