import type { DetectionPlan } from '../contracts/detection.ts';
import type { Roi } from '../contracts/rois.ts';
import { rasterise } from './mask.ts';

/** Side of a window in pixels, and the step from one to the next in an ROI. */
export const WINDOW = 8;
const STEP = 4;
/** An ROI with fewer windows than this is looked at in finer steps. */
const FEW_WINDOWS = 12;
const LAYOUTS_KEPT = 64;

/** A rectangle of pixels; right and bottom are not part of it. */
export interface Area {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** An ROI as the comparison sees it. */
export interface RoiLayout {
  roi: Roi;
  /** changes when the ROI's windows do */
  shape: string;
  /** index of each window's top left pixel */
  windows: Int32Array;
  /** pixels that a window covers */
  cover: Uint8Array;
  /** places in the layout's grid of the windows that lie over it, wholly or in part */
  grid: number[];
  /** holds all windows and one pixel around them */
  area: Area;
}

/** Where to look in pictures of one size. */
export interface Layout {
  width: number;
  height: number;
  /** side of a window: `WINDOW`, less only in pictures that are smaller */
  windowWidth: number;
  windowHeight: number;
  /** windows side by side over the whole picture, ignored areas left out */
  grid: Int32Array;
  /** for each of them: places in the grid of those that touch it, and whether it lies at the picture's edge */
  neighbours: number[][];
  atEdge: Uint8Array;
  /** places in the grid of those that lie over no ROI */
  around: number[];
  rois: RoiLayout[];
}

const layouts = new Map<string, Layout>();

/** The layout of a plan's ROIs in pictures of that size; the last few are kept. */
export function layoutFor(plan: DetectionPlan, width: number, height: number): Layout {
  const key = `${width}x${height} ${JSON.stringify(plan.rois)}`;
  const known = layouts.get(key);
  if (known) return known;
  const made = makeLayout(plan.rois, width, height);
  const oldest = layouts.keys().next().value;
  if (layouts.size >= LAYOUTS_KEPT && oldest !== undefined) layouts.delete(oldest);
  layouts.set(key, made);
  return made;
}

function makeLayout(rois: Roi[], width: number, height: number): Layout {
  const windowWidth = Math.min(WINDOW, width);
  const windowHeight = Math.min(WINDOW, height);
  const ignored = new Uint8Array(width * height);
  const ignoring = rois.filter((roi) => roi.kind === 'ignore');
  for (const roi of ignoring) {
    rasterise(roi.points, width, height).forEach((inside, pixel) => {
      if (inside) ignored[pixel] = 1;
    });
  }
  const size = { width, height, windowWidth, windowHeight };
  const grid = positions(size, WINDOW).filter((at) => countIn(ignored, at, size) * 2 <= windowWidth * windowHeight);
  const ignoreShape = JSON.stringify(ignoring.map((roi) => roi.points));
  const watched = rois
    .filter((roi) => roi.kind !== 'ignore')
    .map((roi) => {
      const windows = windowsOf(rasterise(roi.points, width, height), ignored, size);
      const shape = `${JSON.stringify(roi.points)} ${ignoreShape}`;
      const cover = coverOf(windows, size);
      const over = [...grid.keys()].filter((i) => countIn(cover, grid[i] ?? 0, size) > 0);
      return { roi, shape, windows, cover, grid: over, area: areaOf(windows, size) };
    });
  return {
    ...size,
    grid: Int32Array.from(grid),
    neighbours: neighboursIn(grid, size),
    atEdge: Uint8Array.from(grid, (at) => (isAtEdge(at, size) ? 1 : 0)),
    around: [...grid.keys()].filter((i) => watched.every((roi) => !roi.grid.includes(i))),
    rois: watched,
  };
}

type Size = Pick<Layout, 'width' | 'height' | 'windowWidth' | 'windowHeight'>;

/** Top left pixels of windows in steps; the last row and column lie flush with the picture's edge. */
function positions(size: Size, step: number): number[] {
  const tops = stepsTo(size.height - size.windowHeight, step);
  const lefts = stepsTo(size.width - size.windowWidth, step);
  return tops.flatMap((top) => lefts.map((left) => top * size.width + left));
}

function stepsTo(last: number, step: number): number[] {
  const steps = [];
  for (let at = 0; at < last; at += step) steps.push(at);
  return [...steps, last];
}

/** Windows at least half inside the ROI and hardly in an ignored area; for a tiny ROI the one that holds most of it. */
function windowsOf(mask: Uint8Array, ignored: Uint8Array, size: Size): Int32Array {
  const visible = mask.map((inside, pixel) => (inside && !ignored[pixel] ? 1 : 0));
  const area = size.windowWidth * size.windowHeight;
  const fitting = (step: number) =>
    positions(size, step).filter(
      (at) => countIn(visible, at, size) * 2 >= area && countIn(ignored, at, size) * 10 <= area,
    );
  let windows = fitting(STEP);
  if (windows.length < FEW_WINDOWS) windows = fitting(STEP / 2);
  if (windows.length > 0) return Int32Array.from(windows);
  let best = { at: -1, held: 0 };
  for (const at of positions(size, 1)) {
    const held = countIn(visible, at, size) - countIn(ignored, at, size);
    if (held > best.held) best = { at, held };
  }
  return Int32Array.from(best.at < 0 ? [] : [best.at]);
}

function countIn(mask: Uint8Array, at: number, size: Size): number {
  let count = 0;
  for (let row = 0; row < size.windowHeight; row += 1) {
    const from = at + row * size.width;
    for (let pixel = from; pixel < from + size.windowWidth; pixel += 1) count += mask[pixel] ?? 0;
  }
  return count;
}

function neighboursIn(grid: number[], size: Size): number[][] {
  const corners = grid.map((at) => [at % size.width, Math.floor(at / size.width)] as const);
  return corners.map(([left, top], i) =>
    [...corners.keys()].filter((j) => {
      const [otherLeft, otherTop] = corners[j] ?? [0, 0];
      const near = Math.abs(otherLeft - left) <= size.windowWidth && Math.abs(otherTop - top) <= size.windowHeight;
      return j !== i && near;
    }),
  );
}

function isAtEdge(at: number, size: Size): boolean {
  const left = at % size.width;
  const top = (at - left) / size.width;
  return left === 0 || top === 0 || left + size.windowWidth === size.width || top + size.windowHeight === size.height;
}

function coverOf(windows: Int32Array, size: Size): Uint8Array {
  const cover = new Uint8Array(size.width * size.height);
  for (const at of windows) {
    for (let row = 0; row < size.windowHeight; row += 1) {
      cover.fill(1, at + row * size.width, at + row * size.width + size.windowWidth);
    }
  }
  return cover;
}

function areaOf(windows: Int32Array, size: Size): Area {
  const area = { left: size.width, top: size.height, right: 0, bottom: 0 };
  for (const at of windows) {
    const left = at % size.width;
    const top = Math.floor(at / size.width);
    area.left = Math.min(area.left, Math.max(0, left - 1));
    area.top = Math.min(area.top, Math.max(0, top - 1));
    area.right = Math.max(area.right, Math.min(size.width, left + size.windowWidth + 1));
    area.bottom = Math.max(area.bottom, Math.min(size.height, top + size.windowHeight + 1));
  }
  return windows.length > 0 ? area : { left: 0, top: 0, right: 0, bottom: 0 };
}
