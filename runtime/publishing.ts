import { join } from 'node:path';
import type { CameraHost, Clock, LiveHost, Log } from './contracts/host.ts';
import type { Metrics, Reading } from './contracts/metrics.ts';
import type { PushStatus } from './contracts/pushes.ts';
import type { Db } from './db/db.ts';
import { listStreams } from './db/streams.repo.ts';
import type { Part } from './lib/part.ts';
import { createCipher } from './lib/secrets.ts';
import type { PushStreams } from './media/push/push.ts';
import { Pushes } from './media/push/pushes.ts';
import { HlsKind } from './publish/hls.ts';
import { createPushTable } from './publish/push-memory.ts';
import { rtmpKind } from './publish/rtmp.ts';
import { StreamBook } from './publish/streams.ts';

export interface PublishingOptions {
  clock: Clock;
  log: Log;
  dataDir: string;
  cameras: Pick<CameraHost, 'resolve'>;
  streams: PushStreams;
  live: LiveHost;
  db: Db;
  /** what destinations and tokens are encrypted with */
  key: Buffer;
  metrics: Metrics;
  settings: PublishingSettings;
}

/** What of the server's settings is about publishing. */
export interface PublishingSettings {
  FFMPEG_PATH: string;
  RTMP_URL?: string | undefined;
  STREAM_KEY?: string | undefined;
  PUSH_KEY_FILE?: string | undefined;
  PUBLISHER_HEALTH_FILE?: string | undefined;
}

/** What brings the server's cameras to others. */
export interface Publishing extends Part {
  pushes: Pushes;
  /** the streams by name, for the API */
  streams: StreamBook;
}

/** Puts it together. */
export function createPublishing(options: PublishingOptions): Publishing {
  const { clock, log, dataDir, cameras, streams, live, db, key, metrics, settings } = options;
  const pushes = new Pushes({
    streams: async () => streams,
    clock,
    log: log.child('push'),
    ffmpegPath: settings.FFMPEG_PATH,
    folder: join(dataDir, 'keys'),
    resolve: (camera) => cameras.resolve(camera),
    memory: createPushTable(db, createCipher(key)),
    healthFile: settings.PUBLISHER_HEALTH_FILE ?? join(dataDir, 'publisher_health.json'),
    fallback: { url: settings.RTMP_URL, key: settings.STREAM_KEY, keyFile: settings.PUSH_KEY_FILE },
  });
  registerPushGauges(metrics, () => pushes.list());
  const hls = new HlsKind(live, db);
  const book = new StreamBook({ db, kinds: { hls, rtmp: rtmpKind(pushes) }, missing: {} });
  return {
    pushes,
    streams: book,
    async start() {
      await pushes.start();
      hls.load((await listStreams(db)).filter(({ type }) => type === 'hls'));
    },
    async stop() {
      hls.stop();
      await pushes.stop();
    },
  };
}

/** Has the pushes measured whenever somebody asks. */
export function registerPushGauges(metrics: Metrics, list: () => PushStatus[]): void {
  const gauge = (name: string, help: string, read: (status: PushStatus) => number) =>
    metrics.gauge({ name, help, labels: ['name', 'camera'] }, () =>
      list().map((status): Reading => ({ value: read(status), labels: { name: status.name, camera: status.camera } })),
    );
  metrics.gauge(
    { name: 'pushes', help: 'Always 1; the state of the push is in the label', labels: ['name', 'camera', 'state'] },
    () => list().map(({ name, camera, state }) => ({ value: 1, labels: { name, camera, state } })),
  );
  gauge('pushes_outbound_bytes', 'Bytes given to the destination since the start', ({ bytes }) => bytes);
  gauge('pushes_bits_per_second', 'Bits given to the destination, over about 5 s', (status) => status.bitsPerSecond);
  gauge('pushes_uptime_seconds', 'Time on the air without a break', ({ uptimeMs }) => uptimeMs / 1000);
  gauge('pushes_restarts', 'Connections after the first one', ({ restarts }) => restarts);
  gauge('pushes_frames_discarded', 'Pictures left out for a slow destination', ({ discarded }) => discarded);
}
