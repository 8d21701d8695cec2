import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { PushStatus } from '../../../../runtime/contracts/pushes.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { Lateness } from '../../../../runtime/media/push/lateness.ts';
import { createPushFile } from '../../../../runtime/media/push/memory.ts';
import { PieceWriter } from '../../../../runtime/media/push/piece-writer.ts';
import { Pushes } from '../../../../runtime/media/push/pushes.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { ListLog } from '../../../support/list-log.ts';
import { RtmpIngest } from '../../../support/rtmp-ingest.ts';
import { SlowLink } from '../../../support/slow-link.ts';
import { type Clip, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

const FAST = 1e9;
const MEGABYTE = 1024 * 1024;
/** What a push lets wait at the most (attempt.ts), in s of the stream. */
const MOST_WAITING_S = 4;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('a push over a slow line to a real RTMP server', function () {
  this.timeout(90_000);
  let clip: Clip;
  /** bytes a second that the camera gives */
  let rate: number;
  let ingest: RtmpIngest;
  let link: SlowLink;
  let streams: FakeStreams;
  let pushes: Pushes;
  let seen: PushStatus[];
  const status = () => pushes.status('out');
  const isLive = () => status().state === 'live';

  before(async () => {
    clip = await recordClip({ width: 1920, height: 1080, fps: 50, seconds: 2 });
    rate = clip.flv.length / 2;
    ingest = await RtmpIngest.start();
  });
  after(() => ingest.kill());

  beforeEach(async () => {
    const folder = await temporaryFolder('slow-link');
    link = await new SlowLink(ingest.port, FAST).start();
    streams = new FakeStreams();
    streams.play('gate', clip);
    pushes = new Pushes({
      streams: async () => streams,
      clock: systemClock,
      log: new ListLog(),
      ffmpegPath: 'ffmpeg',
      folder: join(folder, 'keys'),
      resolve: (camera) => camera || 'gate',
      memory: createPushFile(join(folder, 'pushes.json')),
    });
    seen = [];
    pushes.watch('out', (now) => seen.push(now));
    await pushes.start();
    const url = `rtmp://127.0.0.1:${link.port}/live`;
    pushes.declare({ name: 'out', camera: 'gate', url, key: 'slow' }, { started: true });
    await until('it is live', isLive, 30_000);
  });
  afterEach(async () => {
    await pushes.stop();
    await streams.close();
    await link.close();
  });

  it('leaves pictures out, holds no more than it may, stays on the air, and is whole when the line is fast again', async () => {
    const before = heldBytes();
    link.rate = rate / 4;
    await until('pictures are left out', () => status().discarded > 0, 40_000);
    const [first, full] = [status().discarded, heldBytes()];
    await until('and go on being left out', () => status().discarded > first + 250, 40_000);
    const held = heldBytes();
    // The hub keeps a group of pictures (here a second) for whoever joins, and lets it go with the next one.
    assert.ok(held - full < 2 * rate, `${megabytes(held - full)} more wait, ${megabytes(5 * rate)} were left out`);
    // One more key frame than the pictures of those seconds, and what lies in pipes.
    const most = (MOST_WAITING_S + 2) * rate + MEGABYTE;
    assert.ok(held - before < most, `${megabytes(held - before)} wait, of at most ${megabytes(most)}`);
    assert.ok((await residentMb(status().pid)) < 80, 'ffmpeg holds nothing back');
    const [from, since] = [link.passed, performance.now()];
    await until('some more passes', () => link.passed > from + rate / 4);
    const share = (link.passed - from) / ((performance.now() - since) / 1000) / link.rate;
    assert.ok(share > 0.5, `the line is used: ${share.toFixed(2)}`);
    link.rate = FAST;
    let last = status().discarded;
    await until('nothing is left out any more', () => {
      const now = status().discarded;
      const isSame = now === last;
      last = now;
      return isSame && status().bitsPerSecond > rate * 4;
    });
    const { complaints, video } = await ingest.play('slow', 2);
    assert.deepEqual([complaints, video.length > 90], ['', true]);
    assert.deepEqual([...new Set(seen.map(({ state }) => state))].sort(), ['connecting', 'live']);
    assert.equal(status().restarts, 0, 'by one connection');
  });

  it('is found stalled on a line that passes nothing, and is back when it does', async () => {
    link.rate = 0;
    const since = performance.now();
    await until('it is noticed', () => seen.some(({ state }) => state === 'stalled'), 20_000);
    const noticedMs = performance.now() - since;
    assert.ok(noticedMs < 5000, `after ${Math.round(noticedMs)} ms`);
    await until('it tries', () => status().restarts > 0 && status().state === 'connecting');
    link.rate = FAST;
    await until('it is live again', isLive, 30_000);
    assert.equal((await ingest.play('slow', 1)).complaints, '');
  });
});

describe('how far a program is behind', () => {
  it('is told in the stream’s time, from the oldest moment that it has not wholly taken', () => {
    const lateness = new Lateness();
    assert.equal(lateness.ms(0), 0);
    lateness.give(100, 1000);
    lateness.give(10, 1040);
    lateness.give(5, 1060);
    assert.deepEqual([lateness.ms(0), lateness.ms(99), lateness.ms(100), lateness.ms(112)], [60, 60, 20, 0]);
    lateness.give(50, 3000);
    assert.deepEqual([lateness.ms(112), lateness.ms(115), lateness.ms(165)], [1940, 0, 0]);
    lateness.give(1, 9000);
    assert.equal(lateness.ms(165), 0, 'alone it is not behind itself');
  });
});

describe('bytes for a program, in pieces', () => {
  it('are counted as it takes them, and it is closed behind the last', async () => {
    const pipe = new PassThrough({ highWaterMark: 1 });
    const writer = new PieceWriter(pipe);
    const bytes = Buffer.alloc(1_000_000, 7);
    writer.write(bytes);
    writer.write(bytes);
    writer.end();
    writer.write(bytes);
    assert.deepEqual([writer.taken, writer.waiting], [0, 2_000_000]);
    let read = 0;
    let seenBehind = 0;
    for await (const chunk of pipe) {
      read += chunk.length;
      // What lies in between is one piece each: in the pipe, and on its way.
      assert.ok(Math.abs(read - writer.taken) <= 3 * 65_536, `${read} ${writer.taken}`);
      if (writer.waiting > 0) seenBehind += 1;
    }
    assert.deepEqual([read, writer.taken, writer.waiting], [2_000_000, 2_000_000, 0]);
    assert.ok(seenBehind > 10);
  });

  it('are not kept for one that is gone', async () => {
    const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    gone.on('error', () => undefined);
    const writer = new PieceWriter(gone);
    writer.write(Buffer.alloc(1_000_000));
    await until('it is known', () => writer.waiting === 0);
    writer.write(Buffer.alloc(10));
    writer.end();
    assert.deepEqual([writer.taken, writer.waiting], [0, 0]);
  });
});

function heldBytes(): number {
  collect();
  return process.memoryUsage().arrayBuffers;
}

function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(1)} MB`;
}

async function residentMb(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1]) / 1024;
}
