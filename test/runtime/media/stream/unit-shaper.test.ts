import assert from 'node:assert/strict';
import type { AccessUnit, AudioUnit, StreamFormat } from '../../../../runtime/contracts/streams.ts';
import { NAL, nalType, toAnnexB } from '../../../../runtime/media/stream/nal.ts';
import type { RawUnit } from '../../../../runtime/media/stream/raw-unit.ts';
import { UnitShaper } from '../../../../runtime/media/stream/unit-shaper.ts';
import { type Clip, decode, recordClip } from '../../../support/stream-fixture.ts';

describe('a stream in shape', () => {
  let clip: Clip;
  let other: Clip;
  let formats: StreamFormat[] = [];
  let units: AccessUnit[] = [];
  let audio: AudioUnit[] = [];
  let nowMs = 0;
  let shaper: UnitShaper;

  before(async () => {
    clip = await recordClip({ width: 160, height: 90, fps: 10, seconds: 1, gop: 5, audio: true });
    other = await recordClip({ width: 320, height: 180, fps: 10, seconds: 1, gop: 5 });
  });

  beforeEach(() => {
    formats = [];
    units = [];
    audio = [];
    nowMs = 0;
    const sink = {
      onFormat: (format: StreamFormat) => formats.push(format),
      onVideo: (unit: AccessUnit) => units.push(unit),
      onAudio: (unit: AudioUnit) => audio.push(unit),
    };
    shaper = new UnitShaper(sink, () => nowMs);
  });

  function play({ sets, units: raws, audioFormat }: Clip, change: (raw: RawUnit) => RawUnit = (raw) => raw): void {
    shaper.restart();
    shaper.onParameters(sets);
    if (audioFormat) shaper.onAudioFormat(audioFormat);
    for (const raw of raws) shaper.onUnit(change(raw));
  }

  it('decodes without a complaint, each key frame by itself too', async () => {
    play(clip);
    const whole = Buffer.concat(units.map((unit) => unit.annexB));
    assert.deepEqual(await decode(whole), { complaints: '', pictures: 10 });
    for (const { annexB } of units.filter((unit) => unit.isKey)) {
      assert.deepEqual(await decode(annexB), { complaints: '', pictures: 1 });
    }
  });

  it('has parameter sets before each key frame, and the key frame to its last byte', () => {
    play(clip);
    const keys = clip.units.filter(({ nals }) => nals.some((nal) => nalType(nal) === NAL.idr));
    const shaped = units.filter((unit) => unit.isKey);
    assert.equal(keys.length, 2);
    assert.deepEqual(
      shaped.map((unit) => unit.annexB),
      keys.map(({ nals }) => toAnnexB([...clip.sets, ...nals])),
    );
  });

  it('does not double the parameter sets of a source that has them in band', () => {
    const inBand = (raw: RawUnit): RawUnit => {
      const isKey = raw.nals.some((nal) => nalType(nal) === NAL.idr);
      return {
        nals: isKey ? [Buffer.from([9, 0x10]), ...clip.sets, ...raw.nals] : raw.nals,
        dts: raw.dts,
        pts: raw.pts,
      };
    };
    play({ ...clip, sets: [] }, inBand);
    const inBandUnits = units.map((unit) => unit.annexB);
    units = [];
    play(clip);
    assert.deepEqual(
      inBandUnits,
      units.map((unit) => unit.annexB),
    );
  });

  it('begins with a key frame in each run', () => {
    play({ ...clip, units: clip.units.slice(3) });
    assert.equal(units[0]?.isKey, true);
    assert.equal(units.length, 5);
    assert.equal(shaper.skipped, 2);
  });

  it('tells one format for the whole of a run, and none again for the same after a restart', () => {
    play(clip);
    play(clip);
    assert.deepEqual(
      formats.map(({ generation, video, audio: sound }) => [generation, video.width, video.hasBFrames, sound?.codec]),
      [[1, 160, false, 'aac']],
    );
    assert.equal(formats[0]?.video.codec, `avc1.${clip.sets[0]?.toString('hex', 1, 4)}`);
  });

  it('tells another format with a higher generation when size and sound change', () => {
    play(clip);
    play(other);
    assert.deepEqual(
      formats.map(({ generation, video, audio: sound }) => [generation, video.width, video.height, sound?.codec]),
      [
        [1, 160, 90, 'aac'],
        [2, 320, 180, undefined],
      ],
    );
  });

  it('tells another format when the size changes between two key frames of one run', () => {
    play(clip);
    shaper.onUnit({ ...other.units[0], nals: [...other.sets, ...(other.units[0]?.nals ?? [])], dts: 1000, pts: 1000 });
    assert.deepEqual(
      formats.map(({ generation, video }) => [generation, video.width]),
      [
        [1, 160],
        [2, 320],
      ],
    );
  });

  it('tells B-frames before the first unit where the parameter sets do', async () => {
    const reordered = await recordClip({ width: 160, height: 90, fps: 10, seconds: 1, gop: 10, bFrames: 2 });
    play(reordered);
    assert.deepEqual(
      formats.map(({ video }) => video.hasBFrames),
      [true],
    );
    assert.ok(units.some((unit) => unit.pts > unit.dts));
  });

  it('tells B-frames with the next key frame where only the pictures show them', () => {
    const silent = { ...clip, sets: [silentSps(), ...clip.sets.slice(1)] };
    play(silent, (raw) => (raw === clip.units[3] ? { ...raw, pts: raw.dts + 100 } : raw));
    assert.deepEqual(
      formats.map(({ generation, video }) => [generation, video.hasBFrames]),
      [
        [1, false],
        [2, true],
      ],
    );
    assert.equal(units.length, 10);
  });

  it('has a clock that rises over restarts of the source, by the time that it was away', () => {
    play(clip);
    const last = units.at(-1);
    nowMs += 3000;
    play(clip);
    const first = units[clip.units.length];
    assert.ok(last && first);
    assert.equal(first.dts - last.dts, 3000);
    for (const [index, unit] of units.entries()) assert.ok(index === 0 || unit.dts > (units[index - 1]?.dts ?? 0));
  });

  it('has a clock that rises when the source jumps back, stands, or leaps ahead', () => {
    const times = [0, 100, 100, 90, 200, 900_000, 900_100, 5, 105, 205];
    play(clip, (raw) => ({
      ...raw,
      dts: times[clip.units.indexOf(raw)] ?? 0,
      pts: times[clip.units.indexOf(raw)] ?? 0,
    }));
    assert.equal(units.length, 10);
    for (const [index, unit] of units.entries()) {
      const stepMs = unit.dts - (units[index - 1]?.dts ?? -1);
      assert.ok(stepMs > 0 && stepMs < 1000, `step ${stepMs} at ${index}`);
      assert.equal(unit.pts, unit.dts);
    }
  });

  it('has the sound on the clock of the pictures', () => {
    play(clip);
    nowMs += 5000;
    play({ ...clip, units: clip.units.slice(0, 5) });
    shaper.onAudio(Buffer.from([1]), clip.units[4]?.dts ?? 0);
    assert.equal(audio.at(-1)?.pts, units.at(-1)?.pts);
  });

  it('has no sound before its first picture', () => {
    shaper.restart();
    shaper.onParameters(clip.sets);
    assert.ok(clip.audioFormat);
    shaper.onAudioFormat(clip.audioFormat);
    shaper.onAudio(Buffer.from([1]), 0);
    assert.deepEqual(audio, []);
  });
});

/** A main profile's parameter set for 160 × 96 that says nothing of the order of pictures: no usability information. */
function silentSps(): Buffer {
  const ue = (value: number) => (value + 1).toString(2).padStart(2 * (value + 1).toString(2).length - 1, '0');
  const sizes = [ue(0), ue(0), ue(0), ue(0), ue(1), '0', ue(9), ue(5), '1', '1', '0', '0'];
  const bits = `${sizes.join('')}1`;
  const bytes = bits.padEnd(Math.ceil(bits.length / 8) * 8, '0').match(/.{8}/g) ?? [];
  return Buffer.from([0x67, 77, 0x40, 13, ...bytes.map((byte) => Number.parseInt(byte, 2))]);
}
