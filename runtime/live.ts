import { isIP } from 'node:net';
import type { CameraTest } from './contracts/cameras.ts';
import type { Clock, LiveHost, Log } from './contracts/host.ts';
import type { LiveSession, SessionSource, WhepService } from './contracts/live.ts';
import type { Metrics, Reading } from './contracts/metrics.ts';
import type { StreamStatus } from './contracts/streams.ts';
import { Watchers } from './lib/live/watchers.ts';
import type { Part } from './lib/part.ts';
import { type CameraSet, createCameraSet } from './media/camera-set.ts';
import { createCameraTest } from './media/camera-test.ts';
import { RPICAM_VID } from './media/drivers/parts.ts';
import { Hls } from './media/hls/hls.ts';
import { createLiveOutputs } from './media/live-outputs.ts';
import { Pictures } from './media/mjpeg/pictures.ts';
import { OpusSound } from './media/sound/opus-sound.ts';
import { createStreams, type StreamedCameras, type Streams, type StreamsOptions } from './media/stream/streams.ts';
import { datachannelEngine } from './media/whep/datachannel-engine.ts';
import { readIceServers } from './media/whep/ice-servers.ts';
import { StunServers } from './media/whep/stun-servers.ts';
import { createWhep } from './media/whep/whep.ts';

export interface LiveOptions {
  clock: Clock;
  log: Log;
  ffmpegPath: string;
  metrics: Metrics;
  settings: LiveSettings;
  /** folder for what costs a moment to make again; without it, it is made again after each start */
  cacheFolder?: string;
  /** as a camera URL that comes through the API is checked */
  checkUrl: (url: string) => Promise<void>;
  /** cameras of devices, beside the host's own */
  uplink?: { join(own: StreamedCameras): StreamedCameras; source: StreamsOptions['uplink'] };
}

/** What of the server's settings is about live pictures. */
export interface LiveSettings {
  HOST: string;
  /** 0: no WebRTC */
  WEBRTC_UDP_PORT: number;
  WEBRTC_HOSTS: readonly string[];
  ICE_SERVERS: readonly string[];
  TURN_URLS: readonly string[];
  TURN_STATIC_SECRET?: string | undefined;
  /** ms */
  SERVICE_TIMEOUT?: number;
}

/** The live part of the server: its cameras, their streams, and what shows those. */
export interface Live extends Part {
  cameras: CameraSet;
  streams: Streams;
  whep: WhepService;
  /** Opus of cameras that send AAC */
  sound: OpusSound;
  hls: Hls;
  /** MJPEG and snapshots */
  pictures: Pictures;
  /** who watches over plain HTTP */
  watchers: Watchers;
  /** every output that has viewers */
  sessions: readonly SessionSource[];
  /** the outputs, for flows */
  host: LiveHost;
  /** Tries a camera's address once. */
  test(url: string): Promise<CameraTest>;
}

/** Puts the live part together. `start` begins in order, `stop` ends in reverse: outputs before streams before cameras. */
export function createLive({
  clock,
  log,
  ffmpegPath,
  metrics,
  settings,
  cacheFolder,
  checkUrl,
  uplink,
}: LiveOptions): Live {
  const serviceTimeoutMs = settings.SERVICE_TIMEOUT;
  const cameras = createCameraSet({ clock, log: log.child('cameras'), ffmpegPath, serviceTimeoutMs, checkUrl });
  const streams = createStreams({
    cameras: uplink?.join(cameras) ?? cameras,
    uplink: uplink?.source,
    clock,
    log: log.child('streams'),
    ffmpegPath,
    rpicamVid: RPICAM_VID,
    cacheFolder,
  });
  registerStreamGauges(metrics, () => streams.list());
  const sound = new OpusSound({ streams, clock, log: log.child('sound'), ffmpegPath });
  const whep = createWhepOf(settings, { streams, sound, clock, log: log.child('webrtc') });
  const hls = new Hls({ streams, clock });
  const pictures = new Pictures({ streams, cameras, clock, log: log.child('pictures'), ffmpegPath });
  cameras.takeStillsFrom({
    isRunning: (camera) => streams.isRunning(camera),
    take: (camera) => pictures.snapshot(camera, { fresh: true }),
    pause: (...paused) => streams.pause(...paused),
  });
  const watchers = new Watchers(clock);
  const sessions = [whep, watchers];
  registerSessionGauges(metrics, sessions);
  const parts: Part[] = [cameras, streams, sound, whep, hls, pictures];
  return {
    cameras,
    streams,
    whep,
    sound,
    hls,
    pictures,
    watchers,
    sessions,
    host: createLiveOutputs({ streams, hls, sessions, clock, log: log.child('outputs') }),
    test: createCameraTest({ clock, ffmpegPath, checkUrl }),
    async start() {
      for (const part of parts) await part.start();
    },
    async stop() {
      for (const part of parts.toReversed()) await part.stop();
    },
  };
}

/** Has the streams measured whenever somebody asks; the names follow MediaMTX', whose word for a camera's stream is path. */
export function registerStreamGauges(metrics: Metrics, list: () => StreamStatus[]): void {
  const gauge = (name: string, help: string, read: (status: StreamStatus) => number | undefined) =>
    metrics.gauge({ name, help, labels: ['name'] }, () =>
      list().flatMap((status): Reading[] => {
        const value = read(status);
        return value === undefined ? [] : [{ value, labels: { name: status.camera } }];
      }),
    );
  metrics.gauge(
    { name: 'paths', help: 'Always 1; the state of the stream is in the label', labels: ['name', 'state'] },
    () => list().map(({ camera, state }) => ({ value: 1, labels: { name: camera, state } })),
  );
  gauge('paths_readers', 'Who reads the stream', ({ readers }) => readers);
  gauge('paths_frames_per_second', 'Pictures that arrive, over about 5 s', ({ fps }) => fps);
  gauge('paths_bits_per_second', 'Bits that arrive, over about 5 s', ({ bitsPerSecond }) => bitsPerSecond);
  gauge('paths_frame_age_seconds', 'Time since the last picture', ({ ageMs }) =>
    ageMs === undefined ? undefined : ageMs / 1000,
  );
  gauge('paths_source_restarts', 'How often the source was lost since the start', ({ restarts }) => restarts);
  gauge('paths_frames_discarded', 'Pictures left out for readers that were full', ({ discarded }) => discarded);
}

/** WebRTC as the settings say; throws `setting.invalid` for an ICE server that no browser takes. */
function createWhepOf(settings: LiveSettings, parts: { streams: Streams; sound: OpusSound; clock: Clock; log: Log }) {
  const { HOST, WEBRTC_UDP_PORT: udpPort, WEBRTC_HOSTS: hosts, ICE_SERVERS, TURN_URLS, TURN_STATIC_SECRET } = settings;
  const host = HOST === 'localhost' ? '127.0.0.1' : HOST.replace(/^\[(.*)\]$/, '$1');
  // As HTTP does: on this machine only, unless it was opened. Behind a proxy it is opened by naming where viewers come from outside.
  const bound = hosts.length === 0 && isIP(host) !== 0 && host !== '0.0.0.0' && host !== '::';
  const bindAddress = bound ? host : undefined;
  const servers = [...ICE_SERVERS, ...TURN_URLS];
  const iceServers = readIceServers({ servers, turnSecret: TURN_STATIC_SECRET });
  // Bound to loopback it is not seen from anywhere else.
  const isInside = bound && (host === '::1' || host.startsWith('127.'));
  const stun = isInside ? undefined : new StunServers({ servers, ...parts });
  const engine = udpPort === 0 ? undefined : datachannelEngine({ udpPort, bindAddress, stun, ...parts });
  return createWhep({ ...parts, engine, udpPort, hosts, iceServers });
}

/** Viewers of each camera, of all outputs alike: what MediaMTX counts for WebRTC sessions and HLS muxers apart. */
export function registerSessionGauges(metrics: Metrics, sources: readonly SessionSource[]): void {
  const gauge = (name: string, help: string, add: (sum: number, session: LiveSession) => number) =>
    metrics.gauge({ name, help, labels: ['type', 'name'] }, () => {
      const sums = new Map<string, Reading>();
      for (const session of sources.flatMap((source) => source.sessions())) {
        const { type, camera } = session;
        const known = sums.get(`${type} ${camera}`)?.value ?? 0;
        sums.set(`${type} ${camera}`, { value: add(known, session), labels: { type, name: camera } });
      }
      return [...sums.values()];
    });
  gauge('sessions', 'Who watches now', (sum) => sum + 1);
  gauge('sessions_outbound_bytes', 'Bytes sent to those who watch now', (sum, { bytes }) => sum + bytes);
  gauge('sessions_frames_discarded', 'Pictures left out for them', (sum, { discarded }) => sum + discarded);
  gauge('sessions_packets_lost', 'Packets they report as lost', (sum, { loss }) => sum + (loss?.packets ?? 0));
  gauge('sessions_jitter_seconds', 'The worst jitter they report', (worst, { loss }) =>
    Math.max(worst, (loss?.jitterMs ?? 0) / 1000),
  );
}
