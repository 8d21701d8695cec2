import { isIP } from 'node:net';
import type { LiveHost } from '../../runtime/contracts/host.ts';
import type { LiveSession, SessionSource, WhepService } from '../../runtime/contracts/live.ts';
import { Watchers } from '../../runtime/lib/live/watchers.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { RPICAM_VID } from '../../runtime/media/drivers/parts.ts';
import { Hls } from '../../runtime/media/hls/hls.ts';
import { createLiveOutputs } from '../../runtime/media/live-outputs.ts';
import { Pictures } from '../../runtime/media/mjpeg/pictures.ts';
import { OpusSound } from '../../runtime/media/sound/opus-sound.ts';
import { createStreams, type Streams } from '../../runtime/media/stream/streams.ts';
import type { LiveGateOptions } from './live-gate.ts';

/** The live part of a device: its cameras' streams and what shows them. */
export interface EdgeLive extends Part {
  streams: Streams;
  /** Opus of cameras that send AAC */
  sound: OpusSound;
  hls: Hls;
  /** MJPEG and snapshots */
  pictures: Pictures;
  watchers: Watchers;
  /** The outputs, for flows. */
  host: LiveHost;
  /** WebRTC, whose library is loaded for the first who asks. */
  whep(): Promise<WhepService>;
}

/** Puts it together. While a stream holds a camera that only one program can open, its stills come from there. */
export function createEdgeLive(options: LiveGateOptions): EdgeLive {
  const { cameras, clock, log, ffmpegPath, cacheFolder } = options;
  const streams = createStreams({
    cameras,
    clock,
    log: log.child('streams'),
    ffmpegPath,
    rpicamVid: RPICAM_VID,
    cacheFolder,
  });
  const sound = new OpusSound({ streams, clock, log: log.child('sound'), ffmpegPath });
  const hls = new Hls({ streams, clock });
  const pictures = new Pictures({ streams, cameras, clock, log: log.child('pictures'), ffmpegPath });
  cameras.takeStillsFrom({
    isRunning: (camera) => streams.isRunning(camera),
    take: (camera) => pictures.snapshot(camera, { fresh: true }),
    pause: (...paused) => streams.pause(...paused),
  });
  const watchers = new Watchers(clock);
  const webrtc = new WebRtc(options, streams, sound);
  const parts: Part[] = [streams, sound, hls, pictures];
  return {
    streams,
    sound,
    hls,
    pictures,
    watchers,
    host: createLiveOutputs({ streams, hls, sessions: [webrtc, watchers], clock, log: log.child('outputs') }),
    whep: () => webrtc.open(),
    async start() {
      for (const part of parts) await part.start();
    },
    async stop() {
      await webrtc.stop();
      for (const part of parts.toReversed()) await part.stop();
    },
  };
}

/** WebRTC once somebody has asked for it; before that nobody watches by it. */
class WebRtc implements SessionSource {
  readonly #options: LiveGateOptions;
  readonly #streams: Streams;
  readonly #sound: OpusSound;
  #loading: Promise<WhepService> | undefined;
  #whep: (WhepService & Part) | undefined;

  constructor(options: LiveGateOptions, streams: Streams, sound: OpusSound) {
    this.#options = options;
    this.#streams = streams;
    this.#sound = sound;
  }

  open(): Promise<WhepService> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  async stop(): Promise<void> {
    await this.#loading;
    await this.#whep?.stop();
  }

  sessions(): LiveSession[] {
    return this.#whep?.sessions() ?? [];
  }

  kick(id: string): boolean {
    return this.#whep?.kick(id) ?? false;
  }

  async #load(): Promise<WhepService> {
    const { clock, log, host, udpPort } = this.#options;
    const [{ createWhep }, { datachannelEngine }] = await Promise.all([
      import('../../runtime/media/whep/whep.ts'),
      import('../../runtime/media/whep/datachannel-engine.ts'),
    ]);
    const address = host === 'localhost' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1');
    // As HTTP does: on this machine only, unless it was opened.
    const bindAddress = isIP(address) !== 0 && address !== '0.0.0.0' && address !== '::' ? address : undefined;
    const parts = { clock, log: log.child('webrtc') };
    const engine =
      udpPort === 0
        ? undefined
        : datachannelEngine({ ...parts, udpPort, bindAddress, setting: 'EDGE_WEBRTC_UDP_PORT' });
    const offReason = 'WebRTC is off on this device (EDGE_WEBRTC_UDP_PORT=0)';
    const streams = this.#streams;
    const whep = createWhep({
      ...parts,
      streams,
      sound: this.#sound,
      engine,
      udpPort,
      offReason,
      iceServers: () => [],
    });
    await whep.start();
    this.#whep = whep;
    return whep;
  }
}
