const SVG = 'http://www.w3.org/2000/svg';

/** Lines on a 24-px grid, in the weight of the console's other icons. */
const PATHS = {
  play: 'M7 4.500v15l12-7.500z',
  pause: 'M9 5.500v13 M15 5.500v13',
  sound: 'M4 9.500v5h3.500l4.500 4v-13l-4.500 4z M15.500 9a4 4 0 0 1 0 6 M18 6.500a8 8 0 0 1 0 11',
  silent: 'M4 9.500v5h3.500l4.500 4v-13l-4.500 4z M16 9.500l5 5 M21 9.500l-5 5',
  full: 'M4 9V4h5 M15 4h5v5 M20 15v5h-5 M9 20H4v-5',
  small: 'M9 4v5H4 M20 9h-5V4 M15 20v-5h5 M4 15h5v5',
  inset:
    'M21 11V6.500A1.500 1.500 0 0 0 19.500 5h-15A1.500 1.500 0 0 0 3 6.500v11A1.500 1.500 0 0 0 4.500 19H10 M13 14h8v5.500h-8z',
  still: 'M4 8h3.500L9 5.500h6L16.500 8H20v11H4z M15 13a3 3 0 1 1-6 0 3 3 0 0 1 6 0z',
} as const;

export type IconName = keyof typeof PATHS;

/** An icon; the label is its button's. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/** The shapes of states, as everywhere in the console: a disc, a triangle, a hollow ring. */
export function shape(tone: 'good' | 'warn' | 'off'): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 10 10');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  const round = 'M9 5A4 4 0 1 1 1 5 4 4 0 0 1 9 5z';
  path.setAttribute('d', tone === 'warn' ? 'M5 .8 9.600 9H.4z' : round);
  svg.append(path);
  svg.setAttribute('class', `shape ${tone}`);
  return svg;
}
