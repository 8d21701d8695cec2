import type { Scene } from './scene.ts';
import { drawArm } from './shelf-arm.ts';
import { drawShelves, drawTaken, drawWall } from './shelf-room.ts';
import {
  PLACES,
  SHELF_CYCLE_MS,
  type ShelfMoment,
  type Spot,
  STAGE,
  shelfMoment,
  shelfTime,
} from './shelf-timetable.ts';
import { drawBackdrop, drawSprite, type Frame, lay, type Sprite } from './sprites.ts';

const SPOTS: readonly Spot[] = ['left', 'middle', 'right'];
const NOISE_SIGMA = 2;
const NOISE_SIZE = 1 << 16;

/** What pictures are put together from; only read, so all scenes of a size share it. */
interface Layers {
  room: Uint8Array;
  arm: Sprite;
  standing: Record<Spot, Sprite>;
  carried: Record<Spot, Sprite>;
}

/** Stills and stream of a camera have one size: more than two at a time are rare. Some 6 MB each at 1280 × 720. */
const KEPT_SIZES = 2;
const drawn = new Map<string, Promise<Layers>>();

/** The layers of a size, drawn by the first who asks. */
function layersOf(width: number, height: number): Promise<Layers> {
  const key = `${width}x${height}`;
  const layers = drawn.get(key) ?? drawLayers(width, height);
  // The one that was asked for last stays longest.
  drawn.delete(key);
  drawn.set(key, layers);
  for (const old of [...drawn.keys()].slice(0, -KEPT_SIZES)) drawn.delete(old);
  layers.catch(() => drawn.delete(key));
  return layers;
}

async function drawLayers(width: number, height: number): Promise<Layers> {
  const scale = { x: width / STAGE.width, y: height / STAGE.height };
  const [room, arm, standing, carried] = await Promise.all([
    makeRoom(width, height),
    sprite(drawArm(scale)),
    perSpot((spot) => sprite(drawTaken(spot, scale, true))),
    perSpot((spot) => sprite(drawTaken(spot, scale, false))),
  ]);
  return { room, arm, standing, carried };
}

/**
 * The built-in scene: a shelf in warm light, and a hand that takes things and brings them back by `shelfTimetable`. Layers are
 * drawn once for each size; a picture then costs a copy, a few sprites, and one pass for light and sensor noise.
 */
export async function createShelf(size: { width: number; height: number }): Promise<Scene> {
  const { width, height } = size;
  const scale = { x: width / STAGE.width, y: height / STAGE.height };
  const { room, arm, standing, carried } = await layersOf(width, height);
  const frame: Frame = { width, height, pixels: new Uint8Array(room.length) };
  const noise = makeNoise();

  const compose = ({ present, hand }: ShelfMoment) => {
    frame.pixels.set(room);
    for (const spot of SPOTS) {
      const { x, y } = PLACES[spot];
      if (present[spot]) lay(frame, standing[spot], x * scale.x, y * scale.y);
    }
    if (!hand) return;
    const { spot, x, y } = hand;
    if (hand.carried) lay(frame, carried[spot], x * scale.x, (y + PLACES[spot].grip) * scale.y);
    lay(frame, arm, x * scale.x, y * scale.y);
  };

  return {
    width,
    height,
    render(atMs) {
      const cycleMs = shelfTime(atMs);
      compose(shelfMoment(cycleMs));
      expose(frame.pixels, width, lightAt(cycleMs), noise, Math.floor(atMs));
      return frame.pixels;
    },
  };
}

/** Everything that never moves. The wall has no edge that a smaller drawing would lose. */
async function makeRoom(width: number, height: number): Promise<Uint8Array> {
  const small = { width: Math.max(1, Math.round(width / 4)), height: Math.max(1, Math.round(height / 4)) };
  const [pixels, shelves] = await Promise.all([
    drawBackdrop(drawWall(small.width, small.height), small, { width, height }),
    sprite({ svg: drawShelves(width, height), anchor: { x: 0, y: 0 } }),
  ]);
  lay({ width, height, pixels }, shelves, 0, 0);
  return pixels;
}

/** Slow change of the light, within 8 % of its mean: a cloud, and a lesser, faster one. */
export function lightAt(cycleMs: number): number {
  const turn = (2 * Math.PI * cycleMs) / SHELF_CYCLE_MS;
  return 1 + 0.055 * Math.sin(turn + 1) + 0.02 * Math.sin(3 * turn);
}

/** Light and sensor noise in one pass. The noise is grey, and differs from picture to picture. */
function expose(pixels: Uint8Array, width: number, light: number, noise: Int8Array, seed: number): void {
  const lit = new Uint8Array(256);
  for (let value = 0; value < 256; value++) lit[value] = Math.min(255, Math.round(value * light));
  const row = width * 3;
  let random = seed >>> 0;
  for (let start = 0; start < pixels.length; start += row) {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    let from = random >>> 16;
    for (let at = start; at < start + row; at += 3) {
      const grain = noise[from++ & (NOISE_SIZE - 1)] as number;
      pixels[at] = clamp((lit[pixels[at] as number] as number) + grain);
      pixels[at + 1] = clamp((lit[pixels[at + 1] as number] as number) + grain);
      pixels[at + 2] = clamp((lit[pixels[at + 2] as number] as number) + grain);
    }
  }
}

function clamp(value: number): number {
  return value < 0 ? 0 : Math.min(value, 255);
}

/** Gaussian by the sum of twelve uniform numbers; the same in every process. */
function makeNoise(): Int8Array {
  const noise = new Int8Array(NOISE_SIZE);
  let random = 20_261_120;
  for (let i = 0; i < NOISE_SIZE; i++) {
    let sum = -6;
    for (let n = 0; n < 12; n++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      sum += random / 2 ** 32;
    }
    noise[i] = Math.round(sum * NOISE_SIGMA);
  }
  return noise;
}

function sprite(drawing: { svg: string; anchor: { x: number; y: number } }): Promise<Sprite> {
  return drawSprite(drawing.svg, drawing.anchor);
}

async function perSpot<T>(make: (spot: Spot) => Promise<T>): Promise<Record<Spot, T>> {
  const [left, middle, right] = await Promise.all([make('left'), make('middle'), make('right')]);
  return { left, middle, right };
}
