import assert from 'node:assert/strict';
import { access, chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { StreamHub } from '../../../../runtime/media/stream/hub.ts';
import {
  ProcessSource,
  type ProcessSourceOptions,
  type StreamLaunch,
} from '../../../../runtime/media/stream/process-source.ts';
import type { SourceSink } from '../../../../runtime/media/stream/stream-source.ts';
import { childCommands } from '../../../support/children.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { type Clip, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

class Sink implements SourceSink {
  runs = 0;
  units = 0;
  readonly lost: string[] = [];

  onRun(): void {
    this.runs += 1;
  }

  onLost(reason: string): void {
    this.lost.push(reason);
  }

  onParameters(): void {}

  onUnit(): void {
    this.units += 1;
  }
}

describe('a source behind a program', () => {
  let clip: Clip;
  let folder = '';
  let sink: Sink;
  const sources: ProcessSource[] = [];

  before(async () => {
    clip = await recordClip({ width: 64, height: 48, fps: 10, seconds: 0.5, gop: 5 });
    folder = await temporaryFolder('stub');
    await writeFile(join(folder, 'clip.flv'), clip.flv);
  });

  beforeEach(() => {
    sink = new Sink();
  });

  afterEach(async () => {
    await Promise.all(sources.splice(0).map((source) => source.stop()));
    assert.deepEqual(
      (await childCommands()).filter((command) => command.includes(folder)),
      [],
    );
  });

  /** A program in the shell's words; `$CLIP` is a stream of five pictures. */
  async function program(words: string): Promise<StreamLaunch> {
    const script = join(folder, `stub-${Math.random().toString(36).slice(2)}`);
    await writeFile(script, `#!/bin/sh\nCLIP=${folder}/clip.flv\n${words}\n`);
    await chmod(script, 0o755);
    return { command: script, args: [], framing: 'flv' };
  }

  function source(launch: StreamLaunch, change: Partial<ProcessSourceOptions> = {}): ProcessSource {
    const made = new ProcessSource({
      clock: systemClock,
      log: silentLog,
      random: () => 0.5,
      prepare: async () => launch,
      explain: (stderr) => stderr || 'the stream ended',
      ...change,
    });
    sources.push(made);
    return made;
  }

  for (const code of [0, 1]) {
    it(`starts again a program that ended with ${code}`, async () => {
      source(await program(`cat $CLIP; echo "so be it" >&2; exit ${code}`)).start(sink);
      await until('a second run', () => sink.runs >= 2 && sink.units === 10);
      assert.equal(sink.lost[0], 'so be it');
    });
  }

  it('rests longer and longer between starts that fail', async () => {
    const clock = new FakeClock();
    let tries = 0;
    const prepare = async () => {
      tries += 1;
      throw new AppError('camera.unreachable', 'not there');
    };
    source(await program('exit 1'), { clock, prepare }).start(sink);
    const starts: number[] = [];
    for (let second = 0; second < 130; second++) {
      const before = tries;
      await clock.advance(second === 0 ? 0 : 1000);
      if (tries > before) starts.push(second);
    }
    assert.deepEqual(starts, [0, 1, 2, 3, 4, 5, 10, 15, 20, 25, 30, 40, 60, 100]);
    assert.equal(sink.lost[0], 'not there');
  });

  it('tries at once when somebody new waits, though never more than once in five seconds', async () => {
    const clock = new FakeClock();
    let tries = 0;
    const prepare = async () => {
      tries += 1;
      throw new AppError('camera.unreachable', 'not there');
    };
    const made = source(await program('exit 1'), { clock, prepare });
    made.start(sink);
    // Into the pause of 40 s, which ends after 100 s.
    for (let second = 0; second < 62; second++) await clock.advance(second === 0 ? 0 : 1000);
    const before = tries;
    for (let second = 0; second < 10; second++) {
      made.hurry();
      await clock.advance(0);
      await clock.advance(1000);
    }
    assert.equal(tries - before, 2);
  });

  it('is gone for a minute and back: the reader stays, and gets pictures again on a clock that went on', async () => {
    const clock = new FakeClock();
    const away = join(folder, 'away');
    const launch = await program(`[ -e ${away} ] && exit 1; cat $CLIP; while [ ! -e ${away} ]; do sleep 0.02; done`);
    let starts = 0;
    const prepare = async () => {
      starts += 1;
      return launch;
    };
    const made = source(launch, { clock, prepare });
    const hub = new StreamHub({ camera: 'gate', source: made, clock, log: silentLog });
    const times: number[] = [];
    const gaps: string[] = [];
    hub.subscribe({ onFormat() {}, onVideo: ({ dts }) => times.push(dts), onGap: (reason) => gaps.push(reason) });
    await until('pictures', () => times.length === 5);
    await writeFile(away, '');
    await until('a gap', () => gaps.length === 1);
    for (let second = 0; second < 60; second += 1) {
      await clock.advance(1000);
      await until('the try is over', () => hub.status().restarts === starts);
    }
    const { restarts, state, readers } = hub.status();
    assert.deepEqual([state, readers, times.length], ['waiting', 1, 5]);
    // 1 s five times, 5 s five times, 10 and 20 s: not more often, and not given up.
    assert.ok(restarts >= 11 && restarts <= 13, `${restarts}`);
    await rm(away);
    await clock.advance(40_000);
    await until('pictures again', () => times.length === 10);
    assert.equal(hub.status().state, 'live');
    assert.ok((times[5] ?? 0) - (times[4] ?? 0) >= 60_000, 'time went on');
    await hub.close();
  });

  it('kills a program that stands still, and starts it again', async () => {
    const limits = { silenceMs: 300, firstUnitMs: 5000 };
    source(await program('cat $CLIP; kill -STOP $$; echo never'), { limits }).start(sink);
    await until('a loss', () => sink.lost.length > 0);
    assert.match(sink.lost[0] ?? '', /has sent no picture for/);
    await until('a second run', () => sink.units === 10);
  });

  it('kills a program that runs and gives nothing', async () => {
    const limits = { silenceMs: 300, firstUnitMs: 400 };
    source(await program('exec sleep 1000'), { limits }).start(sink);
    await until('a loss', () => sink.lost.length > 0);
    assert.match(sink.lost[0] ?? '', /has sent no picture for/);
  });

  it('kills a program that gives something else than a stream', async () => {
    source(await program('exec cat /dev/zero')).start(sink);
    await until('a loss', () => sink.lost.length > 0);
    assert.match(sink.lost[0] ?? '', /broken/);
    assert.equal(sink.units, 0);
  });

  it('says in words that its program is not there', async () => {
    source({ command: join(folder, 'no-such-program'), args: [], framing: 'flv' }).start(sink);
    await until('a loss', () => sink.lost.length > 0);
    assert.match(sink.lost[0] ?? '', /is not installed/);
  });

  it('ends a program that does not listen', async () => {
    const made = source(await program('trap "" INT TERM; cat $CLIP; while :; do sleep 0.1; done'));
    made.start(sink);
    await until('pictures', () => sink.units === 5);
    await made.stop();
  });

  it('tells nothing after its stop, and may be started again', async () => {
    const made = source(await program('cat $CLIP; exec sleep 1000'));
    made.start(sink);
    await until('pictures', () => sink.units === 5);
    await made.stop();
    assert.deepEqual(sink.lost, []);
    made.start(sink);
    await until('pictures again', () => sink.units === 10);
  });

  it('never runs two programs at once, however it is started and stopped', async () => {
    const words = `[ -e ${folder}/lock ] && echo twice >> ${folder}/twice; touch ${folder}/lock
      trap "rm ${folder}/lock; exit" INT; cat $CLIP; while :; do sleep 0.05; done`;
    const made = source(await program(words));
    for (let i = 0; i < 5; i++) {
      made.start(sink);
      await until('pictures', () => sink.units >= 5 * (i + 1));
      const stopped = made.stop();
      if (i % 2 === 0) await stopped;
    }
    await made.stop();
    await assert.rejects(access(`${folder}/twice`), { code: 'ENOENT' });
  });

  it('tries another way at once where the end of the first says how', async () => {
    const bad = await program('echo "no sound" >&2; exit 1');
    const good = await program('cat $CLIP; exec sleep 1000');
    let launch = bad;
    const made = source(bad, {
      prepare: async () => launch,
      reconsider({ stderr }) {
        if (launch === good || stderr !== 'no sound') return false;
        launch = good;
        return true;
      },
    });
    made.start(sink);
    await until('pictures', () => sink.units === 5);
    assert.deepEqual(sink.lost, []);
  });
});
