/** Something that runs: `start` acquires, `stop` gives back and may be called twice. */
export interface Part {
  start(): Promise<void>;
  stop(): Promise<void>;
}
