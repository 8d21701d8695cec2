import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import rtc, { type IceUdpMuxListener, type PeerConnection, type Track } from 'node-datachannel';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import type { LocalIce, PeerEvents, RemoteIce, RtcEngine, RtcPeer, SentMedia } from './engine.ts';
import type { PeerPath } from './packet-size.ts';
import { packetizerUnit } from './packetizer-unit.ts';
import { addAudio, addVideo, type SentTrack } from './sent-tracks.ts';
import { type AskedStun, STUN_LIMIT_MS, type StunServers } from './stun-servers.ts';

export interface DatachannelOptions {
  udpPort: number;
  /** address to bind to; all networks without it */
  bindAddress?: string | undefined;
  /** name of the setting that the port comes from, for people; default `WEBRTC_UDP_PORT` */
  setting?: string;
  /** who tells under which address the port is seen from outside; without them only this host's own addresses are offered */
  stun?: Pick<StunServers, 'choose'> | undefined;
  clock: Clock;
  log: Log;
}

/** WebRTC by node-datachannel (libdatachannel), every peer on one UDP port. */
export function datachannelEngine(options: DatachannelOptions): RtcEngine {
  const { udpPort, bindAddress, setting = 'WEBRTC_UDP_PORT' } = options;
  let listener: IceUdpMuxListener | undefined;
  return {
    async start() {
      if (listener) return;
      await checkPort(udpPort, bindAddress, setting);
      // It holds the port between sessions: a peer that found it taken would end the process, on a thread where nobody catches.
      try {
        listener = new rtc.IceUdpMuxListener(udpPort, bindAddress);
      } catch (cause) {
        throw new AppError('webrtc.unavailable', `${setting}: UDP port ${udpPort} cannot be used`, {}, { cause });
      }
    },
    async stop() {
      listener?.stop();
      listener = undefined;
    },
    async answer(remote, sent, events) {
      if (!listener) throw new AppError('webrtc.unavailable', 'WebRTC is not running');
      const stun = await options.stun?.choose();
      if (!listener) throw new AppError('webrtc.unavailable', 'WebRTC was stopped');
      const peer = new DatachannelPeer(options, sent, events, stun);
      try {
        await peer.negotiate(remote);
        return peer;
      } catch (cause) {
        peer.close();
        throw cause instanceof AppError
          ? cause
          : new AppError('offer.invalid', 'the offer was not taken', {}, { cause });
      }
    },
  };
}

/** Tells in words why the port cannot be had; the engine itself only says that it cannot. */
async function checkPort(port: number, address: string | undefined, setting: string): Promise<void> {
  const socket = createSocket(address !== undefined && isIPv6(address) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ port, address, exclusive: true }, resolve);
    });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'is in use by another program' : `cannot be used: ${message}`;
    throw new AppError('webrtc.unavailable', `${setting}: UDP port ${port} ${why}`, { field: setting }, { cause });
  } finally {
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  }
}

class DatachannelPeer implements RtcPeer {
  readonly #options: DatachannelOptions;
  readonly #sent: SentMedia;
  readonly #stun: AskedStun | undefined;
  readonly #pc: PeerConnection;
  readonly #track: Track;
  readonly #packets: SentTrack['packets'];
  readonly #sound: SentTrack | undefined;
  #local: LocalIce | undefined;
  #open = false;
  #closed = false;

  constructor(options: DatachannelOptions, sent: SentMedia, events: PeerEvents, stun?: AskedStun) {
    this.#options = options;
    this.#sent = sent;
    this.#stun = stun;
    const { udpPort, bindAddress } = options;
    this.#pc = new rtc.PeerConnection('viewer', {
      iceServers: stun ? [stun.url] : [],
      ...(bindAddress !== undefined && { bindAddress }),
      disableAutoNegotiation: true,
      enableIceUdpMux: true,
      portRangeBegin: udpPort,
      portRangeEnd: udpPort,
    });
    // Before the offer is set, so that the engine answers with these tracks and makes none of its own.
    const { track, packets } = addVideo(this.#pc, sent.video);
    this.#track = track;
    this.#packets = packets;
    this.#sound = sent.audio && addAudio(this.#pc, sent.audio);
    this.#track.onOpen(() => {
      this.#open = true;
      if (!this.#closed) events.onState('open');
    });
    this.#track.onMessage((packet) => {
      if (!this.#closed) events.onRtcp(packet);
    });
    this.#pc.onStateChange((state) => {
      if (this.#closed) return;
      if (state === 'disconnected') events.onState('lost');
      if (state === 'failed' || state === 'closed') events.onState('closed');
    });
  }

  get local(): LocalIce {
    if (!this.#local) throw new Error('the peer has not negotiated');
    return this.#local;
  }

  path(): PeerPath | undefined {
    return this.#closed ? undefined : this.#pc.getSelectedCandidatePair()?.remote;
  }

  async negotiate(remote: RemoteIce): Promise<void> {
    const gathered = new Promise<void>((resolve) => {
      this.#pc.onGatheringStateChange((state) => {
        if (state === 'complete') resolve();
      });
    });
    this.#pc.setRemoteDescription(plainOffer(remote, this.#sent), 'offer');
    this.#pc.setLocalDescription('answer');
    let stop = () => {};
    const enough = new Promise<void>((resolve) => {
      stop = this.#options.clock.after(STUN_LIMIT_MS, resolve);
    });
    await Promise.race([gathered, enough]);
    stop();
    this.#local = readLocal(this.#pc.localDescription()?.sdp ?? '');
    this.#stun?.heard(this.#pc.gatheringState() === 'complete');
    for (const candidate of remote.candidates) this.addCandidate(candidate);
  }

  addCandidate(candidate: string): void {
    if (this.#closed) return;
    try {
      this.#pc.addRemoteCandidate(candidate, this.#sent.video.mid);
    } catch (error) {
      // One address less to try: the others, or what the player sends by itself, may do.
      this.#options.log.debug('a candidate was not taken', { error });
    }
  }

  sendVideo(annexB: Buffer, timestamp: number, packetBytes: number): boolean {
    if (!this.#open || this.#closed) return false;
    this.#packets.timestamp = timestamp;
    try {
      return this.#track.sendMessageBinary(packetizerUnit(annexB, packetBytes));
    } catch (error) {
      // The engine closes on threads of its own; it says so a moment later.
      this.#options.log.debug('a unit was not taken', { error });
      return false;
    }
  }

  sendAudio(packet: Buffer, timestamp: number): boolean {
    if (!this.#sound || !this.#open || this.#closed) return false;
    this.#sound.packets.timestamp = timestamp;
    try {
      return this.#sound.track.sendMessageBinary(packet);
    } catch (error) {
      this.#options.log.debug('a packet of sound was not taken', { error });
      return false;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // By itself the connection's end does not let go of what the track calls, and that holds the whole session.
    this.#track.close();
    this.#sound?.track.close();
    this.#pc.close();
  }
}

/** The offer as the engine gets it: only what was checked, in our own words. */
function plainOffer(remote: RemoteIce, { video, audio }: SentMedia): string {
  const { payloadType, fmtp, mid } = video;
  const transport = [
    'c=IN IP4 0.0.0.0',
    'a=recvonly',
    `a=ice-ufrag:${remote.ufrag}`,
    `a=ice-pwd:${remote.pwd}`,
    'a=ice-options:trickle',
    `a=fingerprint:${remote.fingerprint.algorithm} ${remote.fingerprint.value}`,
    `a=setup:${remote.setup}`,
    'a=rtcp-mux',
  ];
  const sound = audio
    ? [
        `m=audio 9 UDP/TLS/RTP/SAVPF ${audio.payloadType}`,
        ...transport,
        `a=mid:${audio.mid}`,
        `a=rtpmap:${audio.payloadType} ${audio.rtpmap}`,
        ...(audio.fmtp === '' ? [] : [`a=fmtp:${audio.payloadType} ${audio.fmtp}`]),
      ]
    : [];
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${mid}${audio ? ` ${audio.mid}` : ''}`,
    `m=video 9 UDP/TLS/RTP/SAVPF ${payloadType}`,
    ...transport,
    `a=mid:${mid}`,
    `a=rtpmap:${payloadType} H264/90000`,
    ...(fmtp === '' ? [] : [`a=fmtp:${payloadType} ${fmtp}`]),
    `a=rtcp-fb:${payloadType} nack`,
    `a=rtcp-fb:${payloadType} nack pli`,
    ...sound,
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function readLocal(sdp: string): LocalIce {
  const textOf = (name: string) => new RegExp(`^a=${name}:(.+)$`, 'm').exec(sdp)?.[1]?.trim() ?? '';
  const [algorithm = '', value = ''] = textOf('fingerprint').split(' ');
  const candidates = [...sdp.matchAll(/^a=(candidate:.+)$/gm)].map((match) => (match[1] ?? '').trim());
  const ufrag = textOf('ice-ufrag');
  if (ufrag === '' || value === '') throw new AppError('webrtc.unavailable', 'the WebRTC engine gave no answer');
  const setup = textOf('setup') === 'passive' ? 'passive' : 'active';
  return { ufrag, pwd: textOf('ice-pwd'), fingerprint: { algorithm, value }, setup, candidates };
}
