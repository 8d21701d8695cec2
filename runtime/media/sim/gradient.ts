import { type DigitPlace, drawNumber } from './digits.ts';
import type { Scene } from './scene.ts';

export const COUNTER_DIGITS = 6;
const PATCH_SHARE = 0.12;
/** Time in which the patch goes once around. */
export const GRADIENT_LAP_MS = 8000;
const PATCH_COLOUR = [244, 182, 52] as const;

/** Where the frame counter stands, for whoever reads it back. */
export function counterPlace(width: number): DigitPlace {
  const dot = Math.max(1, Math.round(width / 320));
  return { left: 4 * dot, top: 4 * dot, dot };
}

/** Number of the picture that shows at a time: counted from the epoch, its last six digits. */
export function counterAt(atMs: number, fps: number): number {
  return Math.floor((atMs * fps) / 1000 + 1e-6) % 10 ** COUNTER_DIGITS;
}

/** The patch at a time, in shares of the picture: its centre goes around an ellipse, its sides are `PATCH_SHARE` of the height. */
export function patchAt(atMs: number): { x: number; y: number; side: number } {
  const angle = (2 * Math.PI * (atMs % GRADIENT_LAP_MS)) / GRADIENT_LAP_MS;
  return { x: 0.5 + 0.32 * Math.cos(angle), y: 0.55 + 0.28 * Math.sin(angle), side: PATCH_SHARE };
}

/** Test pictures: a colour gradient, a patch whose place is known at every time, and a frame counter to be read back. */
export function createGradient(size: { width: number; height: number; fps: number }): Scene {
  const { width, height, fps } = size;
  const backdrop = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      backdrop[at] = 40 + (150 * x) / width;
      backdrop[at + 1] = 70 + (110 * y) / height;
      backdrop[at + 2] = 170 - (90 * x) / width;
    }
  }
  const pixels = new Uint8Array(backdrop.length);
  return {
    width,
    height,
    render(atMs) {
      pixels.set(backdrop);
      drawPatch(pixels, width, height, atMs);
      drawNumber(pixels, width, counterPlace(width), counterAt(atMs, fps), COUNTER_DIGITS);
      return pixels;
    },
  };
}

function drawPatch(pixels: Uint8Array, width: number, height: number, atMs: number): void {
  const patch = patchAt(atMs);
  const side = Math.round(patch.side * height);
  const left = Math.round(patch.x * width - side / 2);
  const top = Math.round(patch.y * height - side / 2);
  const row = new Uint8Array(side * 3);
  for (let x = 0; x < side; x++) row.set(PATCH_COLOUR, x * 3);
  for (let y = top; y < top + side; y++) pixels.set(row, (y * width + left) * 3);
}
