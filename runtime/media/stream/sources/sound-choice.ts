import type { SourceEnding } from '../process-source.ts';
import { copyOutput, isSoundTrouble, OPUS_BESIDE, WITHOUT_SOUND } from './ffmpeg-output.ts';

/** How a source's sound is taken: in the FLV beside its pictures, as Opus of its own, or not at all. */
export type SoundPlace = 'flv' | 'ogg' | 'none';

const NEXT: Record<SoundPlace, SoundPlace | undefined> = { flv: 'ogg', ogg: 'none', none: undefined };

/** Finds out how a source's sound can be taken: by what ffmpeg says against it. */
export class SoundChoice {
  place: SoundPlace = 'flv';

  /** Output arguments for pictures and sound that pass untouched, and what else the launch needs. */
  copied(): { output: string[]; side?: 'ogg'; note?: string } {
    return { output: [...copyOutput(this.place === 'flv'), ...this.beside()], ...this.launch() };
  }

  /** Arguments of the second output. */
  beside(): string[] {
    return this.place === 'ogg' ? OPUS_BESIDE : [];
  }

  launch(): { side?: 'ogg'; note?: string } {
    if (this.place === 'ogg') return { side: 'ogg' };
    return this.place === 'none' ? { note: WITHOUT_SOUND } : {};
  }

  /** True when the program ended because of the sound, and another way is worth a try. */
  isWrong({ stderr, wrongSide }: SourceEnding): boolean {
    const next = NEXT[this.place];
    if (!next || !(wrongSide || isSoundTrouble(stderr))) return false;
    this.place = next;
    return true;
  }
}
