/** Digits of 5 × 7 dots, one row a number of five bits, the leftmost dot highest. */
const DIGITS: readonly (readonly number[])[] = [
  [14, 17, 19, 21, 25, 17, 14],
  [4, 12, 4, 4, 4, 4, 14],
  [14, 17, 1, 2, 4, 8, 31],
  [31, 2, 4, 2, 1, 17, 14],
  [2, 6, 10, 18, 31, 2, 2],
  [31, 16, 30, 1, 1, 17, 14],
  [6, 8, 16, 30, 17, 17, 14],
  [31, 1, 2, 4, 8, 8, 8],
  [14, 17, 17, 14, 17, 17, 14],
  [14, 17, 17, 15, 1, 2, 12],
];
const COLUMNS = 5;
const ROWS = 7;
/** columns from one digit to the next */
const PITCH = 6;

export interface DigitPlace {
  left: number;
  top: number;
  /** pixels per dot */
  dot: number;
}

/** Draws a number in white on a black plate into an RGB picture, with leading zeros up to `digits`. */
export function drawNumber(pixels: Uint8Array, width: number, place: DigitPlace, value: number, digits: number): void {
  const text = String(value).padStart(digits, '0');
  const { left, top, dot } = place;
  fill(pixels, width, left - dot, top - dot, dot * (PITCH * text.length + 1), dot * (ROWS + 2), 0);
  for (const [place, digit] of [...text].entries()) {
    const rows = DIGITS[Number(digit)] ?? [];
    for (const [y, bits] of rows.entries()) {
      for (let x = 0; x < COLUMNS; x++) {
        if ((bits & (1 << (COLUMNS - 1 - x))) === 0) continue;
        fill(pixels, width, left + dot * (PITCH * place + x), top + dot * y, dot, dot, 255);
      }
    }
  }
}

/** Reads a number that `drawNumber` drew, from a picture with any number of channels; undefined when it is not readable. */
export function readNumber(
  pixels: Uint8Array,
  width: number,
  channels: number,
  place: DigitPlace,
  digits: number,
): number | undefined {
  let value = 0;
  for (let at = 0; at < digits; at++) {
    const rows: number[] = [];
    for (let y = 0; y < ROWS; y++) {
      let bits = 0;
      for (let x = 0; x < COLUMNS; x++) {
        const column = place.left + place.dot * (PITCH * at + x) + (place.dot >> 1);
        const row = place.top + place.dot * y + (place.dot >> 1);
        const white = (pixels[(row * width + column) * channels] ?? 0) > 127;
        bits = (bits << 1) | (white ? 1 : 0);
      }
      rows.push(bits);
    }
    const digit = DIGITS.findIndex((known) => known.every((bits, y) => bits === rows[y]));
    if (digit < 0) return undefined;
    value = value * 10 + digit;
  }
  return value;
}

function fill(pixels: Uint8Array, width: number, left: number, top: number, wide: number, high: number, value: number) {
  for (let y = top; y < top + high; y++) {
    const row = (y * width + left) * 3;
    pixels.fill(value, row, row + wide * 3);
  }
}
