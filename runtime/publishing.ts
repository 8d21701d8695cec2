import { join } from 'node:path';
import type { BroadcastHost } from './contracts/broadcasts.ts';
import { type DevicePushDesk, PUSHES_COMMAND } from './contracts/device-pushes.ts';
import type { CameraHost, Clock, LiveHost, Log } from './contracts/host.ts';
import type { IceServer, SessionSource } from './contracts/live.ts';
import type { Metrics, Reading } from './contracts/metrics.ts';
import type { PushStatus } from './contracts/pushes.ts';
import type { RemoteCamera } from './contracts/remote-cameras.ts';
import type { RoomHost } from './contracts/rooms.ts';
import type { CommandService } from './contracts/services.ts';
import type { Db } from './db/db.ts';
import { listStreams } from './db/streams.repo.ts';
import type { Part } from './lib/part.ts';
import { createCipher } from './lib/secrets.ts';
import type { PushStreams } from './media/push/push.ts';
import { Pushes } from './media/push/pushes.ts';
import { probeTurn } from './media/turn/probe.ts';
import type { SoundOf } from './media/whep/session-sound.ts';
import { CameraPushes } from './publish/camera-pushes.ts';
import { DevicePushes } from './publish/device-pushes.ts';
import { HlsKind } from './publish/hls.ts';
import { LivekitServer } from './publish/livekit/server.ts';
import { LivekitAccess } from './publish/livekit/service.ts';
import { RoomViewers } from './publish/livekit/viewers.ts';
import { LivekitKind } from './publish/livekit.ts';
import { PlacedPushes } from './publish/placed-pushes.ts';
import { createPushTable } from './publish/push-memory.ts';
import { pushKind } from './publish/rtmp.ts';
import { StreamBook } from './publish/streams.ts';
import { YoutubeAccount } from './publish/youtube/account.ts';
import { QUOTA, YoutubeCalls } from './publish/youtube/calls.ts';
import { YoutubeKind } from './publish/youtube.ts';

/** A device says at once that it has heard; it fetches by HTTP then. */
const NUDGE_MS = 8000;

export interface PublishingOptions {
  clock: Clock;
  log: Log;
  dataDir: string;
  cameras: Pick<CameraHost, 'resolve'>;
  streams: PushStreams;
  /** Opus of cameras that send AAC, for WHIP; without it those go out silent */
  sound?: SoundOf | undefined;
  live: LiveHost;
  db: Db;
  /** what destinations and tokens are encrypted with */
  key: Buffer;
  metrics: Metrics;
  /** cameras with an API of their own, and what kind each is */
  remotes?: {
    list(): { id: string; driver: string }[];
    remote(camera: string): Promise<RemoteCamera | undefined>;
  };
  /** which device has a camera; undefined for this server's own */
  deviceOf: (camera: string) => string | undefined;
  commands: Pick<CommandService, 'request'>;
  /** under which browsers reach this server */
  publicUrl: URL;
  /** ICE servers as a viewer gets them, with fresh credentials */
  iceServers: () => IceServer[];
  settings: PublishingSettings;
}

/** What of the server's settings is about publishing. */
export interface PublishingSettings {
  FFMPEG_PATH: string;
  RTMP_URL?: string | undefined;
  STREAM_KEY?: string | undefined;
  PUSH_KEY_FILE?: string | undefined;
  PUBLISHER_HEALTH_FILE?: string | undefined;
  LIVEKIT_URL?: string | undefined;
  LIVEKIT_PUBLIC_URL?: string | undefined;
  LIVEKIT_API_KEY?: string | undefined;
  LIVEKIT_API_SECRET?: string | undefined;
  YOUTUBE_CLIENT_ID?: string | undefined;
  YOUTUBE_CLIENT_SECRET?: string | undefined;
  YOUTUBE_API_URL?: string | undefined;
}

/** What brings the server's cameras to others. */
export interface Publishing extends Part {
  pushes: Pushes;
  /** the streams by name, for the API */
  streams: StreamBook;
  /** broadcasts, for flows */
  broadcasts: BroadcastHost;
  /** pushes that devices run, for the door that they come to */
  devicePushes: DevicePushDesk;
  /** cameras in rooms of LiveKit, for flows */
  rooms: RoomHost;
  /** who watches at LiveKit */
  viewers: SessionSource;
}

/** Puts it together. */
export function createPublishing(options: PublishingOptions): Publishing {
  const { clock, log, dataDir, cameras, streams, sound, live, db, key, metrics, publicUrl, iceServers } = options;
  const { settings, commands } = options;
  const pushes = new Pushes({
    streams: async () => streams,
    clock,
    log: log.child('push'),
    ffmpegPath: settings.FFMPEG_PATH,
    folder: join(dataDir, 'keys'),
    resolve: (camera) => cameras.resolve(camera),
    memory: createPushTable(db, createCipher(key)),
    healthFile: settings.PUBLISHER_HEALTH_FILE ?? join(dataDir, 'publisher_health.json'),
    opus: sound && (async () => sound),
    iceServers,
    fallback: { url: settings.RTMP_URL, key: settings.STREAM_KEY, keyFile: settings.PUSH_KEY_FILE },
  });
  const devicePushes = new DevicePushes({
    db,
    cipher: createCipher(key),
    clock,
    log: log.child('device pushes'),
    nudge: async (device) => void (await commands.request(device, PUSHES_COMMAND, {}, { timeoutMs: NUDGE_MS })),
  });
  const { remotes } = options;
  const sendsItself = (camera: string) =>
    remotes?.list().some(({ id, driver }) => id === camera && driver === 'relab') ?? false;
  const cameraPushes = new CameraPushes({
    remote: async (camera) => remotes?.remote(camera),
    clock,
    log: log.child('camera pushes'),
  });
  const placed = new PlacedPushes(pushes, devicePushes, options.deviceOf, { pushes: cameraPushes, sendsItself });
  registerPushGauges(metrics, () => placed.list());
  const hls = new HlsKind(live, db);
  const base = publicUrl.href.replace(/\/$/, '');
  const account = new YoutubeAccount({
    db,
    cipher: createCipher(key),
    clock,
    clientId: settings.YOUTUBE_CLIENT_ID,
    clientSecret: settings.YOUTUBE_CLIENT_SECRET,
    redirectUrl: `${base}/api/v1/youtube/callback`,
    apiUrl: settings.YOUTUBE_API_URL,
  });
  const calls = new YoutubeCalls(() => account.api(), clock);
  const onRevoked = (reason: string) => account.revoked(reason);
  const resolve = (camera: string) => cameras.resolve(camera);
  const youtube = new YoutubeKind(
    {
      db,
      calls,
      pushes: placed,
      ingestion: async (camera) => (sendsItself(camera) ? (await remotes?.remote(camera))?.ingestion() : undefined),
      clock,
      log: log.child('youtube'),
      onRevoked,
      resolve,
    },
    account,
  );
  const server = new LivekitServer({
    url: settings.LIVEKIT_URL,
    publicUrl: settings.LIVEKIT_PUBLIC_URL,
    apiKey: settings.LIVEKIT_API_KEY,
    apiSecret: settings.LIVEKIT_API_SECRET,
  });
  const rooms = new LivekitKind({ db, server, pushes: placed, clock, log: log.child('livekit'), resolve });
  const viewers = new RoomViewers({ server, rooms, clock, log: log.child('livekit') });
  const book = new StreamBook({
    db,
    kinds: { hls, rtmp: pushKind(placed, 'rtmp'), whip: pushKind(placed, 'whip'), youtube, livekit: rooms },
    missing: {},
    livekit: new LivekitAccess({ server, clock, iceServers, probe: probeTurn, rooms, viewers }),
    youtube: {
      status: async () => ({ ...(await account.status()), units_today: calls.unitsToday, units_limit: QUOTA }),
      begin: (by) => account.begin(by),
      finish: (state, code, by) => account.finish(state, code, by),
      disconnect: () => account.disconnect(),
      page: `${base}/streams`,
    },
  });
  return {
    pushes,
    streams: book,
    broadcasts: youtube,
    devicePushes,
    rooms,
    viewers,
    async start() {
      const rows = await listStreams(db);
      devicePushes.load(rows);
      await pushes.start();
      hls.load(rows.filter(({ type }) => type === 'hls'));
      youtube.load(rows.filter(({ type }) => type === 'youtube'));
      rooms.load(rows.filter(({ type }) => type === 'livekit'));
      // Of a stream that was forgotten just before a crash.
      const kinds = { 'youtube.': new Set(youtube.names()), 'livekit.': new Set(rooms.names()) };
      for (const { name } of devicePushes.list())
        for (const [prefix, known] of Object.entries(kinds))
          if (name.startsWith(prefix) && !known.has(name.slice(prefix.length))) devicePushes.remove(name);
    },
    async stop() {
      hls.stop();
      await youtube.stopAll();
      await rooms.stopAll();
      await cameraPushes.stop();
      await pushes.stop();
      await devicePushes.written();
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
