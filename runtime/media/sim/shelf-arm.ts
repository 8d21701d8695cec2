/** The drawing's box around the grip point, which is where the thing is held. */
const BOX = { left: -150, top: -120, width: 330, height: 640 };

const SKIN = '#e0a57d';
const SKIN_LIGHT = '#f2c5a1';
const SKIN_DARK = '#a9683f';

/** An arm in a knitted sleeve that comes from below and holds something between thumb and fingers, with its shadow. */
export function drawArm(scale: { x: number; y: number }): { svg: string; anchor: { x: number; y: number } } {
  const { left, top, width, height } = BOX;
  const size = `width="${Math.round(width * scale.x)}" height="${Math.round(height * scale.y)}"`;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="${left} ${top} ${width} ${height}" preserveAspectRatio="none">${DEFS}` +
    `<g filter="url(#cast)"><g transform="translate(20 22)">${ARM}</g></g>${ARM}</svg>`;
  return { svg, anchor: { x: -left * scale.x, y: -top * scale.y } };
}

const DEFS =
  '<defs>' +
  '<linearGradient id="sleeve"><stop offset="0" stop-color="#5f8fa8"/><stop offset=".45" stop-color="#3a6680"/><stop offset="1" stop-color="#1c3a4d"/></linearGradient>' +
  `<linearGradient id="skin"><stop offset="0" stop-color="${SKIN_LIGHT}"/><stop offset=".5" stop-color="${SKIN}"/><stop offset="1" stop-color="${SKIN_DARK}"/></linearGradient>` +
  '<filter id="cast" x="-20%" y="-10%" width="150%" height="125%"><feColorMatrix values="0 0 0 0 .13  0 0 0 0 .06  0 0 0 0 .01  0 0 0 .4 0"/><feGaussianBlur stdDeviation="11"/></filter>' +
  '</defs>';

/** A finger: a stroke with a darker rim and light on its left. */
function finger(path: string, thick: number): string {
  const stroke = (colour: string, wide: number, more = '') =>
    `<path d="${path}" fill="none" stroke="${colour}" stroke-width="${wide}" stroke-linecap="round" stroke-linejoin="round" ${more}/>`;
  return (
    stroke(SKIN_DARK, thick) +
    stroke(SKIN, thick - 5, 'transform="translate(-1 0)"') +
    stroke(SKIN_LIGHT, thick * 0.3, `transform="translate(${-thick * 0.16} -1)" opacity=".55"`)
  );
}

function knitting(): string {
  const ribs: string[] = [];
  for (let y = 236; y < 540; y += 22) {
    ribs.push(`<path d="M-66 ${y} q66 17 140 2" stroke="#16303f" stroke-width="2" opacity=".28" fill="none"/>`);
  }
  for (let x = -50; x <= 62; x += 14) {
    ribs.push(`<path d="M${x} 178 l-1 36" stroke="#16303f" stroke-width="2.4" opacity=".38"/>`);
  }
  return ribs.join('');
}

const ARM =
  '<g transform="rotate(-5 0 80)">' +
  // sleeve with its cuff
  '<path d="M-58 205 C-66 320 -72 430 -78 540 H92 C84 430 76 320 72 205 Z" fill="url(#sleeve)"/>' +
  '<path d="M-60 176 Q6 192 72 174 L75 214 Q6 232 -62 216 Z" fill="url(#sleeve)"/>' +
  '<path d="M-62 216 Q6 232 75 214" stroke="#102430" stroke-width="4" opacity=".4" fill="none"/>' +
  `${knitting()}` +
  // fingers that go around the thing on its right, the farthest first
  `${finger('M46 92 C74 84 88 62 84 34', 27)}` +
  `${finger('M44 78 C76 66 88 38 80 6', 29)}` +
  `${finger('M40 62 C74 44 84 10 70 -26', 30)}` +
  // back of the hand
  `<path d="M-46 182 C-52 140 -64 112 -52 78 C-40 52 8 40 44 52 C66 62 70 92 66 124 C64 148 62 164 62 182 Q8 194 -46 182 Z" fill="url(#skin)"/>` +
  `<path d="M-6 66 C4 96 6 128 4 166 M22 62 C30 92 32 122 30 158" stroke="${SKIN_DARK}" stroke-width="3" opacity=".28" fill="none" stroke-linecap="round"/>` +
  `<path d="M44 60 q12 10 14 26" stroke="${SKIN_DARK}" stroke-width="4" opacity=".4" fill="none" stroke-linecap="round"/>` +
  // thumb on the left, with its nail
  `${finger('M-34 112 C-64 88 -72 50 -60 8', 35)}` +
  '<ellipse cx="-59" cy="4" rx="8" ry="11" fill="#f9dcc6" opacity=".9" transform="rotate(8 -59 4)"/>' +
  '</g>';
