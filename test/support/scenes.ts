import type { DetectionPlan, GreyPicture, Transition } from '../../runtime/contracts/detection.ts';
import type { Roi } from '../../runtime/contracts/rois.ts';
import { compare } from '../../runtime/detect/compare.ts';
import type { DetectionState } from '../../runtime/detect/state.ts';

export const SCENE = { width: 160, height: 90 };

/** Numbers 0..1 that are the same in every run. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A thing in a synthetic scene, in pixels; its pattern is its own. */
export interface Thing {
  x: number;
  y: number;
  width: number;
  height: number;
  seed: number;
}

export interface SceneOptions {
  things?: Thing[];
  /** standard deviation of the sensor's noise, grey levels */
  noise?: number;
  /** grey = gain * scene + offset */
  gain?: number;
  offset?: number;
  /** the camera looks this many pixels further to the right */
  pan?: number;
  /** seed of this picture's noise */
  frame?: number;
}

const patch = new Map<string, number>();

/** Patchy pattern: 5x5 pixels of one grey. */
function pattern(seed: number, x: number, y: number, from: number, to: number): number {
  const key = `${seed} ${Math.floor(x / 5)} ${Math.floor(y / 5)}`;
  let share = patch.get(key);
  if (share === undefined) {
    const next = random(seed * 7919 + Math.floor(x / 5) * 104_729 + Math.floor(y / 5) * 1_299_709);
    next();
    next();
    share = next();
    patch.set(key, share);
  }
  return from + share * (to - from);
}

/** A wall with a shelf's worth of pattern in its lower two thirds, things before it. */
export function scene(options: SceneOptions = {}): GreyPicture {
  const { things = [], noise = 1, gain = 1, offset = 0, pan = 0, frame = 0 } = options;
  const pixels = new Uint8Array(SCENE.width * SCENE.height);
  const next = random(frame + 1);
  for (let y = 0; y < SCENE.height; y += 1) {
    for (let x = 0; x < SCENE.width; x += 1) {
      let grey = y < 30 ? 120 + y / 3 : pattern(1, x + pan, y, 80, 170);
      for (const thing of things) {
        const inside = x >= thing.x && x < thing.x + thing.width && y >= thing.y && y < thing.y + thing.height;
        if (inside) grey = pattern(thing.seed, x - thing.x, y - thing.y, 20, 235);
      }
      const grain = (next() + next() + next() - 1.5) * 2 * noise;
      pixels[y * SCENE.width + x] = Math.min(255, Math.max(0, Math.round(grey * gain + offset + grain)));
    }
  }
  return { ...SCENE, pixels };
}

/** A rectangle in pixels of the scene as an ROI. */
export function roiAt(name: string, kind: Roi['kind'], x: number, y: number, width: number, height: number): Roi {
  const [left, right] = [x / SCENE.width, (x + width) / SCENE.width];
  const [top, bottom] = [y / SCENE.height, (y + height) / SCENE.height];
  const points: Roi['points'] = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
  return { name, kind, points };
}

/** A plan with the contract's defaults. */
export function planOf(rois: Roi[], change: Partial<DetectionPlan> = {}): DetectionPlan {
  return {
    camera: 'cam',
    roiVersion: 1,
    rois,
    thresholds: Object.fromEntries(rois.map((roi) => [roi.name, { value: 0.08, source: 'default' as const }])),
    minFrames: { value: 2, source: 'default' },
    endTimeoutMs: { value: 3000, source: 'default' },
    ...change,
  };
}

/** Feeds pictures to the comparison and keeps what it said. */
export class Watch {
  state: DetectionState | undefined;
  events: Transition[] = [];
  decisions: string[] = [];
  at = 1_000_000;
  #ids = 0;
  #frames = 0;
  plan: DetectionPlan;

  constructor(plan: DetectionPlan) {
    this.plan = plan;
  }

  readonly newId = (): string => `e${++this.#ids}`;

  /** Shows pictures for so many seconds; `make` gets the seconds since this call. */
  show(seconds: number, fps: number, make: (t: number) => SceneOptions): this {
    const count = Math.max(1, Math.round(seconds * fps));
    for (let i = 0; i < count; i += 1) {
      this.at += Math.round(1000 / fps);
      this.#frames += 1;
      this.put(scene({ frame: this.#frames, ...make(i / fps) }), this.at);
    }
    return this;
  }

  put(picture: GreyPicture, at: number): this {
    const { state, report } = compare(this.state, picture, at, `f${at}`, this.plan, this.newId);
    this.state = state;
    this.events.push(...report.events);
    this.decisions.push(report.decision);
    return this;
  }

  of(type: Transition['type'], phase: 'start' | 'end' = 'end'): Transition[] {
    return this.events.filter((event) => event.type === type && event.phase === phase);
  }
}
