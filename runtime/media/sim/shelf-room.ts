import {
  books,
  bottle,
  bowl,
  breadBasket,
  coffeeBag,
  fruit,
  GOODS_DEFS,
  jar,
  loaf,
  plant,
  teapot,
} from './shelf-goods.ts';
import { PLACES, type Spot, STAGE } from './shelf-timetable.ts';

/** Where things stand: the upper board, the board that is watched, the counter below. */
const UPPER = 196;
const MAIN = PLACES.left.y;
const COUNTER = 694;

const DEFS =
  `<defs>${GOODS_DEFS}` +
  '<linearGradient id="round"><stop offset="0" stop-color="#fff" stop-opacity=".12"/><stop offset=".25" stop-color="#fff" stop-opacity=".1"/><stop offset=".6" stop-color="#000" stop-opacity="0"/><stop offset="1" stop-color="#1d0d02" stop-opacity=".34"/></linearGradient>' +
  '<linearGradient id="wall" x2=".9" y2="1"><stop offset="0" stop-color="#f5e8cf"/><stop offset=".55" stop-color="#e6cfa9"/><stop offset="1" stop-color="#c7a57a"/></linearGradient>' +
  '<radialGradient id="sun" cx=".24" cy=".12" r=".75"><stop offset="0" stop-color="#fff3d2" stop-opacity=".75"/><stop offset="1" stop-color="#fff3d2" stop-opacity="0"/></radialGradient>' +
  '<radialGradient id="corners" cx=".46" cy=".44" r=".78"><stop offset=".55" stop-color="#2a1405" stop-opacity="0"/><stop offset="1" stop-color="#2a1405" stop-opacity=".42"/></radialGradient>' +
  '<linearGradient id="boardtop" x2="0" y2="1"><stop offset="0" stop-color="#a8713f"/><stop offset="1" stop-color="#c98e55"/></linearGradient>' +
  '<linearGradient id="boardedge" x2="0" y2="1"><stop offset="0" stop-color="#b67a43"/><stop offset=".2" stop-color="#94602f"/><stop offset="1" stop-color="#63391a"/></linearGradient>' +
  '<filter color-interpolation-filters="sRGB" id="below" x="-5%" y="-50%" width="110%" height="220%"><feGaussianBlur stdDeviation="15"/></filter>' +
  '<filter color-interpolation-filters="sRGB" id="contact" x="-40%" y="-200%" width="180%" height="500%"><feGaussianBlur stdDeviation="4"/></filter>' +
  '<filter color-interpolation-filters="sRGB" id="shade" x="-20%" y="-20%" width="150%" height="140%"><feColorMatrix values="0 0 0 0 .437  0 0 0 0 .313  0 0 0 0 .152  0 0 0 .46 0"/><feGaussianBlur stdDeviation="10"/></filter>' +
  '<filter color-interpolation-filters="sRGB" id="grain" x="0" y="0" width="100%" height="100%"><feTurbulence type="fractalNoise" baseFrequency=".006 .16" numOctaves="3" seed="7"/><feColorMatrix values="0 0 0 0 .506  0 0 0 0 .366  0 0 0 0 .19  1.5 0 0 0 -.55"/></filter>' +
  '<filter color-interpolation-filters="sRGB" id="plaster" x="0" y="0" width="100%" height="100%"><feTurbulence type="fractalNoise" baseFrequency=".018 .024" numOctaves="2" seed="3"/><feColorMatrix values="0 0 0 0 .68  0 0 0 0 .575  0 0 0 0 .41  .5 0 0 0 -.2"/></filter>' +
  '</defs>';

interface Thing {
  x: number;
  y: number;
  /** width of what touches the board */
  foot: number;
  svg: string;
}

const THINGS: readonly Thing[] = [
  {
    x: 132,
    y: UPPER,
    foot: 60,
    svg: plant([
      [-64, 74],
      [58, 78],
      [-38, 96],
      [34, 92],
      [-14, 112],
      [12, 104],
      [-84, 52],
      [80, 56],
    ]),
  },
  { x: 268, y: UPPER, foot: 76, svg: stackOfBowls() },
  {
    x: 412,
    y: UPPER,
    foot: 146,
    svg: books([
      [30, 128, '#7c3b2b'],
      [24, 142, '#2f5a5a'],
      [34, 118, '#c08a3c'],
      [22, 134, '#44583a'],
      [30, 124, '#8d4a4a'],
    ]),
  },
  { x: 548, y: UPPER, foot: 58, svg: jar('pasta', 62, 96, 'steel') },
  { x: 624, y: UPPER, foot: 58, svg: jar('marmalade', 60, 80, 'lid') },
  { x: 698, y: UPPER, foot: 58, svg: jar('plum', 62, 92, 'steel', '#f3e7f2') },
  { x: 846, y: UPPER, foot: 84, svg: teapot() },
  { x: 990, y: UPPER, foot: 50, svg: bottle('oil', 54, 152, '#f8efd8', '#4b5a2a') },
  { x: 1052, y: UPPER, foot: 46, svg: bottle('wineglass', 50, 140, '#efe0c4', '#6b1f24') },
  {
    x: 1160,
    y: UPPER,
    foot: 60,
    svg: plant([
      [-40, 88],
      [40, 84],
      [-18, 118],
      [18, 112],
      [0, 126],
      [-66, 60],
      [64, 62],
    ]),
  },
  {
    x: 146,
    y: MAIN,
    foot: 76,
    svg: `${jar('jam', 78, 92)}<g transform="translate(2 -92)">${jar('marmalade', 70, 78)}</g>`,
  },
  {
    x: 366,
    y: MAIN,
    foot: 70,
    svg: bowl(
      'wood',
      118,
      52,
      fruit('apple', 27, -32, -62) +
        fruit('apple', 27, 30, -62) +
        fruit('greenapple', 27, -2, -70) +
        fruit('apple', 25, -6, -106),
    ),
  },
  { x: 538, y: MAIN, foot: 112, svg: loaf(122, 84) },
  { x: 752, y: MAIN, foot: 84, svg: breadBasket(100, 84) },
  { x: 910, y: MAIN, foot: 70, svg: jar('pasta', 76, 178, 'wood') },
  {
    x: 1134,
    y: MAIN,
    foot: 92,
    svg: fruit('orange', 29, -29, -28) + fruit('orange', 29, 30, -28) + fruit('orange', 28, 0, -76),
  },
  {
    x: 116,
    y: COUNTER,
    foot: 120,
    svg: bowl('cream', 150, 54, fruit('lemon', 26, -40, -60) + fruit('lemon', 26, 6, -66) + fruit('pear', 26, 44, -60)),
  },
  { x: 470, y: COUNTER, foot: 100, svg: stackOfBowls() },
  {
    x: 828,
    y: COUNTER,
    foot: 100,
    svg: `${jar('leafglass', 66, 74)}<g transform="translate(68 0)">${jar('amber', 58, 62)}</g>`,
  },
];

/** Wall, light and shadows, behind everything and without an edge: to be drawn small and made larger, which is sixteen times cheaper. */
export function drawWall(width: number, height: number): string {
  const below = (y: number) =>
    `<rect x="52" y="${y + 16}" width="1196" height="76" rx="10" fill="#2a1405" opacity=".34" filter="url(#below)"/>`;
  // One filter each: blurring the whole picture for all of them at once takes twice as long.
  const shades = THINGS.map(
    ({ x, y, svg }) => `<g transform="translate(${x + 17} ${y - 3})" filter="url(#shade)">${svg}</g>`,
  );
  return (
    `${open(width, height, 0, 0, STAGE.width, STAGE.height)}<rect width="1280" height="720" fill="url(#wall)"/>` +
    '<rect width="1280" height="720" filter="url(#plaster)"/><rect width="1280" height="720" fill="url(#sun)"/>' +
    `${shades.join('')}${below(UPPER)}${below(MAIN)}</svg>`
  );
}

/** What stands in front of the wall and never moves. */
export function drawShelves(width: number, height: number): string {
  const board = (y: number) =>
    `<rect x="34" y="${y - 13}" width="1212" height="21" fill="url(#boardtop)"/><rect x="34" y="${y - 13}" width="1212" height="21" filter="url(#grain)" opacity=".7"/>` +
    `<rect x="28" y="${y + 7}" width="1224" height="27" rx="3" fill="url(#boardedge)"/><rect x="28" y="${y + 7}" width="1224" height="27" filter="url(#grain)"/>` +
    `<rect x="28" y="${y + 7}" width="1224" height="2" fill="#f2cd96" opacity=".5"/>`;
  const place = ({ x, y }: Thing, svg: string) => `<g transform="translate(${x} ${y})">${svg}</g>`;
  // One filter for each board: each costs as much as the place it covers, and something of its own.
  const contacts = [UPPER, MAIN, COUNTER].map((y) => {
    const row = THINGS.filter((thing) => thing.y === y);
    return `<g filter="url(#contact)">${row.map((thing) => place(thing, contact(thing.foot))).join('')}</g>`;
  });
  const goods = THINGS.map((thing) => place(thing, thing.svg)).join('');
  return (
    `${open(width, height, 0, 0, STAGE.width, STAGE.height)}${board(UPPER)}${board(MAIN)}` +
    `<rect y="${COUNTER - 14}" width="1280" height="60" fill="url(#boardtop)"/><rect y="${COUNTER - 14}" width="1280" height="60" filter="url(#grain)" opacity=".8"/>` +
    `${contacts.join('')}${goods}<rect width="1280" height="720" fill="url(#corners)"/></svg>`
  );
}

const TAKEN: Record<Spot, { svg: string; foot: number; width: number }> = {
  left: { svg: jar('amber', 118, PLACES.left.height, 'lid'), foot: 108, width: 118 },
  middle: { svg: bottle('leafglass', 92, PLACES.middle.height, '#f6ecd6', '#b8322a'), foot: 84, width: 92 },
  right: { svg: coffeeBag(124, PLACES.right.height), foot: 112, width: 124 },
};
const MARGIN = 44;

/** A thing that is taken, with its own shadow on wall and board; `standing` false: in the hand, without shadows. */
export function drawTaken(
  spot: Spot,
  scale: { x: number; y: number },
  standing: boolean,
): { svg: string; anchor: { x: number; y: number } } {
  const { svg, foot, width } = TAKEN[spot];
  const { height } = PLACES[spot];
  const box = {
    left: -width / 2 - MARGIN,
    top: -height - MARGIN,
    width: width + 2 * MARGIN,
    height: height + 2 * MARGIN,
  };
  const shadow = standing
    ? `<g filter="url(#shade)"><g transform="translate(17 -3)">${svg}</g></g><g filter="url(#contact)">${contact(foot)}</g>`
    : '';
  const size = open(box.width * scale.x, box.height * scale.y, box.left, box.top, box.width, box.height);
  return { svg: `${size}${shadow}${svg}</svg>`, anchor: { x: -box.left * scale.x, y: -box.top * scale.y } };
}

function open(width: number, height: number, left: number, top: number, wide: number, high: number): string {
  const size = `width="${Math.round(width)}" height="${Math.round(height)}"`;
  const box = `viewBox="${left} ${top} ${wide} ${high}" preserveAspectRatio="none"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${box}>${DEFS}`;
}

function contact(foot: number): string {
  return `<ellipse cx="5" cy="0" rx="${foot / 2 + 4}" ry="6" fill="#1d0d02" opacity=".55"/>`;
}

function stackOfBowls(): string {
  return [0, 1, 2]
    .map(
      (i) =>
        `<g transform="translate(${[0, 2, -1][i] ?? 0} ${-i * 25})">${bowl(['teal', 'cream', 'clay'][i] ?? 'cream', 108 - i * 6, 40, '')}</g>`,
    )
    .join('');
}
