import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Db } from '../../../../runtime/db/db.ts';
import { migrate } from '../../../../runtime/db/migrate.ts';
import { openPglite } from '../../../../runtime/db/pglite.ts';
import { listStreams } from '../../../../runtime/db/streams.repo.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { createCipher } from '../../../../runtime/lib/secrets.ts';
import { Pushes } from '../../../../runtime/media/push/pushes.ts';
import { OpusSound } from '../../../../runtime/media/sound/opus-sound.ts';
import { LivekitServer } from '../../../../runtime/publish/livekit/server.ts';
import { LivekitKind } from '../../../../runtime/publish/livekit.ts';
import { createPushTable } from '../../../../runtime/publish/push-memory.ts';
import { emptyPglite } from '../../../support/databases.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { ListLog } from '../../../support/list-log.ts';
import { LivekitStandIn } from '../../../support/livekit.ts';
import { RtmpIngest } from '../../../support/rtmp-ingest.ts';
import { type Clip, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';
import { WhipReceiver } from '../../../support/whip-receiver.ts';

const ANNA = { name: 'user:anna' };

describe('a camera in a room, with everything real but LiveKit', function () {
  this.timeout(60_000);
  let clip: Clip;
  let db: Db;
  let livekit: LivekitStandIn;
  let streams: FakeStreams;
  let sound: OpusSound;
  let folder: string;
  let log: ListLog;
  let host: Awaited<ReturnType<typeof begin>>;

  const begin = async () => {
    const resolve = (camera: string) => camera || 'gate';
    const pushes = new Pushes({
      streams: async () => streams,
      opus: async () => sound,
      clock: systemClock,
      log,
      ffmpegPath: 'ffmpeg',
      folder,
      resolve,
      memory: createPushTable(db, createCipher(Buffer.alloc(32, 7))),
    });
    const server = new LivekitServer({ url: livekit.url, apiKey: livekit.apiKey, apiSecret: livekit.apiSecret });
    const kind = new LivekitKind({ db, server, pushes, clock: systemClock, log, resolve });
    await pushes.start();
    kind.load((await listStreams(db)).filter(({ type }) => type === 'livekit'));
    return { pushes, kind };
  };
  const end = async () => {
    await host.kind.stopAll();
    await host.pushes.stop();
  };
  const make = (via: 'whip' | 'rtmp') =>
    host.kind.make({ name: 'show', camera: 'gate', wish: { type: 'livekit', room: 'hall', via }, wanted: true }, ANNA);
  const isLive = () => host.kind.status('show').state === 'live';

  before(async () => {
    clip = await recordClip({ seconds: 2, audio: true });
  });
  beforeEach(async () => {
    db = await openPglite({ log: silentLog, from: await emptyPglite() });
    await migrate(db, silentLog);
    livekit = await new LivekitStandIn().start();
    streams = new FakeStreams();
    streams.play('gate', clip);
    log = new ListLog();
    sound = new OpusSound({ streams, clock: systemClock, log, ffmpegPath: 'ffmpeg' });
    folder = join(await temporaryFolder('livekit'), 'keys');
    host = await begin();
  });
  afterEach(async () => {
    await end();
    await sound.stop();
    await streams.close();
    await livekit.stop();
    await db.close();
  });

  it('arrives at the ingress by WHIP, finds another when it is deleted meanwhile, and is back after a restart', async () => {
    const receiver = await new WhipReceiver().start();
    try {
      livekit.whipBase = receiver.url.replace('whip', 'http');
      livekit.onKeys = (keys) => {
        receiver.keys.clear();
        for (const key of keys) receiver.keys.add(key);
      };
      livekit.isFed = (key) =>
        receiver.sessions.some(
          (one) => one.key === key && !one.ended && one.rtp.pictures.length > 0 && one.state === 'connected',
        );
      await make('whip');
      await until('it is live', isLive, 15_000);
      await until('it is heard', () => (receiver.last?.sound.length ?? 0) > 10);
      await end();
      host = await begin();
      await until('it is live again', isLive, 15_000);
      assert.equal(livekit.ingresses.size, 1, 'with the same ingress');
      const [first] = [...livekit.ingresses.keys()];
      livekit.deleteAll();
      receiver.endAll();
      await until('it is live with another', () => isLive() && host.kind.status('show').ingress !== first, 20_000);
      assert.equal(livekit.ingresses.size, 1);
      assert.equal(streams.starts('gate') >= 1, true);
    } finally {
      await end();
      await receiver.stop();
    }
  });

  it('arrives at the ingress by RTMP with picture and sound, under its key only, and is back there after a restart', async () => {
    const published: string[] = [];
    const keys = new Set<string>();
    // As LiveKit's ingress: whoever comes with a key that it did not give out is refused.
    const door = await listening(
      createServer((request, response) => {
        const name = new URL(request.url ?? '', 'http://door').searchParams.get('name') ?? '';
        if (keys.has(name)) published.push(name);
        response.writeHead(keys.has(name) ? 200 : 403).end();
      }),
    );
    const ingest = await RtmpIngest.start({ hook: `http://127.0.0.1:${(door.address() as AddressInfo).port}/` });
    try {
      livekit.rtmpBase = ingest.url;
      livekit.onKeys = (now) => {
        for (const key of now) keys.add(key);
      };
      livekit.isFed = (key) => published.includes(key);
      await make('rtmp');
      await until('it is live', isLive, 30_000);
      const [info] = livekit.ingresses.values();
      assert.deepEqual([info?.inputType, info?.enableTranscoding, published], [0, true, [info?.streamKey]]);
      const key = info?.streamKey ?? '';
      const found = await ingest.probe(key);
      assert.deepEqual(
        found
          .map(({ codec_name, width, channels, sample_rate }) => [codec_name, width ?? channels, sample_rate])
          .sort(),
        [
          ['aac', 1, '48000'],
          ['h264', 320, undefined],
        ],
      );
      const { video, audio, complaints } = await ingest.play(key, 2);
      assert.deepEqual([complaints, video.length >= 40, audio.length >= 80], ['', true, true]);
      assert.ok(!JSON.stringify([host.kind.status('show'), log.lines]).includes(key));
      await end();
      host = await begin();
      await until('it is live again', () => isLive() && published.length === 2, 30_000);
      assert.deepEqual([published, livekit.ingresses.size], [[key, key], 1]);
      assert.ok((await ingest.probe(key)).some(({ codec_name }) => codec_name === 'aac'));
    } finally {
      await end();
      await ingest.kill();
      door.closeAllConnections();
      door.close();
    }
  });
});

async function listening(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
