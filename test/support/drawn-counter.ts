import type { Page } from 'playwright-core';
import { readNumber } from '../../runtime/media/sim/digits.ts';
import { COUNTER_DIGITS, counterPlace } from '../../runtime/media/sim/gradient.ts';

interface Plates {
  /** of the whole picture */
  width: number;
  plate: { width: number; height: number };
  /** red of every pixel of the plate, one character each, by picture */
  reds: string[];
}

/**
 * The numbers that stand in `sim:gradient` pictures as the page's player draws them, one for each picture that is presented while `count`
 * come; undefined where one is not to be read.
 */
export async function drawnCounters(page: Page, count: number): Promise<(number | undefined)[]> {
  const { width, plate, reds } = (await page.evaluate(`(async () => {
    const video = document.querySelector('redeye-player').shadowRoot.querySelector('video.surface.shown');
    const { videoWidth: width } = video;
    const plate = { width: Math.ceil(width / 6), height: Math.ceil(width / 20) };
    const canvas = Object.assign(document.createElement('canvas'), plate);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const reds = [];
    while (reds.length < ${count}) {
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      context.drawImage(video, 0, 0, plate.width, plate.height, 0, 0, plate.width, plate.height);
      const { data } = context.getImageData(0, 0, plate.width, plate.height);
      let red = '';
      for (let at = 0; at < data.length; at += 4) red += String.fromCharCode(data[at]);
      reds.push(red);
    }
    return { width, plate, reds };
  })()`)) as Plates;
  return reds.map((red) => readNumber(Buffer.from(red, 'latin1'), plate.width, 1, counterPlace(width), COUNTER_DIGITS));
}
