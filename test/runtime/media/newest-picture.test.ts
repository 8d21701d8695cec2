import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { NewestPicture, type NewestPictureOptions } from '../../../runtime/media/newest-picture.ts';
import { RestartPause } from '../../../runtime/media/restart-pause.ts';
import { childCommands } from '../../support/children.ts';
import { until } from '../../support/until.ts';

const SOURCE = fileURLToPath(new URL('../../support/picture-source.ts', import.meta.url));

describe('the newest picture of a program', () => {
  let made: NewestPicture[] = [];

  function source(behaviour: string | (() => string), options: Partial<NewestPictureOptions> = {}): NewestPicture {
    const pictures = new NewestPicture({
      launch: () => {
        const now = typeof behaviour === 'string' ? behaviour : behaviour();
        return { command: process.execPath, args: [SOURCE, now] };
      },
      explain: (stderr) => `it said: ${stderr}`,
      tunable: false,
      clock: systemClock,
      log: silentLog,
      random: () => 0.5,
      ...options,
    });
    made.push(pictures);
    return pictures;
  }

  async function running(): Promise<number> {
    return (await childCommands()).filter((command) => command.includes('picture-source')).length;
  }

  afterEach(async () => {
    await Promise.all(made.map((pictures) => pictures.close()));
    made = [];
    assert.equal(await running(), 0);
  });

  it('starts the program with the first capture and shares it', async () => {
    const pictures = source('steady');
    assert.equal(pictures.status().state, 'idle');
    assert.equal(await running(), 0);
    const [a, b] = await Promise.all([pictures.take({}), pictures.take({})]);
    assert.equal(a, b);
    assert.equal(await running(), 1);
    assert.equal(pictures.status().state, 'live');
    assert.ok(Math.abs(Date.now() - a.shownAt) < 1000);
  });

  it('gives the picture of now, not the first', async () => {
    const pictures = source('steady');
    const first = await pictures.take({});
    const later = await until('another picture', async () => {
      const next = await pictures.take({});
      return next.shownAt > first.shownAt && next;
    });
    assert.ok(!later.jpeg.equals(first.jpeg));
  });

  it('kills a program that falls silent, starts it again, and lets the waiting have their picture', async () => {
    let starts = 0;
    const next = () => (++starts === 1 ? 'fall-silent' : 'steady');
    const pictures = source(next, { limits: { silenceMs: 400, freshMs: 100 } });
    await pictures.take({});
    await until('a stall', () => pictures.status().state === 'stalled');
    assert.match(pictures.status().reason ?? '', /gave no picture for/);
    await pictures.take({});
    assert.equal(starts, 2);
    assert.equal(pictures.status().state, 'live');
  });

  it('takes every end for a failure, a good exit code too', async () => {
    const pictures = source('quit');
    await pictures.take({});
    await until('a stall', () => pictures.status().state === 'stalled');
    assert.match(pictures.status().reason ?? '', /it said/);
  });

  it('tells who waits why there is no picture, and who comes during the pause at once', async () => {
    let starts = 0;
    const pictures = source(() => {
      starts += 1;
      return 'refuse';
    });
    await assert.rejects(pictures.take({}), /401 Unauthorized/);
    assert.equal(pictures.status().state, 'failed');
    const startMs = performance.now();
    await assert.rejects(pictures.take({}), /401 Unauthorized/);
    assert.equal(starts, 1, 'nobody waited for the next start');
    // The pause is a second; a machine that does other things, too, answers a little later than at once.
    assert.ok(performance.now() - startMs < 500);
  });

  it('names a program that is not installed', async () => {
    const pictures = source('steady', { launch: () => ({ command: '/no/such/program', args: [] }) });
    await assert.rejects(pictures.take({}), { code: 'process.missing' });
  });

  it('comes back by itself once the camera does', async () => {
    let broken = true;
    const pictures = source(() => (broken ? 'refuse' : 'steady'));
    await assert.rejects(pictures.take({}));
    broken = false;
    await until('live', () => pictures.status().state === 'live');
    assert.equal(pictures.status().reason, undefined);
  });

  it('ends the program some time after the last capture, and starts it anew for the next', async () => {
    const pictures = source('steady', { limits: { lingerMs: 200 } });
    const first = await pictures.take({});
    await until('no program', async () => (await running()) === 0);
    await until('rest', () => pictures.status().state === 'idle');
    const second = await pictures.take({});
    assert.ok(second.shownAt > first.shownAt + 200);
  });

  it('ends a program that does not want to', async () => {
    const pictures = source('deaf');
    await pictures.take({});
    await pictures.close();
    assert.equal(await running(), 0);
    await assert.rejects(pictures.take({}), { code: 'camera.unreachable' });
  });

  it('lets one caller give up without hurting the other', async () => {
    const pictures = source('steady');
    const giveUp = new AbortController();
    const quitter = pictures.take({}, giveUp.signal);
    const patient = pictures.take({});
    giveUp.abort(new AppError('camera.no_picture', 'not wanted any more'));
    await assert.rejects(quitter, /not wanted/);
    assert.ok((await patient).jpeg.length > 0);
  });

  it('does not show the dark first pictures of a camera that has to settle', async () => {
    const pictures = source('steady', { limits: { settleMs: 300 } });
    const startMs = performance.now();
    await pictures.take({});
    assert.ok(performance.now() - startMs >= 300);
  });

  it('changes its tuning when captures keep asking for another, and goes on giving pictures', async () => {
    const tunings: { fps: number; width?: number }[] = [];
    const pictures = source('steady', {
      tunable: true,
      launch: (tuning) => {
        tunings.push(tuning);
        return { command: process.execPath, args: [SOURCE, 'steady'] };
      },
    });
    await pictures.take({});
    for (let i = 0; i < 3; i++) await pictures.take({ width: 16 });
    await until('the new tuning', () => tunings.length > 1);
    assert.deepEqual(tunings[1]?.width, 16);
    assert.ok((await pictures.take({ width: 16 })).jpeg.length > 0);
    assert.equal(pictures.status().state, 'live');
  });
});

describe('the pause before a restart', () => {
  it('grows from 1 s five times and 5 s five times to a minute', () => {
    const pause = new RestartPause(() => 0.5);
    const waits = Array.from({ length: 16 }, () => pause.next() / 1000);
    assert.deepEqual(waits, [1, 1, 1, 1, 1, 5, 5, 5, 5, 5, 10, 20, 40, 60, 60, 60]);
    pause.reset();
    assert.equal(pause.next(), 1000);
  });

  it('is spread, so that cameras do not come back in step', () => {
    assert.deepEqual([new RestartPause(() => 0).next(), new RestartPause(() => 1).next()], [800, 1200]);
  });
});
