import type { Area } from './layout.ts';
import { halfSize } from './motion.ts';
import type { Activity, DetectionState } from './state.ts';

/** `RDS`, then the version. 1 lacks only what may be missing, and is read too; for any other the camera is learned anew. */
const MAGIC = [0x52, 0x44, 0x53];
export const STATE_VERSION = 2;
const READABLE = [1, STATE_VERSION];
const HEADER_BYTES = 8;

/** What stands in the JSON in place of an activity's pictures. */
interface Pictures {
  /** the reference is the background there, and not kept twice */
  shared: boolean;
  after: boolean;
}

/**
 * Writes the state as bytes: header, JSON of everything but pictures, background, recent picture, then for each activity
 * its area of the reference (unless that is the background's, as it is until an overlapping ROI ends) and of the mean afterwards.
 * At 160 pixels: 22 KB for 16:9 at rest, 36 KB with all of it active; for 4:3 29 and 48 KB.
 */
export function encodeState(state: DetectionState): Uint8Array {
  const { background, recent, rois, ...rest } = state;
  const { earlier, later } = recent;
  const pictures: Uint8Array[] = [background, earlier.half, later.half];
  const plainRois = rois.map((roi) => {
    if (!roi.activity) return roi;
    const { reference, after, ...activity } = roi.activity;
    const kept = cut(reference, roi.area, state.width);
    const shared = Buffer.compare(kept, cut(background, roi.area, state.width)) === 0;
    if (!shared) pictures.push(kept);
    if (after) pictures.push(cut(after, roi.area, state.width));
    const marks: Pictures = { shared, after: after !== undefined };
    return { ...roi, activity: { ...activity, pictures: marks } };
  });
  const json = Buffer.from(JSON.stringify({ ...rest, recentAt: [earlier.at, later.at], rois: plainRois }));
  const header = Buffer.alloc(HEADER_BYTES);
  header.set([...MAGIC, STATE_VERSION]);
  header.writeUInt32LE(json.length, 4);
  return Buffer.concat([header, json, ...pictures]);
}

/** Reads a state back; undefined for another version or bytes that are not whole. */
export function decodeState(bytes: Uint8Array): DetectionState | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const known = MAGIC.every((byte, i) => buffer[i] === byte) && READABLE.includes(buffer[MAGIC.length] ?? 0);
  if (buffer.length < HEADER_BYTES || !known) return undefined;
  const jsonEnd = HEADER_BYTES + buffer.readUInt32LE(4);
  if (jsonEnd > buffer.length) return undefined;
  const parsed = parse(buffer.toString('utf8', HEADER_BYTES, jsonEnd));
  if (!parsed) return undefined;
  const { recentAt, ...plain } = parsed;
  const { width, height } = plain;
  let position = jsonEnd;
  const take = (length: number) => {
    const part = Uint8Array.from(buffer.subarray(position, position + length));
    position += length;
    return part;
  };
  const half = halfSize(width, height);
  const background = take(width * height);
  const [earlier, later] = recentAt.map((at) => ({ at, half: take(half.columns * half.rows) }));
  if (!earlier || !later) return undefined;
  const recent = { earlier, later };
  const rois = plain.rois.map((roi) => {
    if (!roi.activity) return roi;
    const { pictures, ...activity } = roi.activity as Activity & { pictures: Pictures };
    const size = (roi.area.right - roi.area.left) * (roi.area.bottom - roi.area.top);
    const reference = pictures.shared ? background : paste(take(size), roi.area, background, width);
    const after = pictures.after ? paste(take(size), roi.area, background, width) : undefined;
    return { ...roi, activity: { ...activity, reference, ...(after ? { after } : {}) } };
  });
  return position === buffer.length ? { ...plain, rois, background, recent } : undefined;
}

function parse(json: string): (DetectionState & { recentAt: number[] }) | undefined {
  try {
    return JSON.parse(json) as DetectionState & { recentAt: number[] };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The area's rows, one after the other. */
function cut(picture: Uint8Array, area: Area, width: number): Uint8Array {
  const columns = area.right - area.left;
  const part = new Uint8Array(columns * (area.bottom - area.top));
  for (let row = area.top; row < area.bottom; row += 1) {
    part.set(picture.subarray(row * width + area.left, row * width + area.right), (row - area.top) * columns);
  }
  return part;
}

function paste(part: Uint8Array, area: Area, around: Uint8Array, width: number): Uint8Array {
  const picture = around.slice();
  const columns = area.right - area.left;
  for (let row = area.top; row < area.bottom; row += 1) {
    const from = (row - area.top) * columns;
    picture.set(part.subarray(from, from + columns), row * width + area.left);
  }
  return picture;
}
