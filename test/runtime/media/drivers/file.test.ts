import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { FileDriver } from '../../../../runtime/media/drivers/file.ts';
import { childCommands } from '../../../support/children.ts';
import { clipTime, rampClip } from '../../../support/clips.ts';
import { driverParts } from '../../../support/driver-parts.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { until } from '../../../support/until.ts';

const SECONDS = 2.5;

describe('a clip as a camera', () => {
  let clip = '';
  const drivers: FileDriver[] = [];

  function driver(path: string, parts = driverParts()): FileDriver {
    const made = new FileDriver(path, parts);
    drivers.push(made);
    return made;
  }

  before(async () => {
    clip = await rampClip(SECONDS);
  });

  afterEach(async () => {
    for (const made of drivers.splice(0)) await made.close();
    assert.deepEqual(
      (await childCommands()).filter((command) => command.includes('stream_loop')),
      [],
    );
  });

  /** How far the clip's own time is from the time that passed, both modulo its length. */
  async function lag(made: FileDriver, openedAt: number): Promise<number> {
    const { jpeg, capturedAt } = await made.capture({});
    const expected = ((capturedAt - openedAt) / 1000) % SECONDS;
    const off = (await clipTime(jpeg, SECONDS)) - expected;
    return off > SECONDS / 2 ? off - SECONDS : off < -SECONDS / 2 ? off + SECONDS : off;
  }

  it('plays in real time, and goes on at its beginning after its end', async () => {
    const made = driver(clip);
    await made.open();
    const openedAt = Date.now();
    const first = await lag(made, openedAt);
    await until('the second round', () => Date.now() - openedAt > SECONDS * 1000 + 700);
    // ffmpeg's start is a constant; what counts is that nothing is added to it.
    const later = await lag(made, openedAt);
    assert.ok(Math.abs(later - first) < 0.45, `${first} then ${later}`);
    await until('the third round', () => Date.now() - openedAt > 2 * SECONDS * 1000 + 1500);
    const last = await lag(made, openedAt);
    assert.ok(Math.abs(last - first) < 0.45, `${first} then ${last}`);
  });

  it('is where it would be after nobody has looked for a while', async () => {
    const made = driver(clip, driverParts({ limits: { lingerMs: 300 } }));
    await made.open();
    const openedAt = Date.now();
    const first = await lag(made, openedAt);
    await until('rest', () => made.status().state === 'idle');
    await until('some time', () => Date.now() - openedAt > 2700);
    const later = await lag(made, openedAt);
    assert.ok(Math.abs(later - first) < 0.6, `${first} then ${later}`);
  });

  it('serves many captures from one decoder, in the size and quality asked for', async () => {
    const made = driver(clip);
    await made.open();
    for (let i = 0; i < 4; i++) {
      const picture = await made.capture({ width: 64, jpegQuality: 50 });
      const { width, height } = await sharp(picture.jpeg).metadata();
      assert.deepEqual([width, height, picture.width, picture.height], [64, 48, 64, 48]);
      assert.equal(picture.jpegQuality, 50);
    }
    assert.equal((await childCommands()).filter((command) => command.includes('stream_loop')).length, 1);
  });

  it('says that a clip is not there, is no video, or holds no picture', async () => {
    const folder = await temporaryFolder();
    const text = join(folder, 'notes.mp4');
    await writeFile(text, 'no video at all');
    const list = join(folder, 'list.mp4');
    await writeFile(list, `ffconcat version 1.0\nfile '${clip}'\n`);
    const cases: [string, RegExp][] = [
      [join(folder, 'gone.mp4'), /gone\.mp4 cannot be played: it is not there/],
      [folder, /it is not a file/],
      [text, /it is no video/],
      [list, /cannot be played/],
    ];
    for (const [path, message] of cases) {
      await assert.rejects(driver(path).open(), { code: 'camera.unreachable', message });
    }
  });

  it('names ffmpeg and how to get it where it is missing', async () => {
    const made = driver(clip, driverParts({ ffmpegPath: '/no/such/ffmpeg' }));
    await assert.rejects(made.open(), { code: 'process.missing', message: /apt install ffmpeg/ });
  });
});
