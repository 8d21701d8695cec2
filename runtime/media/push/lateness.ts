/** How far a program that takes its bytes in order is behind: in the stream's own time, whatever the bitrate. */
export class Lateness {
  #given = 0;
  #lastMs = 0;
  readonly #waiting: { end: number; ms: number }[] = [];

  /** `bytes` of the stream's moment `ms` were given to it. */
  give(bytes: number, ms: number): void {
    this.#given += bytes;
    this.#lastMs = ms;
    this.#waiting.push({ end: this.#given, ms });
  }

  /** ms between the newest that was given and the oldest of which it has not `taken` all (bytes since the beginning); 0 when nothing waits */
  ms(taken: number): number {
    const at = this.#waiting.findIndex(({ end }) => end > taken);
    this.#waiting.splice(0, at === -1 ? this.#waiting.length : at);
    const oldest = this.#waiting[0];
    return oldest ? Math.max(0, this.#lastMs - oldest.ms) : 0;
  }
}
