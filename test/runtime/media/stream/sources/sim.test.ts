import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../../../runtime/lib/clock.ts';
import type { CameraUrl } from '../../../../../runtime/media/camera-url.ts';
import type { RawUnit } from '../../../../../runtime/media/stream/raw-unit.ts';
import { SimSource } from '../../../../../runtime/media/stream/sources/sim.ts';
import { driverParts } from '../../../../support/driver-parts.ts';
import { temporaryFolder } from '../../../../support/folders.ts';
import { until } from '../../../../support/until.ts';

/** 8 s of pictures, so small and slow that they are encoded in a moment. */
const GRADIENT: CameraUrl & { kind: 'sim' } = { kind: 'sim', scene: 'gradient', width: 64, height: 48, fps: 5 };
const NO_ENCODER = '/no/such/ffmpeg';

/** The clock's time goes on by itself and much faster, so that a lap is over soon. */
function fastClock(factor: number) {
  const beganMs = performance.now();
  const monotonicMs = () => beganMs + (performance.now() - beganMs) * factor;
  return {
    ...systemClock,
    monotonicMs,
    now: () => 1_700_000_000_000 + monotonicMs(),
    after: (ms: number, run: () => void) => systemClock.after(ms / factor, run),
    sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / factor, signal),
  };
}

describe('a built-in scene', () => {
  const run = (folder: string, change: Partial<Parameters<typeof driverParts>[0]> & { fps?: number } = {}) => {
    const { fps = GRADIENT.fps, ...parts } = change;
    const source = new SimSource(
      { ...GRADIENT, fps },
      { ...driverParts({ clock: fastClock(20), ...parts }), cacheFolder: folder },
    );
    const units: RawUnit[] = [];
    const lost: string[] = [];
    const sets: Buffer[][] = [];
    const start = () =>
      source.start({
        onRun() {},
        onLost: (reason) => lost.push(reason),
        onParameters: (some) => sets.push(some),
        onUnit: (unit) => units.push(unit),
      });
    start();
    return { source, units, lost, sets };
  };
  const encodeWhole = async (folder: string) => {
    const first = run(folder);
    await until('the loop is whole', () => first.source.isWhole, 20_000);
    await first.source.stop();
    return first;
  };
  const files = (folder: string) => readdirSync(folder);

  it('is not encoded again by the next process: the loop comes from its file', async () => {
    const folder = await temporaryFolder();
    const first = await encodeWhole(folder);
    assert.equal(files(folder).length, 1);
    // Without an encoder nothing but the file can give pictures.
    const second = run(folder, { ffmpegPath: NO_ENCODER });
    await until('pictures of the file', () => second.units.length >= 5);
    await second.source.stop();
    assert.deepEqual(second.lost, []);
    assert.deepEqual(second.sets, first.sets.slice(0, 1));
    const encoded = new Set(first.units.map(({ nals }) => Buffer.concat(nals).toString('base64')));
    for (const { nals } of second.units) assert.ok(encoded.has(Buffer.concat(nals).toString('base64')));
  });

  it('keeps what was encoded when it is stopped early, whole groups only', async () => {
    const folder = await temporaryFolder();
    const first = run(folder, { clock: fastClock(2) });
    await until('some pictures', () => first.units.length >= 6, 20_000);
    await first.source.stop();
    assert.equal(first.source.isWhole, false);
    const [name = ''] = files(folder);
    assert.ok(readFileSync(join(folder, name)).length > 100);
    const second = run(folder);
    await until('the rest is encoded', () => second.source.isWhole, 20_000);
    await second.source.stop();
    const third = run(folder, { ffmpegPath: NO_ENCODER });
    await until('all is in the file', () => third.source.isWhole);
    await third.source.stop();
  });

  it('has a file of its own for each size, rate and light, and at most four', async () => {
    const folder = await temporaryFolder();
    for (const fps of [1, 2, 3, 4, 5]) {
      const one = run(folder, { fps });
      await until('the loop is whole', () => one.source.isWhole, 20_000);
      await one.source.stop();
    }
    assert.equal(files(folder).length, 4);
  });

  it('makes a broken file anew', async () => {
    const folder = await temporaryFolder();
    await encodeWhole(folder);
    const [name = ''] = files(folder);
    const path = join(folder, name);
    const whole = readFileSync(path);
    const flipped = Buffer.from(whole);
    flipped[whole.length - 7] = (flipped[whole.length - 7] ?? 0) ^ 1;
    const broken: (() => void)[] = [
      () => truncateSync(path, whole.length - 1),
      () => writeFileSync(path, flipped),
      () => writeFileSync(path, ''),
      () => writeFileSync(path, 'not a loop'),
    ];
    for (const spoil of broken) {
      spoil();
      const again = run(folder);
      await until('the loop is whole', () => again.source.isWhole, 20_000);
      await again.source.stop();
      assert.deepEqual(again.lost, []);
      const kept = run(folder, { ffmpegPath: NO_ENCODER });
      await until('it is whole from the file', () => kept.source.isWhole);
      await kept.source.stop();
    }
  });
});
