import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PushSpec, PushState, PushStatus } from '../../../../runtime/contracts/pushes.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { createPushFile } from '../../../../runtime/media/push/memory.ts';
import { Pushes, type PushesOptions } from '../../../../runtime/media/push/pushes.ts';
import { pushCycles } from '../../../durability/push-cycles.ts';
import { childCommands } from '../../../support/children.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { ListLog } from '../../../support/list-log.ts';
import { isTaken } from '../../../support/ports.ts';
import { RtmpIngest, startTlsFront, type TlsFront } from '../../../support/rtmp-ingest.ts';
import { type Clip, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

const KEY = 'k3y-that-nobody-sees';

describe('pushes to a real RTMP server', function () {
  this.timeout(60_000);
  let clip: Clip;
  let withSound: Clip;
  let ingest: RtmpIngest;
  let front: TlsFront;
  let streams: FakeStreams;
  let folder: string;
  let pushes: Pushes;
  let log: ListLog;
  let seen: PushStatus[];

  const make = (options: Partial<PushesOptions> = {}) =>
    new Pushes({
      streams: async () => streams,
      clock: systemClock,
      log,
      ffmpegPath: 'ffmpeg',
      folder: join(folder, 'keys'),
      resolve: (camera) => camera || 'gate',
      memory: createPushFile(join(folder, 'pushes.json')),
      healthFile: join(folder, 'health.json'),
      caFile: front.caFile,
      ...options,
    });
  const spec = (change: Partial<PushSpec> = {}): PushSpec => ({
    name: 'gate-out',
    camera: 'gate',
    url: ingest.url,
    key: KEY,
    ...change,
  });
  const isLive = (name = 'gate-out') => pushes.status(name).state === 'live';
  const sending = async () => (await childCommands()).filter((line) => line.includes('-progress pipe:3'));

  before(async () => {
    // Large: a destination that is frozen is felt once the buffers in between are full.
    clip = await recordClip({ width: 1920, height: 1080, seconds: 2 });
    withSound = await recordClip({ seconds: 2, audio: true });
    ingest = await RtmpIngest.start();
    front = await startTlsFront(ingest.port);
  });

  after(async () => {
    await front.close();
    await ingest.kill();
  });

  beforeEach(async () => {
    folder = await temporaryFolder('push');
    log = new ListLog();
    streams = new FakeStreams();
    streams.play('gate', clip);
    pushes = make();
    seen = [];
    pushes.watch('', (status) => seen.push(status));
    await pushes.start();
  });

  afterEach(async () => {
    await pushes.stop();
    await pushes.stop();
    await streams.close();
    // A test that failed may have left it so.
    if (!(await isTaken(ingest.port))) await ingest.back();
    assert.deepEqual(await sending(), [], 'no ffmpeg is left');
    assert.deepEqual(await readdir(join(folder, 'keys')), [], 'no key is left');
  });

  it('bring picture and silence, without the key showing anywhere', async () => {
    pushes.declare(spec());
    assert.equal(pushes.status('gate-out').state, 'idle');
    pushes.switchOn('gate-out');
    await until('it is live', isLive, 30_000);
    const [line = ''] = await sending();
    assert.match(line, new RegExp(`rtmp://127.0.0.1:${ingest.port}/ *$`));
    const found = await ingest.probe(KEY);
    assert.deepEqual(
      found.map(({ codec_name, width, channels, sample_rate }) => [codec_name, width ?? channels, sample_rate]).sort(),
      [
        ['aac', 2, '44100'],
        ['h264', 1920, undefined],
      ],
    );
    const { video, audio, complaints } = await ingest.play(KEY, 2);
    assert.ok(video.length >= 40 && audio.length >= 60, `${video.length} pictures, ${audio.length} pieces of sound`);
    assert.equal(complaints, '');
    const health = JSON.parse(await readFile(join(folder, 'health.json'), 'utf8'));
    assert.deepEqual([health.status, health.detail, health.pid], ['running', null, process.pid]);
    assert.ok(Math.abs(health.ts - Date.now() / 1000) < 60);
    const said = JSON.stringify([pushes.list(), seen, log.lines, line, health]);
    assert.ok(!said.includes(KEY), 'the key is nowhere');
    pushes.switchOff('gate-out');
    await until('it has ended', async () => (await sending()).length === 0);
    assert.equal(pushes.status('gate-out').state, 'idle');
    assert.equal(pushes.health().status, 'missing');
  });

  it("bring the camera's own sound, by TLS with a certificate that was checked, to several at once", async () => {
    streams.play('porch', withSound);
    const url = `rtmps://localhost:${front.port}/live`;
    pushes.declare(spec({ name: 'tls', camera: 'porch', url, key: 'by-tls' }), { started: true });
    pushes.declare(spec({ name: 'plain', camera: 'porch', key: 'plain' }), { started: true });
    pushes.declare(spec({ name: 'stranger', camera: 'porch', url: `rtmps://127.0.0.1:${front.port}/live`, key: 'x' }), {
      started: true,
    });
    await until('both are live', () => isLive('tls') && isLive('plain'), 30_000);
    assert.ok(front.names.includes('localhost'), 'SNI');
    const [tls, plain] = await Promise.all([ingest.probe('by-tls'), ingest.probe('plain')]);
    for (const found of [tls, plain])
      assert.equal(found.find(({ codec_name }) => codec_name === 'aac')?.sample_rate, '48000');
    assert.equal(streams.starts('porch'), 1, 'one capture for all');
    const away = await until('the wrong name is refused', () => {
      const status = pushes.status('stranger');
      return status.state === 'waiting' && status;
    });
    assert.match(away.reason ?? '', /certificate/);
  });

  it('are back within 3 s after a destination that was killed is there again', async () => {
    pushes.declare(spec(), { started: true });
    await until('it is live', isLive, 30_000);
    await ingest.kill();
    await until('it has tried in vain', () => (pushes.status('gate-out').retryAt ?? 0) - Date.now() > 2500, 20_000);
    assert.match(pushes.status('gate-out').reason ?? '', /connection refused/);
    const health = async () => JSON.parse(await readFile(join(folder, 'health.json'), 'utf8')).status;
    await until('the file of its health says so', async () => (await health()) === 'error');
    await ingest.back();
    const backMs = performance.now();
    await until('it is live again', isLive, 30_000);
    const tookMs = performance.now() - backMs;
    assert.ok(tookMs <= 3000, `${Math.round(tookMs)} ms`);
    assert.ok(pushes.status('gate-out').restarts >= 2);
    const { video } = await ingest.play(KEY, 1);
    assert.ok(video.length >= 20);
  });

  it('leave no child, descriptor and key behind when their destination is killed and comes back five times', async () => {
    pushes.declare(spec(), { started: true });
    const parts = { pushes, name: 'gate-out', ingest, keys: join(folder, 'keys') };
    const { before, after, backMs } = await pushCycles(parts, 5, 1);
    assert.equal(backMs.length, 5);
    // Fewer is no leak: something else may have ended meanwhile.
    for (const what of ['children', 'descriptors', 'keys'] as const)
      assert.ok(after[what] <= before[what], `${what}: ${before[what]} → ${after[what]}`);
  });

  it('find a frozen destination within 5 s and kill what is blocked by it', async () => {
    pushes.declare(spec(), { started: true });
    await until('it is live', isLive, 30_000);
    await until('it has run a while', () => pushes.status('gate-out').bytes > 500_000);
    const { pid } = pushes.status('gate-out');
    ingest.freeze();
    const frozenMs = performance.now();
    try {
      await until('it is found', () => seen.some(({ state }) => state === 'stalled'), 30_000);
      const tookMs = performance.now() - frozenMs;
      assert.ok(tookMs <= 5000, `${Math.round(tookMs)} ms`);
      await until('it is gone', async () => !(await alive(pid)), 1000);
    } finally {
      ingest.thaw();
    }
    await until('it is live again', isLive, 30_000);
    const states = seen.map(({ state }) => state).filter((state, at, all) => state !== all[at - 1]);
    assert.deepEqual(states.slice(0, 4), ['connecting', 'live', 'stalled', 'waiting'] satisfies PushState[]);
  });

  it('wait for a camera that is away, and go on with it', async () => {
    pushes.declare(spec(), { started: true });
    await until('it is live', isLive, 30_000);
    streams.lose('gate');
    assert.deepEqual(
      [pushes.status('gate-out').state, pushes.status('gate-out').reason],
      ['waiting', 'the camera: the camera was unplugged'],
    );
    const { pid } = pushes.status('gate-out');
    streams.back('gate');
    await until('it is live again', isLive, 30_000);
    assert.equal(pushes.status('gate-out').pid, pid, 'a short gap costs no connection');
  });

  it('say why a destination refuses, and try again', async () => {
    pushes.declare(spec({ key: 'x?name=refused', name: 'no' }), { started: true });
    pushes.declare(spec({ key: 'refused', name: 'gate-out' }), { started: true });
    const { reason, retryAt } = await until('it is refused', () => {
      const status = pushes.status('gate-out');
      return status.state === 'waiting' && status;
    });
    assert.match(reason ?? '', /refused|closed/);
    assert.ok((retryAt ?? 0) > Date.now() - 100);
  });

  it('are not disturbed by a Deploy that changes nothing, and start over with one that does', async () => {
    const release = pushes.declare(spec(), { started: true });
    await until('it is live', isLive, 30_000);
    const { pid } = pushes.status('gate-out');
    release();
    const again = pushes.declare(spec(), { started: true });
    assert.deepEqual([isLive(), pushes.status('gate-out').pid], [true, pid]);
    again();
    pushes.declare(spec({ key: 'another' }));
    assert.equal((await alive(pid)) && isLive(), false);
    await until('it is live with the other key', isLive, 30_000);
    assert.notEqual(pushes.status('gate-out').pid, pid);
    assert.equal((await ingest.probe('another')).length, 2);
  });

  it('that were on are on again after a restart; what was switched off stays off', async () => {
    pushes.keep(spec({ name: 'kept' }), true);
    pushes.declare(spec({ name: 'of-a-flow', key: 'two' }), { started: true });
    pushes.declare(spec({ name: 'off', key: 'three' }), { started: true });
    pushes.switchOn('of-a-flow');
    pushes.switchOff('off');
    await until('both are live', () => isLive('kept') && isLive('of-a-flow'), 30_000);
    await pushes.stop();
    assert.equal((await stat(join(folder, 'pushes.json'))).mode & 0o777, 0o600);
    await writeFile(join(folder, 'keys', 'left.ffpreset'), 'a key', { mode: 0o600 });
    pushes = make();
    await pushes.start();
    await until('the kept one is live', () => isLive('kept'), 30_000);
    pushes.declare(spec({ name: 'of-a-flow', key: 'two' }), { started: false });
    pushes.declare(spec({ name: 'off', key: 'three' }), { started: true });
    await until('that of the flow is live', () => isLive('of-a-flow'), 30_000);
    assert.equal(pushes.status('off').state, 'idle');
    pushes.remove('kept');
    await until('it is off', async () => (await sending()).length === 1);
  });

  it('say what is missing, and recover when it is there', async () => {
    const keyFile = join(folder, 'ingress_key.txt');
    pushes.declare({ name: 'by-file', camera: 'gate', keyFile }, { started: true });
    pushes.declare(spec({ name: 'no-camera', camera: 'nowhere' }), { started: true });
    await until('both have failed', () => pushes.list().every(({ state }) => state === 'failed'), 30_000);
    assert.match(pushes.status('by-file').reason ?? '', /is not there/);
    assert.match(pushes.status('no-camera').reason ?? '', /no camera "nowhere"/);
    await writeFile(keyFile, `RTMP_URL=${ingest.url}\nSTREAM_KEY=${KEY}\n`);
    await until('it is live', () => isLive('by-file'), 30_000);
    assert.equal(pushes.status('by-file').url, ingest.url);
    await pushes.stop();
    pushes = make({ ffmpegPath: '/nowhere/ffmpeg' });
    await pushes.start();
    pushes.declare(spec(), { started: true });
    await until('it has failed', () => pushes.status('gate-out').state === 'failed');
    assert.match(pushes.status('gate-out').reason ?? '', /apt install ffmpeg/);
  });
});

async function alive(pid: number | undefined): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return text !== '' && !/\) Z /.test(text);
}
