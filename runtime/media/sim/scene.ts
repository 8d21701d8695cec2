/** A picture that is drawn, not seen. What it shows depends on the time alone, so two processes show the same. */
export interface Scene {
  readonly width: number;
  readonly height: number;
  /** The picture at an epoch ms: RGB, row by row. The bytes belong to the scene and are drawn over by the next call. */
  render(atMs: number): Uint8Array;
}
