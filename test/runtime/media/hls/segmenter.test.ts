import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StreamSubscription } from '../../../../runtime/contracts/streams.ts';
import { initSegment } from '../../../../runtime/media/hls/init-segment.ts';
import { Segmenter } from '../../../../runtime/media/hls/segmenter.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { type Clip, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';

const run = promisify(execFile);

/** A segmenter at a camera whose time the test moves. */
function segmenterAt(
  streams: FakeStreams,
  clock: FakeClock,
): { segmenter: Segmenter; subscription: StreamSubscription } {
  const segmenter = new Segmenter({
    firstMsn: 100,
    startedMs: clock.monotonicMs(),
    wallTime: (ms) => clock.now() - (clock.monotonicMs() - ms),
    onChange: () => {},
  });
  const subscription = streams.subscribe('cam', {
    onFormat: (format) => segmenter.format(format),
    onVideo: (unit) => segmenter.video(unit),
    onAudio: (unit) => segmenter.audio(unit),
    onGap: () => segmenter.break(),
  });
  return { segmenter, subscription };
}

async function played(clip: Clip, ms: number): Promise<Segmenter> {
  const clock = new FakeClock();
  const streams = new FakeStreams({ clock });
  streams.play('cam', clip);
  const { segmenter } = segmenterAt(streams, clock);
  await clock.advance(ms);
  await streams.close();
  return segmenter;
}

/** What is held, as one MP4; only for segments of one run. */
async function fileOf(segmenter: Segmenter): Promise<string> {
  const held = segmenter.held();
  const file = join(await temporaryFolder('hls'), 'all.mp4');
  const parts = held.flatMap(({ parts }) => parts.map(({ bytes }) => bytes));
  await writeFile(file, Buffer.concat([held[0]?.run.init ?? Buffer.alloc(0), ...parts]));
  return file;
}

interface Packet {
  stream_index: number;
  pts: number;
  dts: number;
  duration: number;
  flags: string;
}

async function packetsOf(file: string): Promise<Packet[]> {
  const { stdout } = await run('ffprobe', ['-v', 'error', '-show_packets', '-of', 'json', file], { maxBuffer: 1e8 });
  return JSON.parse(stdout).packets;
}

async function decoded(file: string): Promise<{ frames: number; errors: string }> {
  const args = ['-v', 'error', '-xerror', '-err_detect', 'explode', '-i', file, '-map', '0:v', '-f', 'framemd5', '-'];
  const { stdout, stderr } = await run('ffmpeg', args);
  return { frames: stdout.split('\n').filter((line) => /^\d/.test(line)).length, errors: stderr };
}

const samplesIn = (segmenter: Segmenter, fps: number) =>
  Math.round(segmenter.held().reduce((sum, { duration }) => sum + duration, 0) * fps);

describe('the HLS segmenter', () => {
  it('makes init and parts that ffmpeg decodes without an error, every picture of them', async () => {
    const segmenter = await played(await recordClip({ seconds: 4 }), 5500);
    const file = await fileOf(segmenter);
    const { frames, errors } = await decoded(file);
    assert.equal(errors, '');
    assert.equal(frames, samplesIn(segmenter, 25));
    const packets = await packetsOf(file);
    assert.equal(packets.length, frames);
    for (const [at, packet] of packets.entries()) {
      const before = packets[at - 1];
      if (before) assert.equal(packet.dts, before.dts + before.duration, `packet ${at} follows without a gap`);
    }
  });

  it('cuts segments of 1 s at key frames into parts of 200 ms, after a first one that is there soon', async () => {
    const segmenter = await played(await recordClip({ seconds: 4 }), 5500);
    const [first, ...others] = segmenter.listed;
    assert.ok(first && first.duration >= 0.6 && first.duration < 0.8, `${first?.duration}`);
    const rest = others.slice(1);
    assert.ok(rest.length >= 3);
    for (const { duration, parts, isIndependent } of rest) {
      assert.equal(Math.round(duration * 1000), 1000);
      assert.deepEqual(
        parts.map((part) => Math.round(part.duration * 1000)),
        [200, 200, 200, 200, 200],
      );
      assert.ok(isIndependent);
      assert.equal(parts[0]?.isIndependent, true);
    }
    assert.equal(segmenter.partTarget, 0.2);
    assert.equal(segmenter.target, 1);
  });

  it('keeps the order of showing with B-frames', async () => {
    const clip = await recordClip({ seconds: 3, bFrames: 2 });
    const segmenter = await played(clip, 3500);
    const file = await fileOf(segmenter);
    const { frames, errors } = await decoded(file);
    assert.equal(errors, '');
    const packets = await packetsOf(file);
    assert.equal(packets.length, frames);
    assert.ok(packets.some(({ pts, dts }) => pts !== dts));
    const shown = packets.map(({ pts }) => pts).sort((a, b) => a - b);
    // Each picture is shown once, 40 ms after the one before it; what was cut at the end may miss its neighbours.
    for (let at = 1; at < shown.length - 3; at += 1) assert.equal((shown[at] ?? 0) - (shown[at - 1] ?? 0), 3600);
  });

  it('carries sound beside the picture, on one clock', async () => {
    const segmenter = await played(await recordClip({ seconds: 4, audio: true }), 4500);
    const file = await fileOf(segmenter);
    assert.equal((await decoded(file)).errors, '');
    const { stdout } = await run('ffprobe', ['-v', 'error', '-show_streams', '-of', 'json', file]);
    assert.deepEqual(
      JSON.parse(stdout).streams.map((stream: { codec_name: string }) => stream.codec_name),
      ['h264', 'aac'],
    );
    const sound = (await packetsOf(file)).filter(({ stream_index }) => stream_index === 1);
    assert.ok(sound.length > 150, `${sound.length} frames of sound`);
    for (const [at, packet] of sound.entries()) {
      const before = sound[at - 1];
      if (before) assert.equal(packet.pts, before.pts + 1024);
    }
    const { stderr } = await run('ffmpeg', ['-v', 'error', '-xerror', '-i', file, '-map', '0:a', '-f', 'null', '-']);
    assert.equal(stderr, '');
  });

  it('promises no sound when the camera only said that it had some', async () => {
    const clip = await recordClip({ seconds: 2, audio: true });
    const segmenter = await played({ ...clip, audio: [] }, 2500);
    const [first] = segmenter.listed;
    assert.equal(first?.run.init?.includes('mp4a'), false);
  });

  it('begins a new run behind a changed source, and its time goes on', async () => {
    const clock = new FakeClock();
    const streams = new FakeStreams({ clock });
    streams.play('cam', await recordClip({ seconds: 2 }));
    const { segmenter } = segmenterAt(streams, clock);
    await clock.advance(2500);
    streams.play('cam', await recordClip({ seconds: 2, width: 160, height: 96 }));
    // The old source ends first.
    await clock.advance(0);
    await clock.advance(2500);
    const runs = [...new Set(segmenter.held().map(({ run }) => run))];
    assert.deepEqual(
      runs.map(({ format }) => [format.video.width, format.video.height]),
      [
        [320, 180],
        [160, 96],
      ],
    );
    for (const [at, segment] of segmenter.held().entries()) {
      const before = segmenter.held()[at - 1];
      if (before) assert.ok(Math.abs(segment.at - before.at - before.duration) < 1e-6);
    }
    await streams.close();
  });

  it('holds nine segments at most, however long it runs', async () => {
    const segmenter = await played(await recordClip({ seconds: 2 }), 40_000);
    assert.equal(segmenter.listed.length, 7);
    assert.ok(segmenter.held().length <= 10);
    assert.ok(segmenter.nextPart > 190);
  });

  it('cuts a stream that has no second key frame after 12 s all the same', async () => {
    const segmenter = await played(await recordClip({ seconds: 40, gop: 2000, fps: 10 }), 30_000);
    const later = segmenter.listed.slice(1);
    assert.ok(later.length >= 2);
    for (const { duration, isIndependent } of later) assert.ok(duration < 12.3 && !isIndependent, `${duration}`);
  });

  it('gives parts of one picture when the camera is slower than parts', async () => {
    const segmenter = await played(await recordClip({ seconds: 8, fps: 2, gop: 2 }), 9000);
    const durations = segmenter.held().flatMap(({ parts }) => parts.map(({ duration }) => Math.round(duration * 1000)));
    assert.ok(durations.length > 10);
    assert.deepEqual([...new Set(durations)], [500]);
    assert.equal(segmenter.partTarget, 0.5);
  });

  it('writes an init segment of a format alone', async () => {
    const clip = await recordClip({ seconds: 1 });
    const [sps = Buffer.alloc(0), pps = Buffer.alloc(0)] = clip.sets;
    const init = initSegment({
      generation: 1,
      video: { codec: 'avc1.42c01e', sps, pps, width: 320, height: 180, hasBFrames: false },
    });
    assert.equal(init.subarray(4, 8).toString(), 'ftyp');
    assert.ok(init.includes('avcC') && !init.includes('mp4a'));
  });
});
