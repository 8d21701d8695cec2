import { playerStrings as words } from '../../strings/player.ts';
import { Refusal, wordsOf } from '../source.ts';
import { type JpegPart, PartReader } from './part-reader.ts';
import type { OpensWay } from './way.ts';
import { within } from './within.ts';

const FIRST_MS = 16_000;
const STALL_MS = 10_000;

/**
 * Opens MJPEG and draws it: unlike an `<img>`, its end and its first picture are seen, its connection ends when it should, and a page
 * that cannot keep up leaves pictures out.
 */
export const openMjpeg: OpensWay = async ({ source, surface, signal, onEnd }) => {
  const canvas = surface as HTMLCanvasElement;
  const context = canvas.getContext('2d', { alpha: false });
  const ending = new AbortController();
  const abort = () => ending.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  let delay: number | undefined;
  let drawing = false;
  let next: JpegPart | undefined;
  let pictureAt = 0;
  let onFirst = () => {};
  const first = new Promise<void>((resolve) => {
    onFirst = resolve;
  });
  const draw = async (part: JpegPart) => {
    next = part;
    if (drawing) return;
    drawing = true;
    while (next && !ending.signal.aborted) {
      const { jpeg, takenAt } = next;
      next = undefined;
      const picture = await createImageBitmap(new Blob([jpeg], { type: 'image/jpeg' })).catch(() => undefined);
      // A picture that is not whole is left out: the next one is on its way.
      if (!picture) continue;
      if (canvas.width !== picture.width) canvas.width = picture.width;
      if (canvas.height !== picture.height) canvas.height = picture.height;
      context?.drawImage(picture, 0, 0);
      picture.close();
      pictureAt = performance.now();
      if (takenAt !== undefined) delay = Math.max(0, source.serverNow() - takenAt);
      onFirst();
    }
    drawing = false;
  };
  const read = async () => {
    const answer = await source.ask('mjpeg', { signal: ending.signal });
    const parts = new PartReader((part) => void draw(part));
    const reader = answer.body?.getReader();
    for (;;) {
      // However the connection ended: why is asked below.
      const piece = await reader?.read().catch(() => undefined);
      if (!piece || piece.done) break;
      parts.push(piece.value);
    }
    ending.signal.throwIfAborted();
    // Somebody who was sent away is told so.
    const again = await source.ask('mjpeg', { signal: ending.signal });
    await again.body?.cancel();
    throw new Error(words.ended);
  };
  const over = read();
  try {
    await within(Promise.race([first, over]), FIRST_MS, words.noFirst(FIRST_MS / 1000), signal);
  } catch (error) {
    ending.abort();
    over.catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
  const stalled = setInterval(() => {
    if (performance.now() - pictureAt > STALL_MS) end(new Error(words.stalled));
  }, 1000);
  const close = () => {
    clearInterval(stalled);
    ending.abort();
  };
  const end = (reason: unknown) => {
    if (ending.signal.aborted) return;
    close();
    onEnd(reason);
  };
  over.catch((error) => end(error instanceof Refusal ? error : new Error(wordsOf(error))));
  return { delayMs: async () => delay, hasSound: () => false, close };
};
