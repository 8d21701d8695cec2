/** Which pixels of a line go into each of the fewer ones, and by what share; `taps` for each. */
interface Weights {
  taps: number;
  starts: Int32Array;
  shares: Float64Array;
}

const kept = new Map<string, Weights>();
const WEIGHTS_KEPT = 32;

/**
 * Makes a grey picture smaller by averaging the area under each new pixel. `covered` says how much of the old picture's width and height
 * holds anything (its last column and row may be a part only, as an eighth of 1084 lines is 135.5).
 */
export function reduce(
  picture: { width: number; height: number; pixels: Uint8Array },
  covered: { width: number; height: number },
  width: number,
  height: number,
): Uint8Array {
  if (picture.width === width && picture.height === height) return picture.pixels;
  const across = weightsFor(picture.width, covered.width, width);
  const down = weightsFor(picture.height, covered.height, height);
  const small = new Uint8Array(width * height);
  const line = new Float64Array(picture.width);
  for (let row = 0; row < height; row += 1) {
    gather(picture, down, row, line);
    for (let column = 0; column < width; column += 1) {
      const start = across.starts[column] ?? 0;
      const share = column * across.taps;
      let sum = 0.5;
      for (let tap = 0; tap < across.taps; tap += 1)
        sum += (line[start + tap] ?? 0) * (across.shares[share + tap] ?? 0);
      small[row * width + column] = sum;
    }
  }
  return small;
}

/** The lines under a new one, brought together in their shares. */
function gather(
  { width, pixels }: { width: number; pixels: Uint8Array },
  down: Weights,
  row: number,
  into: Float64Array,
): void {
  into.fill(0);
  for (let tap = 0; tap < down.taps; tap += 1) {
    const share = down.shares[row * down.taps + tap] ?? 0;
    const from = ((down.starts[row] ?? 0) + tap) * width;
    if (share === 0) continue;
    for (let column = 0; column < width; column += 1) {
      into[column] = (into[column] ?? 0) + (pixels[from + column] ?? 0) * share;
    }
  }
}

function weightsFor(from: number, covered: number, to: number): Weights {
  const key = `${from} ${covered} ${to}`;
  const known = kept.get(key);
  if (known) return known;
  const oldest = kept.keys().next().value;
  if (kept.size >= WEIGHTS_KEPT && oldest !== undefined) kept.delete(oldest);
  const made = makeWeights(from, covered, to);
  kept.set(key, made);
  return made;
}

function makeWeights(from: number, covered: number, to: number): Weights {
  const step = covered / to;
  const taps = Math.min(from, Math.ceil(step) + 1);
  const starts = new Int32Array(to);
  const shares = new Float64Array(to * taps);
  for (let i = 0; i < to; i += 1) {
    const [begin, end] = [i * step, (i + 1) * step];
    // The last ones begin earlier rather than reach beyond the line.
    const start = Math.min(Math.floor(begin), from - taps);
    starts[i] = start;
    for (let tap = 0; tap < taps; tap += 1) {
      const pixel = start + tap;
      shares[i * taps + tap] = Math.max(0, Math.min(end, pixel + 1) - Math.max(begin, pixel)) / step;
    }
  }
  return { taps, starts, shares };
}
