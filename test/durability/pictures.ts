import sharp from 'sharp';

/** A real JPEG, and how large it is. */
export interface Picture {
  jpeg: Buffer;
  width: number;
  height: number;
}

/** Width, height and quality of noise that come out at about 10, 30, 60, 110, 180 and 300 KB. */
const SHAPES = [
  [256, 144, 40],
  [320, 240, 70],
  [480, 360, 70],
  [640, 480, 70],
  [800, 600, 75],
  [1024, 768, 78],
] as const;

/** Real JPEGs of 10 to 300 KB, small ones first. */
export function realPictures(): Promise<Picture[]> {
  return Promise.all(
    SHAPES.map(async ([width, height, quality]) => {
      const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;
      const jpeg = await sharp({ create: { width, height, channels: 3, background: '#808080', noise } })
        .jpeg({ quality })
        .toBuffer();
      return { jpeg, width, height };
    }),
  );
}

/** The same picture with a comment in it: other bytes for every text. */
export function marked({ jpeg }: Picture, text: string): Buffer {
  const comment = Buffer.from(text, 'utf8');
  const head = Buffer.from([0xff, 0xfe, 0, 0]);
  head.writeUInt16BE(comment.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, comment, jpeg.subarray(2)]);
}
