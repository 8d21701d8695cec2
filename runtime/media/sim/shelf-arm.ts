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
  // fingers that go around the thing on its right, the farthest first, then the thumb on its left
  `${finger('M40 104 C66 100 80 82 80 56', 28)}` +
  `${finger('M40 88 C72 80 86 54 80 24', 30)}` +
  `${finger('M34 74 C70 60 84 24 72 -12', 32)}` +
  `${finger('M-14 132 C-52 112 -72 66 -62 16', 37)}` +
  '<path d="M-70 18 Q-69 2 -60 1 Q-52 2 -52 18 Q-61 26 -70 18 Z" fill="#fbe3d0" opacity=".85"/>' +
  // back of the hand over the roots of all of them
  '<path d="M-48 184 C-50 160 -62 146 -58 122 C-54 100 -34 92 -18 80 C2 66 24 56 42 60 C58 64 66 84 66 112 C66 140 60 160 62 184 Q8 196 -48 184 Z" fill="url(#skin)"/>' +
  `<path d="M-22 108 C-14 128 -12 148 -14 170 M8 92 C16 118 18 142 16 168 M34 84 C42 110 42 136 38 162" stroke="${SKIN_DARK}" stroke-width="3.2" opacity=".22" fill="none" stroke-linecap="round"/>` +
  `<path d="M26 62 q9 6 10 17 M46 66 q9 8 9 20 M56 92 q7 7 7 18" stroke="${SKIN_DARK}" stroke-width="3.4" opacity=".38" fill="none" stroke-linecap="round"/>` +
  `<path d="M-56 128 C-48 108 -32 98 -14 90" stroke="${SKIN_DARK}" stroke-width="3" opacity=".3" fill="none" stroke-linecap="round"/>` +
  // sleeve with its cuff
  '<path d="M-58 205 C-66 320 -72 430 -78 540 H92 C84 430 76 320 72 205 Z" fill="url(#sleeve)"/>' +
  '<path d="M-60 176 Q6 192 72 174 L75 214 Q6 232 -62 216 Z" fill="url(#sleeve)"/>' +
  '<path d="M-62 216 Q6 232 75 214" stroke="#102430" stroke-width="4" opacity=".4" fill="none"/>' +
  `${knitting()}` +
  '</g>';
