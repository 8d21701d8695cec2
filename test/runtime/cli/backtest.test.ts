import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { temporaryFolder } from '../../support/folders.ts';
import { scene } from '../../support/scenes.ts';

const runFile = promisify(execFile);
const COMMAND = 'runtime/cli/backtest.ts';

interface Line {
  type: string;
  roi: string | null;
  start: number;
  end: number | null;
  stock_changed: boolean | null;
  score: number;
}

async function backtest(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  try {
    const { stdout, stderr } = await runFile(process.execPath, [COMMAND, ...args]);
    return { code: 0, out: stdout, error: stderr };
  } catch (thrown) {
    const { code, stdout, stderr } = thrown as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, error: stderr };
  }
}

const lines = (out: string): Line[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

/** Pictures of a hand that takes goods after 3 s, as a folder at 10 fps. */
async function folder(nameOf: (i: number) => string): Promise<string> {
  const path = await temporaryFolder('footage');
  const goods = { x: 30, y: 40, width: 20, height: 35, seed: 11 };
  for (let i = 0; i < 80; i += 1) {
    const hand = i >= 30 && i < 45 ? [{ x: 20 + (i - 30) * 1.5, y: 25, width: 16, height: 45, seed: 5 }] : [];
    const picture = scene({ things: [...(i < 40 ? [goods] : []), ...hand], frame: i });
    const raw = { width: picture.width, height: picture.height, channels: 1 as const };
    await sharp(picture.pixels, { raw })
      .jpeg({ quality: 90 })
      .toFile(join(path, nameOf(i)));
  }
  return path;
}

async function file(content: unknown): Promise<string> {
  const path = join(await temporaryFolder('backtest'), 'file.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const PIXELS = { frame: [160, 90], rois: { shelf: [20, 20, 40, 60] } };
const numbered = (i: number) => `${String(i).padStart(4, '0')}.jpg`;

describe('npm run backtest', function () {
  this.timeout(120_000);

  it('finds what happens in a folder of pictures, in the form of the contract', async () => {
    const clip = await folder(numbered);
    const { code, out, error } = await backtest('--clip', clip, '--rois', await file(PIXELS), '--json');
    assert.equal(code, 0, error);
    const [event, ...others] = lines(out);
    assert.deepEqual(others, []);
    assert.deepEqual(Object.keys(event ?? {}), ['type', 'roi', 'start', 'end', 'stock_changed', 'score']);
    assert.deepEqual([event?.type, event?.roi, event?.stock_changed], ['interaction_detected', 'shelf', true]);
    assert.ok(Math.abs((event?.start ?? 0) - 3) <= 0.2 && Math.abs((event?.end ?? 0) - 4.5) <= 0.4, out);
  });

  it('takes times from names that are epoch ms, ROIs as the API has them, and prints a table', async () => {
    const clip = await folder((i) => `${1_790_000_000_000 + i * 200}.jpg`);
    const points = [[0.125, 0.2], [0.375, 0.2], [0.375, 0.9], [0.125, 0.9]]; // biome-ignore format: four corners
    const rois = await file({ version: 3, rois: [{ name: 'shelf', kind: 'inventory', points }] });
    const { out } = await backtest('--clip', clip, '--rois', rois);
    assert.match(out, /^event +roi/);
    assert.match(out, /interaction_detected +shelf +6\.[0-4]/);
    assert.match(out, /80 pictures, 15\.8 s, 1 event\n$/);
  });

  it('plays a film through ffmpeg and finds the same', async () => {
    const clip = await folder(numbered);
    const film = join(clip, 'film.mp4');
    const code = ['-c:v', 'libx264', '-crf', '18', '-pix_fmt', 'yuv420p'];
    await runFile('ffmpeg', ['-v', 'error', '-framerate', '10', '-i', join(clip, '%04d.jpg'), ...code, film]);
    const { out, error } = await backtest('--clip', film, '--rois', await file(PIXELS), '--json');
    const events = lines(out);
    assert.deepEqual(
      events.map((event) => [event.roi, event.stock_changed]),
      [['shelf', true]],
      error,
    );
    assert.ok(Math.abs((events[0]?.start ?? 0) - 3) <= 0.3);
  });

  it('says which option is wrong, in one line, and exits with 2', async () => {
    const rois = await file(PIXELS);
    const clip = await folder(numbered);
    const wrong: [RegExp, string[]][] = [
      [/--clip is missing/, ['--rois', rois]],
      [/--rois is missing/, ['--clip', clip]],
      [/--fps must be a number/, ['--clip', clip, '--rois', rois, '--fps', 'fast']],
      [/--fps must be a number/, ['--clip', clip, '--rois', rois, '--fps', '0']],
      [/--speed/, ['--clip', clip, '--rois', rois, '--speed', '2']],
      [/--clip .*is not there/, ['--clip', join(clip, 'no'), '--rois', rois]],
      [/--clip .*cannot be played/, ['--clip', rois, '--rois', rois]],
      [/--clip .*holds no \.jpg/, ['--clip', dirname(rois), '--rois', rois]],
      [/--rois .*cannot be read/, ['--clip', clip, '--rois', join(clip, 'no')]],
      [/--rois .*is not JSON/, ['--clip', clip, '--rois', await file('{')]],
      [/--rois .*rois/, ['--clip', clip, '--rois', await file({ rois: [{ name: 'a' }] })]],
      [/--flow .*no delta-detect/, ['--clip', clip, '--rois', rois, '--flow', await file([{ type: 'tab' }])]],
    ];
    for (const [said, args] of wrong) {
      const { code, error, out } = await backtest(...args, '--json');
      assert.equal(code, 2, `${args.join(' ')}: ${error}`);
      assert.match(error, said);
      assert.equal(error.trim().split('\n').length, 1, error);
      assert.equal(out, '');
    }
  });

  it('says what it took from a flow', async () => {
    const flow = await file([{ id: 'n1', type: 'delta-detect', name: 'compare' }]);
    const clip = await folder(numbered);
    const { code, error } = await backtest('--clip', clip, '--rois', await file(PIXELS), '--flow', flow);
    assert.equal(code, 0);
    assert.match(error, /delta-detect node "compare"/);
  });

  it('finds the eight interactions of TEST_CLIP with at most one more, where it is set', async () => {
    const clip = process.env['TEST_CLIP'];
    if (!clip) {
      process.stdout.write('      TEST_CLIP is not set: nothing was looked for in real footage\n');
      return;
    }
    const annotation = join(dirname(clip), 'bottle.events.json');
    const known = JSON.parse(await readFile(annotation, 'utf8')) as {
      events: Record<string, [number, number, number][]>;
    };
    const { code, out, error } = await backtest('--clip', clip, '--rois', annotation, '--json');
    assert.equal(code, 0, error);
    const events = lines(out);
    const left = new Set(events);
    for (const [roi, list] of Object.entries(known.events)) {
      for (const [frame] of list) {
        const start = frame / 29.833;
        const found = [...left].find((event) => event.roi === roi && Math.abs(event.start - start) <= 0.7);
        assert.ok(found, `nothing in ${roi} at ${start.toFixed(2)} s\n${out}`);
        assert.equal(found.stock_changed, true);
        left.delete(found);
      }
    }
    assert.ok(left.size <= 1, `too many: ${JSON.stringify([...left])}`);
  });
});
