import assert from 'node:assert/strict';
import type { AccessUnit, StreamFormat, StreamReader } from '../../../../runtime/contracts/streams.ts';
import { type HubLimits, StreamHub } from '../../../../runtime/media/stream/hub.ts';
import type { SourceSink, StreamSource } from '../../../../runtime/media/stream/stream-source.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { ListLog } from '../../../support/list-log.ts';
import { type Clip, recordClip } from '../../../support/stream-fixture.ts';

/** A source that gives what the test says. */
class HandSource implements StreamSource {
  readonly note?: string;
  starts = 0;
  stops = 0;
  sink: SourceSink | undefined;
  readonly #clip: Clip;
  #count = 0;

  constructor(clip: Clip) {
    this.#clip = clip;
  }

  start(sink: SourceSink): void {
    this.starts += 1;
    this.sink = sink;
    sink.onRun();
    sink.onParameters(this.#clip.sets);
  }

  async stop(): Promise<void> {
    this.stops += 1;
    this.sink = undefined;
    this.#count = 0;
  }

  /** The next pictures: a key frame, then four others, and so on. */
  give(count = 1): void {
    for (let i = 0; i < count; i++) {
      const unit = this.#clip.units[this.#count % this.#clip.units.length];
      assert.ok(unit);
      this.sink?.onUnit({ ...unit, dts: this.#count * 100, pts: this.#count * 100 });
      this.#count += 1;
    }
  }

  lose(reason: string): void {
    this.#count = 0;
    this.sink?.onLost(reason);
  }

  back(): void {
    this.sink?.onRun();
    this.sink?.onParameters(this.#clip.sets);
  }
}

/** Writes down what it is told: `f1` format of generation 1, `K`/`p` pictures, `gap`, `end`. */
class Scribe implements StreamReader {
  readonly heard: string[] = [];
  readonly units: AccessUnit[] = [];
  full = false;

  onFormat({ generation }: StreamFormat): void {
    this.heard.push(`f${generation}`);
  }

  onVideo(unit: AccessUnit): void {
    this.units.push(unit);
    this.heard.push(unit.isKey ? 'K' : 'p');
  }

  isFull(): boolean {
    return this.full;
  }

  onGap(reason: string): void {
    this.heard.push(`gap:${reason}`);
  }

  onEnd(): void {
    this.heard.push('end');
  }

  get text(): string {
    return this.heard.join(' ');
  }
}

describe('a hub', () => {
  let clip: Clip;
  let other: Clip;
  let clock: FakeClock;
  let log: ListLog;
  let source: HandSource;
  let hub: StreamHub;

  before(async () => {
    clip = await recordClip({ width: 160, height: 90, fps: 10, seconds: 1, gop: 5 });
    other = await recordClip({ width: 320, height: 180, fps: 10, seconds: 1, gop: 5 });
  });

  beforeEach(() => make());

  function make(limits: Partial<HubLimits> = {}): void {
    clock = new FakeClock();
    log = new ListLog();
    source = new HandSource(clip);
    hub = new StreamHub({ camera: 'gate', source, clock, log, limits });
  }

  /** Attaches a scribe and lets it have what is there. */
  async function join(scribe = new Scribe()): Promise<Scribe> {
    hub.subscribe(scribe);
    await clock.advance(0);
    return scribe;
  }

  it('gives a reader that joins the pictures since the last key frame, then each as it comes', async () => {
    await join();
    source.give(8);
    const late = await join();
    assert.equal(late.text, 'f1 K p p');
    source.give(3);
    assert.equal(late.text, 'f1 K p p p p K');
  });

  it('gives all readers the same bytes, without a copy', async () => {
    const [one, two] = [await join(), await join()];
    source.give(3);
    assert.equal(one.units[2]?.annexB, two.units[2]?.annexB);
  });

  it('never calls a reader inside its own subscribe', () => {
    hub.subscribe(new Scribe());
    source.give(2);
    const scribe = new Scribe();
    hub.subscribe(scribe);
    assert.deepEqual(scribe.heard, []);
  });

  it('loses and doubles nothing for a reader that joins while a picture is handed out', async () => {
    const late = new Scribe();
    let joined = false;
    hub.subscribe({
      onFormat() {},
      onVideo() {
        if (!joined) hub.subscribe(late);
        joined = true;
      },
    });
    await clock.advance(0);
    source.give(2);
    await clock.advance(0);
    source.give(1);
    assert.equal(late.text, 'f1 K p p');
  });

  it('gives a group up that grows over its limits, until the next key frame', async () => {
    make({ gopUnits: 3 });
    await join();
    source.give(4);
    assert.equal(hub.recent.length, 0);
    const late = await join();
    source.give(1);
    assert.equal(late.text, '');
    source.give(2);
    assert.equal(late.text, 'f1 K p');
    assert.equal(hub.recent.length, 2);
  });

  it('keeps no more bytes than it may', async () => {
    make({ gopBytes: 1000 });
    await join();
    for (let i = 0; i < 20; i++) {
      source.give(1);
      const bytes = hub.recent.reduce((sum, unit) => sum + unit.annexB.length, 0);
      assert.ok(bytes <= 1000);
    }
  });

  it('leaves pictures out for a reader that is full, up to the next key frame, and counts them', async () => {
    const slow = new Scribe();
    const subscription = hub.subscribe(slow);
    await clock.advance(0);
    const quick = await join();
    source.give(2);
    slow.full = true;
    source.give(1);
    slow.full = false;
    source.give(4);
    assert.equal(slow.text, 'f1 K p K p');
    assert.equal(quick.text, 'f1 K p p p p K p');
    assert.equal(subscription.discarded, 3);
    assert.equal(hub.status().discarded, 3);
    subscription.close();
    assert.equal(hub.status().discarded, 3);
  });

  it('leaves out a key frame too while the reader is full', async () => {
    const slow = await join();
    slow.full = true;
    source.give(6);
    slow.full = false;
    source.give(5);
    assert.equal(slow.text, 'f1 K');
  });

  it('detaches a reader that throws, says so, and goes on with the others', async () => {
    const broken: StreamReader = {
      onFormat() {},
      onVideo() {
        throw new Error('a bug in a reader');
      },
    };
    hub.subscribe(broken);
    await clock.advance(0);
    const well = await join();
    source.give(3);
    assert.equal(well.text, 'f1 K p p');
    assert.equal(hub.status().readers, 1);
    assert.deepEqual(log.of('warn'), ['a reader of the stream failed and was detached']);
  });

  it('stops calling a reader that closes in the middle of a call', async () => {
    const heard: string[] = [];
    const subscription = hub.subscribe({
      onFormat() {
        heard.push('format');
        subscription.close();
      },
      onVideo() {
        heard.push('video');
      },
    });
    await clock.advance(0);
    source.give(3);
    assert.deepEqual(heard, ['format']);
  });

  it('starts its source with the first reader, and ends it some time after the last', async () => {
    assert.equal(source.starts, 0);
    const one = hub.subscribe(new Scribe());
    const two = hub.subscribe(new Scribe());
    assert.equal(source.starts, 1);
    one.close();
    two.close();
    two.close();
    await clock.advance(29_999);
    assert.equal(source.stops, 0);
    await clock.advance(1);
    assert.equal(source.stops, 1);
    assert.equal(hub.status().state, 'idle');
    assert.equal(hub.recent.length, 0);
  });

  it('keeps its source for a reader that comes while it lingers', async () => {
    hub.subscribe(new Scribe()).close();
    source.give(3);
    await clock.advance(20_000);
    const late = await join();
    assert.equal(late.text, 'f1 K p p');
    await clock.advance(60_000);
    assert.deepEqual([source.starts, source.stops], [1, 0]);
  });

  it('starts its source anew for a reader that comes while it ends', async () => {
    let ended = () => {};
    source.stop = () => new Promise((resolve) => (ended = resolve));
    hub.subscribe(new Scribe()).close();
    await clock.advance(30_000);
    const late = await join();
    assert.equal(source.starts, 1);
    ended();
    await clock.advance(0);
    assert.equal(source.starts, 2);
    source.give(1);
    assert.equal(late.text, 'f1 K');
  });

  it('is kept warm without readers until released', async () => {
    const release = hub.keepWarm();
    assert.equal(source.starts, 1);
    await clock.advance(120_000);
    source.give(2);
    assert.equal((await join()).text, 'f1 K p');
    release();
    release();
    await clock.advance(120_000);
    assert.equal(source.stops, 0, 'the reader is still there');
  });

  it('keeps readers through a gap, and tells the format again only when it is another', async () => {
    const reader = await join();
    source.give(2);
    source.lose('unplugged');
    source.back();
    source.give(2);
    assert.equal(reader.text, 'f1 K p gap:unplugged K p');
    assert.equal(hub.status().restarts, 1);
  });

  it('tells a reader that comes during a gap the reason, then the format and pictures', async () => {
    await join();
    source.give(2);
    source.lose('unplugged');
    const late = await join();
    assert.equal(late.text, 'gap:unplugged');
    source.back();
    source.give(1);
    assert.equal(late.text, 'gap:unplugged f1 K');
  });

  it('tells a gap once, however often the source fails in the same way', async () => {
    const reader = await join();
    source.give(1);
    for (let i = 0; i < 3; i++) source.lose('unplugged');
    source.lose('on fire');
    assert.equal(reader.text, 'f1 K gap:unplugged gap:on fire');
    assert.equal(hub.status().restarts, 4);
  });

  it('goes over to another source: readers see a gap, a new format, and a clock that rises', async () => {
    const reader = await join();
    source.give(3);
    const next = new HandSource(other);
    hub.replace(next, 'another address');
    await clock.advance(0);
    next.give(2);
    assert.equal(reader.text, 'f1 K p p gap:another address f2 K p');
    assert.equal(source.stops, 1);
    const times = reader.units.map((unit) => unit.dts);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(times).size, times.length);
  });

  it('does not listen to a source that was replaced', async () => {
    const reader = await join();
    source.give(1);
    const late = source.sink;
    const next = new HandSource(other);
    hub.replace(next, 'another address');
    await clock.advance(0);
    const [unit] = clip.units;
    assert.ok(unit && late);
    late.onUnit({ ...unit, dts: 900, pts: 900 });
    late.onLost('too late');
    assert.equal(reader.text, 'f1 K gap:another address');
  });

  it('tells the end when it is closed, once, and takes nobody after', async () => {
    const reader = await join();
    source.give(1);
    await Promise.all([hub.close(), hub.close()]);
    assert.equal(reader.text, 'f1 K end');
    assert.equal(source.stops, 1);
    assert.equal((await join()).text, 'end');
    assert.equal(source.starts, 1);
  });

  it('says how the stream is doing', async () => {
    assert.deepEqual(hub.status(), {
      camera: 'gate',
      state: 'idle',
      readers: 0,
      fps: 0,
      bitsPerSecond: 0,
      bytes: 0,
      restarts: 0,
      discarded: 0,
    });
    await join();
    assert.equal(hub.status().state, 'connecting');
    let bits = 0;
    for (let i = 0; i < 60; i++) {
      source.give(1);
      bits += (hub.recent.at(-1)?.annexB.length ?? 0) * 8;
      await clock.advance(100);
    }
    const { state, fps, bitsPerSecond, bytes, ageMs, format } = hub.status();
    assert.equal(bytes, bits / 8);
    assert.deepEqual(
      { state, ageMs, format },
      {
        state: 'live',
        ageMs: 100,
        format: { codec: format?.codec, width: 160, height: 90, hasBFrames: false },
      },
    );
    assert.ok(Math.abs(fps - 10) <= 0.3, `${fps}`);
    assert.ok(Math.abs(bitsPerSecond - bits / 6) < bits / 6 / 5, `${bitsPerSecond} of ${bits / 6}`);
    source.lose('unplugged');
    assert.deepEqual([hub.status().state, hub.status().reason], ['waiting', 'unplugged']);
  });

  it('says that a source has failed which never gave a picture', async () => {
    await join();
    source.lose('connection refused');
    assert.deepEqual([hub.status().state, hub.status().reason], ['failed', 'connection refused']);
  });

  it('says so when pictures come and never a key frame', async () => {
    await join();
    const unit = clip.units[1];
    assert.ok(unit);
    for (let i = 0; i < 300; i++) source.sink?.onUnit(unit);
    assert.match(hub.status().reason ?? '', /no key frame/);
  });
});
