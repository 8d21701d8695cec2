import { readFile } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { AppError, toAppError } from '../../contracts/errors.ts';
import { ROI_NAME_PATTERN } from '../../contracts/ids.ts';
import { type Roi, RoiSet } from '../../contracts/rois.ts';
import { parser } from '../../lib/validate.ts';

/** ROIs as rectangles in pixels, as people annotate footage: all of them are inventory ROIs. */
const PixelRects = Type.Object({
  frame: Type.Tuple([Type.Number({ exclusiveMinimum: 0 }), Type.Number({ exclusiveMinimum: 0 })]),
  rois: Type.Record(
    Type.String({ pattern: ROI_NAME_PATTERN }),
    Type.Tuple([
      Type.Number(),
      Type.Number(),
      Type.Number({ exclusiveMinimum: 0 }),
      Type.Number({ exclusiveMinimum: 0 }),
    ]),
  ),
});
const parseRoiSet = parser(RoiSet, 'rois.invalid');
const parsePixelRects = parser(PixelRects, 'rois.invalid');

/** Reads `--rois`: the form of the API, or rectangles in pixels. Throws `rois.invalid` with the option and the field. */
export async function readRois(path: string): Promise<{ version: number; rois: Roi[] }> {
  const content = await readJson('--rois', path);
  try {
    if (isPixelForm(content)) return { version: 0, rois: fromPixels(parsePixelRects(content)) };
    const { version = 0, rois } = parseRoiSet(content);
    const twice = rois.find((roi, i) => rois.findIndex((other) => other.name === roi.name) !== i);
    if (twice) throw new AppError('rois.invalid', `rois holds two with the name ${twice.name}`);
    return { version, rois };
  } catch (thrown) {
    throw new AppError('rois.invalid', `--rois ${path}: ${toAppError(thrown).message}`, {}, { cause: thrown });
  }
}

function isPixelForm(content: unknown): boolean {
  return typeof content === 'object' && content !== null && 'frame' in content;
}

function fromPixels({ frame: [width, height], rois }: Static<typeof PixelRects>): Roi[] {
  const share = (value: number, whole: number) => Math.min(1, Math.max(0, value / whole));
  return Object.entries(rois).map(([name, [left, top, across, down]]) => {
    const [x0, x1] = [share(left, width), share(left + across, width)];
    const [y0, y1] = [share(top, height), share(top + down, height)];
    const points: Roi['points'] = [
      [x0, y0],
      [x1, y0],
      [x1, y1],
      [x0, y1],
    ];
    return { name, kind: 'inventory', points };
  });
}

/** What a flow says of the detection. */
export interface FlowOptions {
  /** name or id of the node that was found */
  node: string;
  /** how many `delta-detect` nodes the flow has */
  found: number;
}

/**
 * Reads `--flow`: an exported flow, which must have a `delta-detect` node. The node has no thresholds of its own (they are the ROI's,
 * then the device's, then the contract's), so nothing of it changes the outcome. Throws `flow.invalid`.
 */
export async function readFlow(path: string): Promise<FlowOptions> {
  const content = await readJson('--flow', path);
  const nodes = Array.isArray(content) ? content : nodesOf(content);
  if (!nodes) throw new AppError('flow.invalid', `--flow ${path}: is not an exported flow (a list of nodes)`);
  const found = nodes.filter((node): node is { id?: unknown; name?: unknown } => isDetection(node));
  const [first] = found;
  if (!first) throw new AppError('flow.invalid', `--flow ${path}: has no delta-detect node`);
  return { node: String(first.name || first.id || 'delta-detect'), found: found.length };
}

/** A tab as this project keeps it in a file may hold its nodes under a key. */
function nodesOf(content: unknown): unknown[] | undefined {
  if (typeof content !== 'object' || content === null) return undefined;
  if ('nodes' in content && Array.isArray(content.nodes)) return content.nodes;
  return 'flows' in content && Array.isArray(content.flows) ? content.flows : undefined;
}

function isDetection(node: unknown): boolean {
  return typeof node === 'object' && node !== null && 'type' in node && node.type === 'delta-detect';
}

async function readJson(option: string, path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('request.invalid', `${option} ${path}: cannot be read`, {}, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError('request.invalid', `${option} ${path}: is not JSON`, {}, { cause });
  }
}
