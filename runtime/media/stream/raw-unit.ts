import type { AudioFormat } from '../../contracts/streams.ts';

/** An access unit as it comes out of a source's bytes: its own clock, parameter sets wherever the source puts them. */
export interface RawUnit {
  /** without start codes; views of memory that nobody writes to any more */
  nals: Buffer[];
  /** the same NAL units behind 4-byte start codes, where that costs no copy */
  annexB?: Buffer;
  /** ms */
  dts: number;
  pts: number;
}

/** Who takes what a source's bytes hold. */
export interface RawSink {
  /** Parameter sets that came beside the pictures. */
  onParameters(sets: Buffer[]): void;
  onUnit(unit: RawUnit): void;
  onAudioFormat?(format: AudioFormat): void;
  /** `pts` in ms on the clock of the pictures */
  onAudio?(data: Buffer, pts: number): void;
}

/** Takes bytes as they come, cut anywhere. Throws an AppError when they are not what they should be; it is done for then. */
export interface StreamParser {
  push(chunk: Buffer): void;
  /** No more bytes come. */
  end(): void;
}
