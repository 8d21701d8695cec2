/** What ffmpeg says of its output, four times a second while it is not blocked. */
export interface Progress {
  /** pictures handed to the muxer */
  frames: number;
  /** bytes written */
  bytes: number;
}

/** Longest line that is kept while its end has not come. */
const MOST_KEPT = 4096;

/** Reads the lines of `-progress`: `name=value`, each report ended by `progress=`. */
export function progressReader(onProgress: (progress: Progress) => void): (chunk: Buffer) => void {
  let rest = '';
  let frames = 0;
  let bytes = 0;
  return (chunk) => {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = (lines.pop() ?? '').slice(-MOST_KEPT);
    for (const line of lines) {
      const [name, value = ''] = line.split('=');
      const number = Number.parseInt(value, 10);
      if (name === 'frame' && number >= 0) frames = number;
      else if (name === 'total_size' && number >= 0) bytes = number;
      else if (name === 'progress') onProgress({ frames, bytes });
    }
  };
}
