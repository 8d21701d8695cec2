import assert from 'node:assert/strict';
import type { AudioFormat } from '../../../../runtime/contracts/streams.ts';
import { AnnexBParser } from '../../../../runtime/media/stream/annexb-parser.ts';
import { FlvDemuxer } from '../../../../runtime/media/stream/flv-demuxer.ts';
import { isPicture, NAL, nalType, toAnnexB } from '../../../../runtime/media/stream/nal.ts';
import type { RawSink, RawUnit, StreamParser } from '../../../../runtime/media/stream/raw-unit.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { type Clip, recordClip } from '../../../support/stream-fixture.ts';

/** What came out of a parser, in a form that compares. */
class Taken implements RawSink {
  readonly units: { bytes: string; dts: number; pts: number }[] = [];
  readonly sets: string[] = [];
  readonly audio: string[] = [];
  audioFormat: AudioFormat | undefined;

  onParameters(sets: Buffer[]): void {
    this.sets.push(...sets.map((set) => set.toString('hex')));
  }

  onUnit({ nals, dts, pts }: RawUnit): void {
    this.units.push({ bytes: toAnnexB(nals).toString('latin1'), dts, pts });
  }

  onAudioFormat(format: AudioFormat): void {
    this.audioFormat = format;
  }

  onAudio(data: Buffer, pts: number): void {
    this.audio.push(`${pts}:${data.toString('latin1')}`);
  }
}

function feed(parser: StreamParser, bytes: Buffer, size: number): void {
  for (let at = 0; at < bytes.length; at += size) parser.push(Buffer.from(bytes.subarray(at, at + size)));
}

describe('FLV', () => {
  let clip: Clip;
  before(async () => {
    clip = await recordClip({ width: 64, height: 48, seconds: 0.6, fps: 10, gop: 3, audio: true });
  });

  function taken(cut: (parser: FlvDemuxer) => void): Taken {
    const sink = new Taken();
    cut(new FlvDemuxer(sink));
    return sink;
  }

  it('gives the same units wherever its bytes are cut in two', () => {
    const whole = taken((parser) => parser.push(Buffer.from(clip.flv)));
    assert.equal(whole.units.length, 6);
    assert.ok(whole.audio.length > 10);
    for (let at = 1; at < clip.flv.length; at++) {
      const cut = taken((parser) => {
        parser.push(Buffer.from(clip.flv.subarray(0, at)));
        parser.push(Buffer.from(clip.flv.subarray(at)));
      });
      assert.deepEqual(cut, whole);
    }
  });

  it('gives the same units byte by byte', () => {
    const whole = taken((parser) => parser.push(Buffer.from(clip.flv)));
    assert.deepEqual(
      taken((parser) => feed(parser, clip.flv, 1)),
      whole,
    );
  });

  it('tells the sound: AAC, its rate, channels and configuration', () => {
    const { audioFormat } = clip;
    assert.deepEqual(
      { ...audioFormat, config: audioFormat?.config?.toString('hex').slice(0, 4) },
      { codec: 'aac', sampleRate: 48_000, channels: 1, config: '1188' },
    );
  });

  it('has the time of showing apart from that of decoding where there are B-frames', async () => {
    const { units } = await recordClip({ width: 64, height: 48, seconds: 1, fps: 10, gop: 10, bFrames: 2 });
    assert.ok(units.some((unit) => unit.pts !== unit.dts));
    const shown = units.map((unit) => unit.pts).toSorted((a, b) => a - b);
    assert.deepEqual(
      shown.map((pts) => pts - (shown[0] ?? 0)),
      units.map((_unit, index) => index * 100),
    );
  });

  it('hands on a key frame to its last byte', () => {
    // Each NAL unit's length stands before it in the file, so their sum says how long the unit must be.
    for (const { nals, annexB } of clip.units) {
      const sum = nals.reduce((size, nal) => size + nal.length + 4, 0);
      assert.equal(annexB?.length, sum);
    }
  });

  for (const [what, spoil] of [
    ['no FLV', (flv: Buffer) => flv.fill(0x41, 0, 3)],
    ['a tag of no kind', (flv: Buffer) => flv.fill(0x05, 13, 14)],
    ['a tag that is longer than it says', (flv: Buffer) => flv.writeUIntBE(flv.readUIntBE(14, 3) - 1, 14, 3)],
  ] as const) {
    it(`refuses ${what}`, () => {
      const flv = Buffer.from(clip.flv);
      spoil(flv);
      assert.throws(() => new FlvDemuxer(new Taken()).push(flv), { code: 'process.failed' });
    });
  }
});

describe('Annex B', () => {
  let clip: Clip;
  let bytes: Buffer;
  before(async () => {
    clip = await recordClip({ width: 64, height: 48, seconds: 0.8, fps: 10, gop: 4 });
    bytes = bare(clip);
  });

  /** As a camera's program writes it: parameter sets in band, delimiters in front of some, start codes of both lengths. */
  function bare({ units, sets }: Clip): Buffer {
    const pieces = units.map(({ nals }, index) => {
      const isKey = nals.some((nal) => nalType(nal) === NAL.idr);
      const long = toAnnexB([...(index % 3 === 0 ? [Buffer.from([9, 0xf0])] : []), ...(isKey ? sets : []), ...nals]);
      return index % 2 === 0
        ? long
        : Buffer.from(long.toString('latin1').replaceAll('\0\0\0\x01', '\0\0\x01'), 'latin1');
    });
    return Buffer.concat(pieces);
  }

  function parser(sink: RawSink, idleMs = 0, clock = new FakeClock()): AnnexBParser {
    return new AnnexBParser({ sink, clock, idleMs });
  }

  function pictures(sink: Taken): string[] {
    return sink.units.map(({ bytes: text }) => text);
  }

  it('gives as many units as there are pictures, wherever its bytes are cut in two', () => {
    const whole = new Taken();
    const one = parser(whole);
    one.push(bytes);
    one.end();
    assert.equal(whole.units.length, clip.units.length);
    for (let at = 1; at < bytes.length; at++) {
      const sink = new Taken();
      const cut = parser(sink);
      cut.push(bytes.subarray(0, at));
      cut.push(bytes.subarray(at));
      cut.end();
      assert.deepEqual(pictures(sink), pictures(whole));
    }
  });

  it('gives the same byte by byte', () => {
    const whole = new Taken();
    feed(parser(whole), bytes, bytes.length);
    const single = new Taken();
    feed(parser(single), bytes, 1);
    assert.deepEqual(pictures(single), pictures(whole));
  });

  it('keeps the slices of a picture together', async () => {
    const sliced = await recordClip({ width: 128, height: 96, seconds: 0.5, fps: 10, gop: 5, slices: 4 });
    assert.ok(sliced.units.every(({ nals }) => nals.filter((nal) => isPicture(nalType(nal))).length === 4));
    const sink = new Taken();
    const made = parser(sink);
    feed(made, bare(sliced), 7);
    made.end();
    assert.equal(sink.units.length, sliced.units.length);
  });

  it('hands on a picture a few ms after its last byte, without waiting for the next', async () => {
    const clock = new FakeClock();
    const sink = new Taken();
    const made = parser(sink, 5, clock);
    const [first, second] = clip.units;
    assert.ok(first && second);
    made.push(toAnnexB([...clip.sets, ...first.nals]));
    await clock.advance(4);
    assert.equal(sink.units.length, 0);
    await clock.advance(1);
    assert.equal(sink.units.length, 1);
    await clock.advance(95);
    made.push(toAnnexB(second.nals));
    await clock.advance(5);
    assert.deepEqual(
      sink.units.map(({ dts, pts }) => [dts, pts]),
      [
        [0, 0],
        [100, 100],
      ],
    );
    assert.equal(made.torn, 0);
  });

  it('does not take parameter sets alone for a picture, however long nothing follows', async () => {
    const clock = new FakeClock();
    const sink = new Taken();
    const made = parser(sink, 5, clock);
    made.push(toAnnexB(clip.sets));
    await clock.advance(1000);
    assert.equal(sink.units.length, 0);
  });

  it('waits longer after a writer has paused inside a picture, and goes on with the next one', async () => {
    const clock = new FakeClock();
    const sink = new Taken();
    const made = parser(sink, 5, clock);
    const [key, ...others] = clip.units.map(({ nals }) => toAnnexB(nals));
    assert.ok(key);
    const middle = Math.floor(key.length / 2);
    made.push(key.subarray(0, middle));
    await clock.advance(6);
    made.push(key.subarray(middle));
    await clock.advance(6);
    for (const other of others) {
      // A pause of 8 ms would have torn it at first; it no longer does.
      made.push(other.subarray(0, 20));
      await clock.advance(8);
      made.push(other.subarray(20));
      await clock.advance(30);
    }
    assert.equal(made.torn, 1);
    assert.deepEqual(
      sink.units.slice(1).map(({ bytes: text }) => text),
      others.map((other) => other.toString('latin1')),
    );
  });

  it('refuses what never holds a start code', () => {
    const made = parser(new Taken());
    assert.throws(
      () => {
        for (let i = 0; i < 200; i++) made.push(Buffer.alloc(64 * 1024, 0x55));
      },
      { code: 'process.failed' },
    );
  });
});
