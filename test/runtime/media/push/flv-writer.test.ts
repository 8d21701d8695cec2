import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { AudioFormat, StreamFormat } from '../../../../runtime/contracts/streams.ts';
import { FlvWriter, type SoundSource } from '../../../../runtime/media/push/flv-writer.ts';
import { SILENT_FORMAT, Silence } from '../../../../runtime/media/push/silence.ts';
import { FlvDemuxer } from '../../../../runtime/media/stream/flv-demuxer.ts';
import type { RawUnit } from '../../../../runtime/media/stream/raw-unit.ts';
import { UnitShaper } from '../../../../runtime/media/stream/unit-shaper.ts';
import { type Clip, recordClip } from '../../../support/stream-fixture.ts';

/** What the hub would make of a clip, written as FLV. */
function write(clip: Clip, sound: SoundSource, startMs = 0): Buffer {
  const out: Buffer[] = [];
  let writer: FlvWriter | undefined;
  let format: StreamFormat | undefined;
  const shaper = new UnitShaper(
    {
      onFormat: (told) => {
        format = told;
      },
      onVideo: (unit) => {
        if (format) writer ??= new FlvWriter(format, sound, (bytes) => out.push(bytes));
        writer?.video({ ...unit, dts: unit.dts + startMs, pts: unit.pts + startMs });
      },
      onAudio: (unit) => writer?.audio({ ...unit, pts: unit.pts + startMs }),
    },
    () => 0,
  );
  shaper.onParameters(clip.sets);
  if (clip.audioFormat) shaper.onAudioFormat(clip.audioFormat);
  const all = [
    ...clip.units.map((unit) => ({ at: unit.dts, give: () => shaper.onUnit(unit) })),
    ...clip.audio.map(({ data, pts }) => ({ at: pts, give: () => shaper.onAudio(data, pts) })),
  ].sort((one, other) => one.at - other.at);
  for (const { give } of all) give();
  return Buffer.concat(out);
}

function read(flv: Buffer) {
  const units: RawUnit[] = [];
  const audio: { data: Buffer; pts: number }[] = [];
  let format: AudioFormat | undefined;
  const demuxer = new FlvDemuxer({
    onParameters: () => undefined,
    onUnit: (unit) => units.push(unit),
    onAudioFormat: (told) => {
      format = told;
    },
    onAudio: (data, pts) => audio.push({ data, pts }),
  });
  demuxer.push(flv);
  return { units, audio, format };
}

/** What ffmpeg makes of it: rows of decoded pictures and sound, and its complaints. */
function decoded(flv: Buffer): Promise<{ rows: string[][]; stderr: string; head: string }> {
  return new Promise((resolve, reject) => {
    const args = ['-v', 'warning', '-f', 'flv', '-i', 'pipe:0', '-map', '0', '-f', 'framemd5', 'pipe:1'];
    const child = execFile('ffmpeg', args, { maxBuffer: 8e6 }, (error, stdout, stderr) => {
      if (error) reject(error);
      else {
        const rows = stdout.split('\n').filter((line) => /^\d/.test(line));
        resolve({ rows: rows.map((row) => row.split(/,\s*/)), stderr, head: stdout });
      }
    });
    child.stdin?.end(flv);
  });
}

describe('FLV for a push', () => {
  let plain: Clip;
  let reordered: Clip;
  before(async () => {
    plain = await recordClip({ seconds: 2, audio: true });
    reordered = await recordClip({ seconds: 1, bFrames: 2 });
  });

  it('begins at zero whatever the hub’s clock says, with each picture’s own times and the camera’s sound', () => {
    const { units, audio, format } = read(write(plain, 'camera', 5_000_000_000));
    assert.equal(units.length, 50);
    assert.deepEqual([units[0]?.dts, units[25]?.dts, units[49]?.dts], [0, 1000, 1960]);
    assert.equal(format?.codec, 'aac');
    assert.ok(audio.length > 80 && audio.every(({ pts }) => pts >= 0 && pts < 2100));
  });

  it('keeps the order of pictures that are shown in another one', async () => {
    const flv = write(reordered, 'none');
    const { units, audio } = read(flv);
    assert.ok(units.some(({ pts, dts }) => pts > dts));
    assert.equal(audio.length, 0);
    const { rows, stderr } = await decoded(flv);
    assert.deepEqual([rows.length, stderr], [25, '']);
  });

  it('has silence that decodes to zeros, in step with the pictures, over a gap too', async () => {
    const { rows, stderr, head } = await decoded(write(plain, 'silent'));
    assert.equal(stderr, '');
    assert.match(head, /#sample_rate 0: 44100|#sample_rate 1: 44100/);
    const sound = rows.filter((row) => row[4]?.trim() === '4096' || Number(row[4]) === 4096);
    assert.ok(sound.length > 80, `${sound.length} frames of sound`);
    assert.equal(new Set(sound.map((row) => row[5])).size, 1, 'all of them alike');
    const silence = new Silence();
    const given: number[] = [];
    silence.until(100, (_data, pts) => given.push(pts));
    silence.until(60_000, (_data, pts) => given.push(pts));
    assert.deepEqual(given.slice(0, 5), [0, 23, 46, 70, 93]);
    assert.ok(given.length <= 6, 'it does not catch up a minute');
    assert.equal(SILENT_FORMAT.channels, 2);
  });
});
