import assert from 'node:assert/strict';
import sharp from 'sharp';
import { createShelf } from '../../runtime/media/sim/shelf.ts';

const SIZE = { width: 640, height: 360 };
const STEP_MS = 500;

/**
 * A device without a program: sends pictures of the built-in shelf as fast as the server takes them, each with the time at which it
 * would have been taken, so that a test need not wait for the hand.
 */
export class ShelfVisits {
  readonly #url: string;
  readonly #device: { id: string; api_key: string };
  #seq = 0;
  /** epoch ms of the next picture; long enough ago that all of them lie in the past */
  #at = Date.now() - 10 * 60_000;

  constructor(url: string, device: { id: string; api_key: string }) {
    this.#url = url;
    this.#device = device;
  }

  /** Sends what the shelf shows from one second of its cycle to another (`shelfTimetable`), a picture each half second. */
  async play(fromS: number, toS: number): Promise<void> {
    const scene = await createShelf(SIZE);
    for (let cycleMs = fromS * 1000; cycleMs < toS * 1000; cycleMs += STEP_MS) {
      const raw = { ...SIZE, channels: 3 } as const;
      const jpeg = await sharp(scene.render(cycleMs), { raw }).jpeg({ quality: 80 }).toBuffer();
      await this.#send(jpeg);
      this.#at += STEP_MS;
    }
  }

  async #send(jpeg: Buffer): Promise<void> {
    const { id: device_id, api_key } = this.#device;
    const body = new FormData();
    const meta = { device_id, capture_ts: this.#at, seq: this.#seq, ...SIZE, jpeg_quality: 80 };
    body.set('meta', JSON.stringify(meta));
    body.set('image', new Blob([new Uint8Array(jpeg)], { type: 'image/jpeg' }), 'shelf.jpg');
    const headers = { 'X-DEVICE-KEY': api_key };
    const answer = await fetch(`${this.#url}/api/v1/ingest/frame`, { method: 'POST', headers, body });
    assert.equal(answer.status, 201, await answer.text());
    this.#seq += 1;
  }
}
