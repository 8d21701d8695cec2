/** Things on the shelf as SVG, each standing with the middle of its foot at 0,0. Light comes from the upper left. */

/** Gradients that the goods share: put once into every drawing. */
export const GOODS_DEFS = [
  across('clay', '#e39a6c', '#c26c40', '#7f3d22'),
  across('cream', '#fffaf0', '#efe3cf', '#b9a688'),
  across('leafglass', '#7fa36a', '#3f6b3c', '#1c3a22'),
  across('wineglass', '#7b8f4e', '#46602e', '#1f3016'),
  across('amber', '#ffd77a', '#e79a1c', '#9a5208'),
  across('jam', '#f0645a', '#b81e2c', '#670d1a'),
  across('marmalade', '#ffc36b', '#ee8420', '#a14c08'),
  across('plum', '#9a6bb0', '#5e3378', '#311541'),
  across('pasta', '#fbe7b0', '#eec66f', '#b98a3a'),
  across('steel', '#f4f4f0', '#b9bdbd', '#70787a'),
  across('lid', '#f2d9a0', '#c99b4a', '#7d5518'),
  across('coffee', '#c4573f', '#8e2c22', '#4d120f'),
  across('kraft', '#dcb98a', '#bd9260', '#805a33'),
  across('teal', '#6fb3ad', '#34807d', '#164a4b'),
  across('wood', '#c98f57', '#9c6435', '#5f381a'),
  across('oil', '#e8d66a', '#b79a22', '#6b5a0c'),
  globe('apple', '#ff9a7a', '#d2322d', '#7a1015'),
  globe('greenapple', '#e6f2a0', '#9cc13f', '#55731a'),
  globe('orange', '#ffd08a', '#f28c1e', '#a5530a'),
  globe('pear', '#f4f0a8', '#c9c04a', '#7f7a1c'),
  globe('lemon', '#fff6a8', '#f2d433', '#b08a10'),
  globe('crust', '#f0c27e', '#c07f3a', '#7a4618'),
].join('');

/** A jar with a lid and a paper label. */
export function jar(fill: string, width: number, height: number, lid = 'lid', label = '#fbf3e2'): string {
  const w = width / 2;
  const neck = w * 0.78;
  const body = `M${-w} -8 Q${-w} 0 ${-w + 8} 0 H${w - 8} Q${w} 0 ${w} -8 V${-height + 34} Q${w} ${-height + 20} ${neck} ${-height + 16} H${-neck} Q${-w} ${-height + 20} ${-w} ${-height + 34} Z`;
  const labelTop = -height * 0.62;
  const labelHigh = height * 0.36;
  return (
    `<path d="${body}" fill="url(#${fill})"/>` +
    `<rect x="${-neck}" y="${-height}" width="${2 * neck}" height="20" rx="4" fill="url(#${lid})"/>` +
    `<rect x="${-neck}" y="${-height + 15}" width="${2 * neck}" height="3" fill="#000" opacity=".22"/>` +
    `<rect x="${-w + 1}" y="${labelTop}" width="${width - 2}" height="${labelHigh}" fill="${label}" opacity=".94"/>` +
    `<rect x="${-w + 1}" y="${labelTop + 4}" width="${width - 2}" height="1.6" fill="#a5714a" opacity=".7"/>` +
    `<rect x="${-w + 1}" y="${labelTop + labelHigh - 6}" width="${width - 2}" height="1.6" fill="#a5714a" opacity=".7"/>` +
    `<circle cx="0" cy="${labelTop + labelHigh / 2}" r="${labelHigh * 0.27}" fill="url(#${fill})" opacity=".9"/>` +
    `<path d="${body}" fill="url(#round)"/>` +
    shine(-w + 9, -height + 34, 7, height - 52)
  );
}

/** A bottle with a long neck. */
export function bottle(fill: string, width: number, height: number, label = '#f6ecd6', cap = '#7d2b22'): string {
  const w = width / 2;
  const shoulder = -height * 0.62;
  const neck = width * 0.17;
  const body = `M${-w} -8 Q${-w} 0 ${-w + 8} 0 H${w - 8} Q${w} 0 ${w} -8 V${shoulder + 12} C${w} ${shoulder - 26} ${neck} ${shoulder - 22} ${neck} ${shoulder - 52} V${-height + 4} H${-neck} V${shoulder - 52} C${-neck} ${shoulder - 22} ${-w} ${shoulder - 26} ${-w} ${shoulder + 12} Z`;
  const labelTop = shoulder + 24;
  const labelHigh = -shoulder - 52;
  return (
    `<path d="${body}" fill="url(#${fill})"/>` +
    `<rect x="${-neck - 2}" y="${-height}" width="${2 * neck + 4}" height="${height * 0.13}" rx="3" fill="${cap}"/>` +
    `<rect x="${-w}" y="${labelTop}" width="${width}" height="${labelHigh}" fill="${label}"/>` +
    `<rect x="${-w}" y="${labelTop + 6}" width="${width}" height="2" fill="#8a5a36" opacity=".65"/>` +
    `<rect x="${-w * 0.6}" y="${labelTop + labelHigh * 0.32}" width="${width * 0.6}" height="5" rx="2" fill="#6b4429" opacity=".75"/>` +
    `<rect x="${-w * 0.42}" y="${labelTop + labelHigh * 0.52}" width="${width * 0.42}" height="3.4" rx="1.7" fill="#6b4429" opacity=".5"/>` +
    `<path d="${body}" fill="url(#round)"/>` +
    shine(-w + 8, shoulder + 10, 6, -shoulder - 26) +
    shine(-neck + 3, -height * 0.84, 3, height * 0.2)
  );
}

/** A bag of coffee with a folded top. */
export function coffeeBag(width: number, height: number): string {
  const w = width / 2;
  const body = `M${-w + 3} 0 H${w - 3} Q${w + 3} ${-height * 0.4} ${w - 4} ${-height + 22} L${w - 8} ${-height} H${-w + 8} L${-w + 4} ${-height + 22} Q${-w - 3} ${-height * 0.4} ${-w + 3} 0 Z`;
  return (
    `<path d="${body}" fill="url(#coffee)"/>` +
    `<path d="M${-w + 4} ${-height + 22} H${w - 4} L${w - 8} ${-height} H${-w + 8} Z" fill="#000" opacity=".2"/>` +
    `<rect x="${-w * 0.72}" y="${-height * 0.7}" width="${w * 1.44}" height="${height * 0.46}" rx="6" fill="#f7ead2"/>` +
    `<g transform="translate(0 ${-height * 0.52}) rotate(28)"><ellipse rx="15" ry="21" fill="#5a2f1a"/><path d="M0 -20 Q8 0 0 20" stroke="#f7ead2" stroke-width="3.4" fill="none"/></g>` +
    `<rect x="${-w * 0.46}" y="${-height * 0.33}" width="${w * 0.92}" height="5" rx="2.5" fill="#8e2c22"/>` +
    `<path d="${body}" fill="url(#round)"/>` +
    `<path d="M${-w + 14} ${-height + 30} Q${-w + 6} ${-height * 0.45} ${-w + 16} -10" stroke="#fff" stroke-width="5" opacity=".22" fill="none" stroke-linecap="round"/>`
  );
}

/** A round loaf with cuts, on its side. */
export function loaf(width: number, height: number): string {
  const w = width / 2;
  const cuts = [-0.42, -0.08, 0.26].map(
    (at) =>
      `<path d="M${w * at} ${-height * 0.86} q${w * 0.2} ${height * 0.16} ${w * 0.12} ${height * 0.42}" stroke="#f6dcae" stroke-width="7" stroke-linecap="round" fill="none"/>`,
  );
  return (
    `<path d="M${-w} -6 C${-w - 8} ${-height * 0.8} ${-w * 0.45} ${-height} 0 ${-height} C${w * 0.45} ${-height} ${w + 8} ${-height * 0.8} ${w} -6 Q${w} 0 ${w - 10} 0 H${-w + 10} Q${-w} 0 ${-w} -6 Z" fill="url(#crust)"/>` +
    cuts.join('') +
    `<path d="M${-w + 4} -4 H${w - 4}" stroke="#4b2a10" stroke-width="6" opacity=".3" stroke-linecap="round"/>`
  );
}

/** A fruit of any round kind. */
export function fruit(kind: string, radius: number, x: number, y: number): string {
  return (
    `<g transform="translate(${x} ${y})"><ellipse rx="${radius}" ry="${radius * 0.95}" fill="url(#${kind})"/>` +
    `<ellipse cx="${-radius * 0.36}" cy="${-radius * 0.42}" rx="${radius * 0.26}" ry="${radius * 0.16}" fill="#fff" opacity=".42" transform="rotate(-32)"/>` +
    `<path d="M0 ${-radius * 0.86} q3 -9 9 -11" stroke="#5c3a1c" stroke-width="3" fill="none" stroke-linecap="round"/></g>`
  );
}

/** A bowl with whatever stands out of it. */
export function bowl(fill: string, width: number, height: number, content: string): string {
  const w = width / 2;
  const body = `M${-w} ${-height} H${w} Q${w * 0.92} -6 ${w * 0.4} 0 H${-w * 0.4} Q${-w * 0.92} -6 ${-w} ${-height} Z`;
  return (
    `${content}<path d="${body}" fill="url(#${fill})"/><path d="${body}" fill="url(#round)"/>` +
    `<rect x="${-w - 2}" y="${-height - 3}" width="${width + 4}" height="7" rx="3.5" fill="url(#${fill})"/>` +
    `<rect x="${-w}" y="${-height - 2}" width="${width}" height="2" rx="1" fill="#fff" opacity=".35"/>`
  );
}

/** A pot with leaves that hang over its rim. `leaves`: angle in degrees and length of each. */
export function plant(leaves: readonly (readonly [number, number])[]): string {
  const blades = leaves.map(([angle, long], i) => {
    const green = ['#4f7d3c', '#6a9a4b', '#3b6531', '#84ad5c'][i % 4];
    return `<g transform="translate(0 -62) rotate(${angle})"><path d="M0 0 C${long * 0.2} ${-long * 0.35} ${long * 0.18} ${-long * 0.8} 0 ${-long} C${-long * 0.18} ${-long * 0.8} ${-long * 0.2} ${-long * 0.35} 0 0 Z" fill="${green}"/><path d="M0 -4 V${-long * 0.9}" stroke="#dbe8c0" stroke-width="1.6" opacity=".5"/></g>`;
  });
  const pot = 'M-36 -58 H36 L28 -4 Q27 0 22 0 H-22 Q-27 0 -28 -4 Z';
  return (
    `${blades.join('')}<path d="${pot}" fill="url(#clay)"/><path d="${pot}" fill="url(#round)"/>` +
    `<rect x="-40" y="-72" width="80" height="17" rx="4" fill="url(#clay)"/><rect x="-38" y="-56" width="76" height="4" fill="#000" opacity=".18"/>`
  );
}

/** Books side by side: width, height and colour of each. */
export function books(spines: readonly (readonly [number, number, string])[]): string {
  let x = 0;
  const drawn = spines.map(([wide, high, colour]) => {
    const left = x;
    x += wide + 1;
    return (
      `<g transform="translate(${left} 0)"><rect y="${-high}" width="${wide}" height="${high}" rx="2.5" fill="${colour}"/>` +
      `<rect y="${-high}" width="${wide}" height="${high}" rx="2.5" fill="url(#round)"/>` +
      `<rect x="3" y="${-high + 16}" width="${wide - 6}" height="3" fill="#f6e6c2" opacity=".8"/>` +
      `<rect x="${wide * 0.3}" y="${-high + 34}" width="${wide * 0.4}" height="${high * 0.34}" rx="1.5" fill="#f6e6c2" opacity=".55"/></g>`
    );
  });
  return `<g transform="translate(${-x / 2} 0)">${drawn.join('')}</g>`;
}

/** A round-bellied teapot. */
export function teapot(): string {
  return (
    '<path d="M-58 -46 Q-92 -44 -92 -84" stroke="url(#teal)" stroke-width="13" fill="none" stroke-linecap="round"/>' +
    '<path d="M52 -72 C96 -78 96 -22 52 -24" stroke="url(#teal)" stroke-width="10" fill="none"/>' +
    '<path d="M-60 -44 C-60 -84 -34 -96 0 -96 C34 -96 60 -84 60 -44 C60 -16 40 0 0 0 C-40 0 -60 -16 -60 -44 Z" fill="url(#teal)"/>' +
    '<path d="M-34 -92 Q0 -112 34 -92 Z" fill="url(#teal)"/><circle cx="0" cy="-107" r="8" fill="url(#lid)"/>' +
    '<path d="M-60 -44 C-60 -84 -34 -96 0 -96 C34 -96 60 -84 60 -44 C60 -16 40 0 0 0 C-40 0 -60 -16 -60 -44 Z" fill="url(#round)"/>' +
    shine(-42, -70, 9, 34)
  );
}

/** A woven basket with long loaves in it. */
export function breadBasket(width: number, height: number): string {
  const w = width / 2;
  const sticks = [-0.5, -0.12, 0.24, 0.56].map((at, i) => {
    const lean = [-9, -3, 4, 10][i] ?? 0;
    const long = [96, 122, 112, 88][i] ?? 90;
    return `<g transform="translate(${w * at} ${-height + 12}) rotate(${lean})"><rect x="-13" y="${-long}" width="26" height="${long + 20}" rx="13" fill="url(#crust)"/>${[0.2, 0.42, 0.64].map((cut) => `<path d="M-6 ${-long + long * cut} l12 -9" stroke="#f6dcae" stroke-width="4.5" stroke-linecap="round"/>`).join('')}</g>`;
  });
  const rows: string[] = [];
  for (let y = 6, odd = 0; y < height - 6; y += 11, odd ^= 1) {
    // The basket narrows towards its foot.
    const half = w - 9 + (9 * y) / height;
    for (let x = -half + 3 + odd * 9; x < half - 15; x += 18) {
      rows.push(`<rect x="${x}" y="${-y - 9}" width="15" height="8" rx="4" fill="#e3bd83" opacity=".8"/>`);
    }
  }
  const body = `M${-w} ${-height} H${w} L${w - 9} 0 H${-w + 9} Z`;
  return (
    `${sticks.join('')}<path d="${body}" fill="url(#kraft)"/>${rows.join('')}<path d="${body}" fill="url(#round)"/>` +
    `<rect x="${-w - 4}" y="${-height - 6}" width="${width + 8}" height="13" rx="6.5" fill="url(#wood)"/>`
  );
}

function shine(x: number, y: number, width: number, height: number): string {
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${width / 2}" fill="#fff" opacity=".38"/>`;
}

function across(id: string, light: string, middle: string, dark: string): string {
  return `<linearGradient id="${id}"><stop offset="0" stop-color="${light}"/><stop offset=".42" stop-color="${middle}"/><stop offset="1" stop-color="${dark}"/></linearGradient>`;
}

function globe(id: string, light: string, middle: string, dark: string): string {
  return `<radialGradient id="${id}" cx=".36" cy=".3" r=".78"><stop offset="0" stop-color="${light}"/><stop offset=".5" stop-color="${middle}"/><stop offset="1" stop-color="${dark}"/></radialGradient>`;
}
