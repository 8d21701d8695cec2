import type { StreamCreate, StreamRecord } from '../contracts/published.ts';
import type { Actor } from '../contracts/services.ts';

/** What of a record its kind knows. */
export type StreamFigures = Omit<StreamRecord, 'id' | 'type' | 'made_by'>;

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
  /** Switches it; resolves when that is on its way. */
  turn(name: string, wanted: boolean): Promise<void>;
  remove(name: string): Promise<void>;
  /** The streams of this kind that are known now. */
  names(): string[];
  figures(name: string): StreamFigures;
}

/** Epoch ms as the API says it. */
export function told(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
