import sharp from 'sharp';

/** A drawing with soft edges, ready to be laid over a picture. */
export interface Sprite {
  width: number;
  height: number;
  /** where its anchor is inside it */
  anchorX: number;
  anchorY: number;
  /** colours already multiplied by their opacity, RGB */
  colours: Uint8Array;
  /** 255 minus the opacity */
  see: Uint8Array;
}

interface Size {
  width: number;
  height: number;
}

export interface Frame extends Size {
  pixels: Uint8Array;
}

/** Draws an SVG of one size, without transparency, and makes it as large as asked; RGB, row by row. */
export async function drawBackdrop(svg: string, drawn: Size, size: Size): Promise<Uint8Array> {
  // In one go it would be drawn in the larger size.
  const pixels = await sharp(Buffer.from(svg)).removeAlpha().raw().toBuffer();
  const raw = { ...drawn, channels: 3 } as const;
  return sharp(pixels, { raw }).resize(size.width, size.height, { kernel: 'cubic', fit: 'fill' }).raw().toBuffer();
}

/** Draws an SVG as a sprite. The anchor is in the pixels of the drawing. */
export async function drawSprite(svg: string, anchor: { x: number; y: number }): Promise<Sprite> {
  const { data, info } = await sharp(Buffer.from(svg)).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const count = info.width * info.height;
  const colours = new Uint8Array(count * 3);
  const see = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const opacity = data[4 * i + 3] ?? 0;
    see[i] = 255 - opacity;
    for (let c = 0; c < 3; c++) colours[3 * i + c] = Math.round(((data[4 * i + c] ?? 0) * opacity) / 255);
  }
  const anchorX = Math.round(anchor.x);
  return { width: info.width, height: info.height, anchorX, anchorY: Math.round(anchor.y), colours, see };
}

/** Lays a sprite with its anchor at a place of the frame; what lies outside is cut off. */
export function lay(frame: Frame, sprite: Sprite, x: number, y: number): void {
  const left = Math.round(x) - sprite.anchorX;
  const top = Math.round(y) - sprite.anchorY;
  const fromX = Math.max(0, -left);
  const toX = Math.min(sprite.width, frame.width - left);
  const fromY = Math.max(0, -top);
  const toY = Math.min(sprite.height, frame.height - top);
  const { pixels } = frame;
  const { colours, see } = sprite;
  for (let row = fromY; row < toY; row++) {
    let at = row * sprite.width + fromX;
    let to = ((top + row) * frame.width + left + fromX) * 3;
    for (let column = fromX; column < toX; column++, at++, to += 3) {
      const through = see[at] as number;
      if (through === 255) continue;
      const from = at * 3;
      // 257/65536 stands for 1/255.
      const share = through * 257;
      pixels[to] = (colours[from] as number) + (((pixels[to] as number) * share) >> 16);
      pixels[to + 1] = (colours[from + 1] as number) + (((pixels[to + 1] as number) * share) >> 16);
      pixels[to + 2] = (colours[from + 2] as number) + (((pixels[to + 2] as number) * share) >> 16);
    }
  }
}
