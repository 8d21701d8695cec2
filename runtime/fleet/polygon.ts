export type Point = readonly [number, number];

/** Smaller shares of the picture than this hold no pixel worth comparing. */
const LEAST_AREA = 1e-6;

/** Says what is wrong with a polygon; undefined for one that encloses an area and neither crosses nor touches itself. */
export function polygonTrouble(points: readonly Point[]): string | undefined {
  const corners = points.filter((point, i) => !same(point, points[(i + 1) % points.length] ?? point));
  if (corners.length < 3) return 'needs three different points';
  if (crossesItself(corners)) return 'must not cross or touch itself';
  if (area(corners) < LEAST_AREA) return 'must enclose an area';
  return undefined;
}

/** Area by the shoelace formula. */
function area(points: readonly Point[]): number {
  let doubled = 0;
  for (const [[x1, y1], [x2, y2]] of edges(points)) doubled += x1 * y2 - x2 * y1;
  return Math.abs(doubled) / 2;
}

function crossesItself(points: readonly Point[]): boolean {
  const all = edges(points);
  return all.some(([a, b], i) =>
    all.some(([c, d], j) => {
      if (j <= i) return false;
      // Neighbours share one corner; they collide only when the second runs back over the first.
      if (j === i + 1) return turnsBack(a, b, d);
      if (i === 0 && j === all.length - 1) return turnsBack(c, d, b);
      return meet(a, b, c, d);
    }),
  );
}

function edges(points: readonly Point[]): [Point, Point][] {
  return points.map((point, i) => [point, points[(i + 1) % points.length] ?? point]);
}

function turnsBack(a: Point, corner: Point, b: Point): boolean {
  const forward = (corner[0] - a[0]) * (b[0] - corner[0]) + (corner[1] - a[1]) * (b[1] - corner[1]);
  return side(a, corner, b) === 0 && forward < 0;
}

function meet(a: Point, b: Point, c: Point, d: Point): boolean {
  const [c1, d1, a1, b1] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (c1 * d1 < 0 && a1 * b1 < 0) return true;
  return (
    (c1 === 0 && within(a, b, c)) ||
    (d1 === 0 && within(a, b, d)) ||
    (a1 === 0 && within(c, d, a)) ||
    (b1 === 0 && within(c, d, b))
  );
}

/** On which side of the line a–b the point lies: -1, 0 (on it) or 1. */
function side(a: Point, b: Point, point: Point): number {
  const cross = (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]);
  return Math.abs(cross) < 1e-12 ? 0 : Math.sign(cross);
}

function within(a: Point, b: Point, point: Point): boolean {
  const between = (from: number, to: number, value: number) =>
    value >= Math.min(from, to) && value <= Math.max(from, to);
  return between(a[0], b[0], point[0]) && between(a[1], b[1], point[1]);
}

function same(a: Point, b: Point): boolean {
  return a[0] === b[0] && a[1] === b[1];
}
