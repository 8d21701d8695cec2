import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { AudioUnit } from '../../../../runtime/contracts/streams.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { OggReader } from '../../../../runtime/media/sound/ogg-reader.ts';
import { opusSamples } from '../../../../runtime/media/sound/opus-packet.ts';
import { OpusSound } from '../../../../runtime/media/sound/opus-sound.ts';
import { SampleClock } from '../../../../runtime/media/sound/sample-clock.ts';
import { childCommands } from '../../../support/children.ts';
import { FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

describe('Opus out of Ogg', () => {
  it('is every packet with its time, however the bytes are cut', async () => {
    const tone = '-v error -f lavfi -i sine=f=440:r=48000 -t 1 -c:a libopus -b:a 200k -frame_duration 60 -f ogg pipe:1';
    const { stdout } = await promisify(execFile)('ffmpeg', tone.split(' '), { encoding: 'buffer' });
    for (const size of [1, 997, stdout.length]) {
      const packets: { at: number; samples: number }[] = [];
      let channels = 0;
      const reader = new OggReader({
        onHead: (head) => {
          channels = head.channels;
        },
        onPacket: (packet, at) => packets.push({ at, samples: opusSamples(packet) }),
      });
      for (let at = 0; at < stdout.length; at += size) reader.push(stdout.subarray(at, at + size));
      assert.equal(channels, 1);
      assert.ok(packets.length === 17 || packets.length === 18, `${packets.length}`);
      for (const { samples } of packets) assert.equal(samples, 2880);
      // The last page says where the sound ends, which is inside of its last packet.
      for (const [index, { at }] of packets.slice(1, 15).entries()) assert.equal(at - (packets[index]?.at ?? 0), 2880);
    }
  });

  it('is refused where it is something else', () => {
    const reader = () => new OggReader({ onHead() {}, onPacket() {} });
    assert.throws(() => reader().push(Buffer.alloc(100)), { code: 'process.failed' });
    const page = Buffer.alloc(29);
    page.write('OggS');
    page[26] = 1;
    page[27] = 1;
    assert.throws(() => reader().push(page), { code: 'process.failed' });
  });
});

describe('a clock of samples', () => {
  it('has no holes through rounding, and takes a gap at its word', () => {
    const clock = new SampleClock(8000);
    assert.deepEqual(
      [0, 20, 41, 59, 200].map((ms) => clock.place(ms, 160)),
      [0, 160, 320, 480, 1600],
    );
  });
});

describe('the sound of an AAC camera as Opus', () => {
  const streams = new FakeStreams();
  const sound = new OpusSound({ streams, clock: systemClock, log: silentLog, ffmpegPath: 'ffmpeg' });
  const encoders = async () => (await childCommands()).filter((command) => command.includes('libopus')).length;

  before(async () => {
    streams.play('gate', await recordClip({ seconds: 2, audio: true, width: 64, height: 48 }));
    streams.play('dumb', await recordClip({ seconds: 1, width: 64, height: 48 }));
  });
  after(async () => {
    await sound.stop();
    await streams.close();
    assert.equal(await encoders(), 0);
  });

  it('has one encoder for all who listen, and none when the last has left', async () => {
    const heard: [AudioUnit[], AudioUnit[]] = [[], []];
    const first = sound.listen('gate', (unit) => heard[0].push(unit));
    const second = sound.listen('gate', (unit) => heard[1].push(unit));
    await until('both hear', () => heard[0].length > 60 && heard[1].length > 60);
    assert.equal(await encoders(), 1);
    const [begin] = heard[0];
    for (const [index, { data, pts }] of heard[0].slice(0, 60).entries()) {
      assert.equal(opusSamples(data), 960);
      assert.ok(Math.abs(pts - (begin?.pts ?? 0) - 20 * index) < 1);
    }
    first();
    const before = heard[1].length;
    await until('the other hears on', () => heard[1].length > before + 10);
    assert.equal(await encoders(), 1);
    second();
    await until('it has ended', async () => (await encoders()) === 0);
    assert.equal(streams.status('gate').readers, 0);
  });

  it('begins again when the camera comes back', async () => {
    let heard = 0;
    const leave = sound.listen('gate', () => {
      heard += 1;
    });
    await until('it is heard', () => heard > 5);
    streams.lose('gate');
    await until('nothing is encoded', async () => (await encoders()) === 0);
    const before = heard;
    streams.back('gate');
    await until('it is heard again', () => heard > before + 5);
    leave();
  });

  it('starts nothing for a camera without sound', async () => {
    const leave = sound.listen('dumb', () => assert.fail('there is none'));
    await until('it plays', () => streams.status('dumb').fps > 5);
    assert.equal(await encoders(), 0);
    leave();
  });
});
