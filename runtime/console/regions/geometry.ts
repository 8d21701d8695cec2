export type Point = [x: number, y: number];

/** What is wrong with a polygon: fewer than three different points, crossing or touching itself, enclosing nothing, or too many points. */
export type Trouble = 'few' | 'crosses' | 'flat' | 'many';

const MOST_POINTS = 32;
/** Smaller shares of the picture than this hold no pixel worth comparing. */
const LEAST_AREA = 1e-6;

/** Says what the server would refuse, while it is still drawn. */
export function polygonTrouble(points: readonly Point[]): Trouble | undefined {
  if (points.length > MOST_POINTS) return 'many';
  const corners = points.filter((point, i) => !same(point, at(points, i + 1)));
  if (corners.length < 3) return 'few';
  if (area(corners) < LEAST_AREA) return 'flat';
  return crosses(corners) ? 'crosses' : undefined;
}

/** A share kept inside the picture, and put onto its border when it is nearer to it than `snap`. */
export function keepInside(value: number, snap = 0): number {
  if (value <= snap) return 0;
  return value >= 1 - snap ? 1 : value;
}

/** The polygon moved as a whole, as far as it stays inside the picture. */
export function moved(points: readonly Point[], dx: number, dy: number): Point[] {
  const limited = (by: number, values: number[]) =>
    Math.max(-Math.min(...values), Math.min(1 - Math.max(...values), by));
  const x = limited(
    dx,
    points.map((point) => point[0]),
  );
  const y = limited(
    dy,
    points.map((point) => point[1]),
  );
  return points.map((point) => [point[0] + x, point[1] + y]);
}

/** The place on the polygon's outline that is nearest to a point; `aspect` is width by height of the picture. */
export function nearestOnEdge(
  points: readonly Point[],
  to: Point,
  aspect: number,
): { edge: number; point: Point; distance: number } {
  const found = points.map((a, edge) => {
    const b = at(points, edge + 1);
    const [ux, uy] = [(b[0] - a[0]) * aspect, b[1] - a[1]];
    const [vx, vy] = [(to[0] - a[0]) * aspect, to[1] - a[1]];
    const length = ux * ux + uy * uy;
    const share = length === 0 ? 0 : Math.min(1, Math.max(0, (ux * vx + uy * vy) / length));
    const point: Point = [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];
    return { edge, point, distance: Math.hypot((to[0] - point[0]) * aspect, to[1] - point[1]) };
  });
  return found.reduce((best, one) => (one.distance < best.distance ? one : best));
}

/** Where a name can be written: the middle of the polygon's box, at its top. */
export function topOf(points: readonly Point[]): Point {
  const xs = points.map((point) => point[0]);
  return [(Math.min(...xs) + Math.max(...xs)) / 2, Math.min(...points.map((point) => point[1]))];
}

/** The middle between a point and the next one. */
export function middleOf(points: readonly Point[], edge: number): Point {
  const [a, b] = [at(points, edge), at(points, edge + 1)];
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}

/** Rounded to a hundredth of a pixel of any usual picture: enough, and short in the answer. */
export function rounded(points: readonly Point[]): Point[] {
  return points.map(([x, y]) => [Math.round(x * 1e6) / 1e6, Math.round(y * 1e6) / 1e6]);
}

function at(points: readonly Point[], i: number): Point {
  return points[i % points.length] ?? [0, 0];
}

function area(points: readonly Point[]): number {
  return Math.abs(points.reduce((sum, [x, y], i) => sum + x * at(points, i + 1)[1] - at(points, i + 1)[0] * y, 0)) / 2;
}

function crosses(points: readonly Point[]): boolean {
  const count = points.length;
  for (let i = 0; i < count; i += 1) {
    const [a, b] = [at(points, i), at(points, i + 1)];
    if (turnsBack(a, b, at(points, i + 2))) return true;
    for (let j = i + 2; j < count; j += 1) {
      if (i === 0 && j === count - 1) continue;
      if (meet(a, b, at(points, j), at(points, j + 1))) return true;
    }
  }
  return false;
}

/** Neighbouring edges share a corner; they collide only when the second runs back over the first. */
function turnsBack(a: Point, corner: Point, b: Point): boolean {
  return (
    side(a, corner, b) === 0 && (corner[0] - a[0]) * (b[0] - corner[0]) + (corner[1] - a[1]) * (b[1] - corner[1]) < 0
  );
}

function meet(a: Point, b: Point, c: Point, d: Point): boolean {
  const [ofC, ofD, ofA, ofB] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (ofC * ofD < 0 && ofA * ofB < 0) return true;
  return (
    (ofC === 0 && between(a, b, c)) ||
    (ofD === 0 && between(a, b, d)) ||
    (ofA === 0 && between(c, d, a)) ||
    (ofB === 0 && between(c, d, b))
  );
}

function side(a: Point, b: Point, point: Point): number {
  const cross = (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]);
  return Math.abs(cross) < 1e-12 ? 0 : Math.sign(cross);
}

function between(a: Point, b: Point, point: Point): boolean {
  const inSpan = (from: number, to: number, value: number) =>
    value >= Math.min(from, to) && value <= Math.max(from, to);
  return inSpan(a[0], b[0], point[0]) && inSpan(a[1], b[1], point[1]);
}

function same(a: Point, b: Point): boolean {
  return a[0] === b[0] && a[1] === b[1];
}
