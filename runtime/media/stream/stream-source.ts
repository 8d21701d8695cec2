import type { RawSink } from './raw-unit.ts';

/** What a source tells beside its units. */
export interface SourceSink extends RawSink {
  /** A run of the source begins: its clock starts anew. */
  onRun(): void;
  /** The run is over, with the reason in words; another one follows by itself unless the source was stopped. */
  onLost(reason: string): void;
}

/**
 * Where a camera's H.264 comes from. It looks after itself: what falls silent or ends is started again with growing pauses, until
 * `stop`. It knows one device or address and nothing of camera ids.
 */
export interface StreamSource {
  /** Begins; units and troubles go to the sink. */
  start(sink: SourceSink): void;
  /** Resolves when nothing of it is left; the sink hears nothing more. It may be started again. */
  stop(): Promise<void>;
  /** Somebody new waits: a source that rests between two tries may try now. */
  hurry?(): void;
  /** what whoever looks should know although it works: that it is encoded here, and why */
  readonly note?: string;
}
