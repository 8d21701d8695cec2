import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EventRecord } from '../../runtime/contracts/events.ts';
import type { Roi } from '../../runtime/contracts/rois.ts';
import { shelfRois } from '../../runtime/media/sim/shelf-timetable.ts';

/** ROIs where things are taken and returned, each with a threshold of its own, and one around all of them, with the device's. */
export interface Footage {
  camera: string;
  places: Roi[];
  row: Roi;
}

/** Which events are meant. */
export type Choice = (event: EventRecord) => boolean;

/** Those of the ROI around all of them. */
export const inRow =
  ({ row }: Footage): Choice =>
  ({ rois }) =>
    rois.includes(row.name);

/** Those of any of the single places. */
export const inPlaces =
  ({ places }: Footage): Choice =>
  ({ rois }) =>
    places.some(({ name }) => rois.includes(name));

/** The ROI moved straight up to the upper board, where no hand comes, nor what it lifts. */
export function upperBoard({ name, points }: Roi): Roi {
  const xs = points.map(([x]) => x);
  return box(name, Math.min(...xs), 0.03, Math.max(...xs), 0.36);
}

/** Real footage with the ROIs annotated for it. */
export async function recorded(clip: string): Promise<Footage> {
  const text = await readFile(join(dirname(clip), 'bottle.events.json'), 'utf8');
  const { frame, rois } = JSON.parse(text) as {
    frame: [number, number];
    rois: Record<string, [number, number, number, number]>;
  };
  const [w, h] = frame;
  const places = Object.entries(rois).map(([name, [left, top, width, height]]) =>
    box(name, left / w, top / h, (left + width) / w, (top + height) / h),
  );
  return { camera: `file:${clip}`, places, row: around(places) };
}

function around(places: Roi[]): Roi {
  const xs = places.flatMap(({ points }) => points.map(([x]) => x));
  const ys = places.flatMap(({ points }) => points.map(([, y]) => y));
  const all = box('row', Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys));
  return { name: all.name, kind: 'interaction', points: all.points };
}

/** A rectangle, in shares of the picture, whose threshold is its own. */
function box(name: string, left: number, top: number, right: number, bottom: number): Roi {
  const points: Roi['points'] = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
  return { name, kind: 'inventory', threshold: 0.08, points };
}

/** The built-in scene with its own ROIs. */
const places = shelfRois.map((roi) => ({ ...roi, threshold: 0.08 }));
export const shelf: Footage = { camera: 'sim:shelf?width=640&height=360', places, row: around(places) };
