import type { Roi } from '../contracts/rois.ts';

/**
 * Pixels of a `width` x `height` picture whose centre lies in the polygon (points in shares of the picture): 1 inside, 0 outside.
 * A polygon too thin to hold any centre gets the pixel under its middle, so that no ROI is ever blind.
 */
export function rasterise(points: Roi['points'], width: number, height: number): Uint8Array {
  const mask = new Uint8Array(width * height);
  let inside = 0;
  for (let row = 0; row < height; row += 1) {
    const crossings = crossingsAt((row + 0.5) / height, points);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil((crossings[i] ?? 0) * width - 0.5));
      const to = Math.min(width - 1, Math.ceil((crossings[i + 1] ?? 0) * width - 0.5) - 1);
      if (to < from) continue;
      mask.fill(1, row * width + from, row * width + to + 1);
      inside += to - from + 1;
    }
  }
  if (inside === 0) mask[pixelUnder(middle(points), width, height)] = 1;
  return mask;
}

/** Where the polygon's edges cross a horizontal line, from left to right: inside lies between the odd and the even ones. */
function crossingsAt(y: number, points: Roi['points']): number[] {
  const crossings: number[] = [];
  let [previousX, previousY] = points.at(-1) ?? [0, 0];
  for (const [x, nextY] of points) {
    // Half-open, so that a corner on the line counts once.
    if (previousY <= y !== nextY <= y) {
      crossings.push(previousX + ((y - previousY) / (nextY - previousY)) * (x - previousX));
    }
    [previousX, previousY] = [x, nextY];
  }
  return crossings.sort((a, b) => a - b);
}

function middle(points: Roi['points']): [number, number] {
  const sum = points.reduce(([sx, sy], [x, y]) => [sx + x, sy + y], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}

function pixelUnder([x, y]: [number, number], width: number, height: number): number {
  const column = Math.min(width - 1, Math.floor(x * width));
  return Math.min(height - 1, Math.floor(y * height)) * width + column;
}
