import assert from 'node:assert/strict';
import type { PushSpec } from '../../../../runtime/contracts/pushes.ts';
import type { AccessUnit, StreamFormat, StreamReader } from '../../../../runtime/contracts/streams.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { Push, type PushParts } from '../../../../runtime/media/push/push.ts';
import type { PushEnding, PushLaunch, PushProcess } from '../../../../runtime/media/push/push-process.ts';
import type { WindowEvents } from '../../../../runtime/media/push/receive-windows.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const SPEC: PushSpec = { name: 'out', camera: 'gate', url: 'rtmp://h.example/app', key: 'key' };
const FORMAT: StreamFormat = {
  generation: 1,
  video: {
    codec: 'avc1.42e01f',
    sps: Buffer.from('6742e01f', 'hex'),
    pps: Buffer.from('68ce', 'hex'),
    width: 640,
    height: 360,
    hasBFrames: false,
  },
};

/** An ffmpeg that does what the test says. */
class FakeProcess implements PushProcess {
  readonly pid = 42;
  readonly launch: PushLaunch;
  backlog = 0;
  taken = 0;
  frames = 0;
  ended: 'no' | 'end' | 'kill' = 'no';
  exit: (ending: PushEnding) => void = () => undefined;
  readonly gone = new Promise<PushEnding>((resolve) => {
    this.exit = resolve;
  });

  constructor(launch: PushLaunch) {
    this.launch = launch;
  }

  write(bytes: Buffer): void {
    this.taken += bytes.length;
  }

  send(frames: number): void {
    this.frames += frames;
    this.launch.onProgress({ frames: this.frames, bytes: this.frames * 1000 });
  }

  end(): void {
    this.ended = 'end';
    this.exit({ stderr: '' });
  }

  kill(): void {
    this.ended = 'kill';
    this.exit({ stderr: '' });
  }
}

describe('a push', () => {
  let clock: FakeClock;
  let processes: FakeProcess[];
  let reader: StreamReader | undefined;
  let isThere: boolean;
  let knocks: number;
  let warm: number;
  let push: Push;
  let dts: number;
  const now = () => processes.at(-1);
  const parts = (): PushParts => ({
    streams: async () => ({
      subscribe(_camera, one) {
        reader = one;
        return { discarded: 0, close: () => (reader = reader === one ? undefined : reader) };
      },
      keepWarm: () => {
        warm += 1;
        return () => (warm -= 1);
      },
    }),
    iceServers: () => [],
    clock,
    log: silentLog,
    ffmpegPath: 'ffmpeg',
    folder: '/nowhere',
    caFile: undefined,
    fallback: {},
    random: () => 0.5,
    startProcess: async (launch) => {
      const made = new FakeProcess(launch);
      processes.push(made);
      return made;
    },
    startPeer: async () => {
      throw new Error('no push here goes by WebRTC');
    },
    knock: async () => {
      knocks += 1;
      return isThere;
    },
    resolve: (camera) => camera,
  });
  /** The camera's next picture. */
  const picture = () => {
    const unit: AccessUnit = { annexB: Buffer.from('0000000165aa', 'hex'), isKey: true, dts, pts: dts, arrivedMs: 0 };
    dts += 40;
    reader?.onVideo(unit);
  };
  const connect = async () => {
    reader?.onFormat(FORMAT);
    picture();
    await clock.advance(0);
  };
  /** So long the camera sends and the destination takes. */
  const play = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) {
      picture();
      now()?.send(1);
      await clock.advance(500);
    }
  };

  beforeEach(async () => {
    clock = new FakeClock();
    processes = [];
    [knocks, warm, dts, isThere] = [0, 0, 0, false];
    push = new Push(SPEC, parts(), () => undefined);
    push.start();
    await clock.advance(0);
  });

  afterEach(() => push.stop());

  it('waits 1, 2, 4 … 30 s between tries, and from 1 s again after a minute on the air', async () => {
    isThere = true;
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      await connect();
      now()?.exit({ stderr: 'Broken pipe' });
      await clock.advance(0);
      const { state, reason, retryAt = 0 } = push.status();
      assert.deepEqual([state, reason], ['waiting', 'the destination closed the connection']);
      pauses.push(retryAt - clock.now());
      await clock.advance(retryAt - clock.now());
    }
    assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    assert.ok(knocks <= 3 * pauses.length, 'a destination that is there is left in peace');
    await connect();
    await play(61_000);
    assert.equal(push.status().uptimeMs >= 60_000, true);
    now()?.exit({ stderr: '' });
    await clock.advance(0);
    assert.equal((push.status().retryAt ?? 0) - clock.now(), 1000);
  });

  it('is back at once when a server that was killed is back, however long the pause has become', async () => {
    for (let i = 0; i < 6; i++) {
      await connect();
      isThere = i < 5;
      now()?.exit({ stderr: 'Connection reset by peer' });
      await clock.advance(0);
      if (i < 5) await clock.advance((push.status().retryAt ?? 0) - clock.now());
    }
    assert.ok((push.status().retryAt ?? 0) - clock.now() >= 30_000);
    await clock.advance(3000);
    isThere = true;
    const before = processes.length;
    await clock.advance(1000);
    await connect();
    assert.equal(processes.length, before + 1);
  });

  it('keeps its pauses after a short time on the air', async () => {
    isThere = true;
    for (const pause of [1000, 2000]) {
      await connect();
      await play(5000);
      assert.equal(push.status().state, 'live');
      now()?.exit({ stderr: '' });
      await clock.advance(0);
      assert.equal((push.status().retryAt ?? 0) - clock.now(), pause);
      await clock.advance(pause);
    }
  });

  it('is stalled when frames stop while pictures come, and killed at once', async () => {
    await connect();
    await play(3000);
    const { pid } = push.status();
    assert.equal(pid, 42);
    for (let ms = 0; ms < 2500 && now()?.ended === 'no'; ms += 250) {
      picture();
      await clock.advance(250);
    }
    assert.equal(now()?.ended, 'kill');
    assert.equal(push.status().reason, 'the destination takes nothing any more');
  });

  it('is stalled when ffmpeg no longer takes what is written, whatever it reports', async () => {
    await connect();
    await play(2000);
    const process = now();
    if (process) process.backlog = 100_000;
    const taken = process?.taken ?? 0;
    for (let ms = 0; ms < 2500 && process?.ended === 'no'; ms += 250) {
      picture();
      process.taken = taken;
      process.send(1);
      await clock.advance(250);
    }
    assert.equal(process?.ended, 'kill');
  });

  it('is not stalled because its camera is; after 10 s without pictures the destination is let go in peace', async () => {
    await connect();
    await play(2000);
    reader?.onGap?.('the camera was unplugged');
    await clock.advance(9000);
    assert.deepEqual([push.status().state, now()?.ended], ['waiting', 'no']);
    await clock.advance(1500);
    assert.equal(now()?.ended, 'end');
    assert.equal(processes.length, 1, 'nothing is connected for a camera that is away');
    await connect();
    await play(500);
    assert.deepEqual([push.status().state, processes.length], ['live', 2]);
  });

  it('gives up a destination that does not begin within 10 s', async () => {
    await connect();
    for (let ms = 0; ms < 10_500; ms += 500) {
      picture();
      await clock.advance(500);
    }
    assert.equal(processes[0]?.ended, 'kill');
    assert.match(push.status().reason ?? '', /did not begin within 10 s/);
  });

  it('knocks where nobody listened, and is there as soon as somebody does', async () => {
    for (let i = 0; i < 5; i++) {
      await connect();
      now()?.exit({ stderr: 'Connection refused' });
      await clock.advance(0);
      if (i < 4) await clock.advance((push.status().retryAt ?? 0) - clock.now());
    }
    assert.ok((push.status().retryAt ?? 0) - clock.now() >= 15_000);
    isThere = true;
    const before = processes.length;
    await clock.advance(1000);
    await connect();
    assert.equal(processes.length, before + 1);
  });

  it('connects anew at once when the camera’s format changes, once the old connection is gone', async () => {
    await connect();
    await play(1000);
    reader?.onFormat({ ...FORMAT, generation: 2 });
    await clock.advance(0);
    assert.equal(processes[0]?.ended, 'end');
    await connect();
    await play(500);
    assert.deepEqual([push.status().state, processes.length], ['live', 2]);
  });

  it('holds the camera while it is on and gives it back when it is off', async () => {
    await connect();
    assert.equal(warm, 1);
    now()?.exit({ stderr: 'Broken pipe' });
    await clock.advance(0);
    assert.equal(warm, 1, 'also between two tries');
    await push.stop();
    assert.deepEqual([warm, reader, push.status().state], [0, undefined, 'idle']);
    const count = processes.length;
    await clock.advance(60_000);
    assert.equal(processes.length, count);
  });

  it('is cut when its destination is seen to read no more, and is left alone while it is seen reading slowly', async () => {
    let events: WindowEvents | undefined;
    const windows = {
      watch: (_pid: number, _port: number, given: WindowEvents) => {
        events = given;
        return () => {
          events = undefined;
        };
      },
    };
    await push.stop();
    push = new Push(SPEC, { ...parts(), windows }, () => undefined);
    push.start();
    await clock.advance(0);
    await connect();
    await play(1000);
    // A large key frame on a slow line: nothing goes out for seconds, but what went before is read.
    for (let i = 0; i < 5; i++) {
      picture();
      events?.onRead();
      await clock.advance(1000);
    }
    assert.equal(push.status().state, 'live');
    await play(1000);
    events?.onStuck();
    await clock.advance(0);
    assert.deepEqual([now()?.ended, push.status().reason], ['kill', 'the destination reads nothing any more']);
    assert.equal(events, undefined, 'nobody watches what is over');
  });

  it('is cut after a while although its destination reads, when no picture gets through', async () => {
    let events: WindowEvents | undefined;
    const windows = {
      watch: (_pid: number, _port: number, given: WindowEvents) => {
        events = given;
        return () => undefined;
      },
    };
    await push.stop();
    push = new Push(SPEC, { ...parts(), windows }, () => undefined);
    push.start();
    await clock.advance(0);
    await connect();
    await play(1000);
    let seconds = 0;
    while (push.status().state === 'live' && seconds < 30) {
      picture();
      events?.onRead();
      await clock.advance(1000);
      seconds += 1;
    }
    assert.ok(seconds >= 7 && seconds <= 10, `${seconds} s`);
  });
});
