import rtc, { type PeerConnection } from 'node-datachannel';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import type { SentMedia } from '../whep/engine.ts';
import { SAFE_PACKET_BYTES } from '../whep/packet-size.ts';
import { packetizerUnit } from '../whep/packetizer-unit.ts';
import { addAudio, addVideo, type SentTrack } from '../whep/sent-tracks.ts';
import { plainAnswer } from './answer.ts';
import type { StartWhipPeer, WhipPeer, WhipPeerEvents } from './peer.ts';
import { type Relay, resolveRelays } from './relays.ts';

const GATHER_LIMIT_MS = 1500;

/** Peers by node-datachannel (libdatachannel), each on a UDP port of its own that the system hands out. */
export function datachannelPeers(parts: { clock: Clock; log: Log }): StartWhipPeer {
  return async (sent, events, iceServers) => {
    const relays = await resolveRelays(iceServers, { clock: parts.clock, limitMs: GATHER_LIMIT_MS });
    return new DatachannelPeer(parts, sent, events, relays);
  };
}

class DatachannelPeer implements WhipPeer {
  readonly #parts: { clock: Clock; log: Log };
  readonly #sent: SentMedia;
  readonly #pc: PeerConnection;
  readonly #video: SentTrack;
  readonly #audio: SentTrack | undefined;
  #isOpen = false;
  #isClosed = false;

  constructor(parts: { clock: Clock; log: Log }, sent: SentMedia, events: WhipPeerEvents, relays: Relay[]) {
    this.#parts = parts;
    this.#sent = sent;
    this.#pc = new rtc.PeerConnection('publisher', { iceServers: relays, disableAutoNegotiation: true });
    this.#video = addVideo(this.#pc, sent.video);
    this.#audio = sent.audio && addAudio(this.#pc, sent.audio);
    this.#video.track.onOpen(() => {
      this.#isOpen = true;
      if (!this.#isClosed) events.onState('open');
    });
    this.#video.track.onMessage((packet) => {
      if (!this.#isClosed) events.onRtcp(packet);
    });
    this.#pc.onStateChange((state) => {
      if (this.#isClosed) return;
      if (state === 'disconnected') events.onState('lost');
      if (state === 'failed' || state === 'closed') events.onState('closed');
    });
  }

  async offer(): Promise<string> {
    const gathered = new Promise<void>((resolve) => {
      this.#pc.onGatheringStateChange((state) => {
        if (state === 'complete') resolve();
      });
    });
    this.#pc.setLocalDescription('offer');
    let stop = () => {};
    const enough = new Promise<void>((resolve) => {
      stop = this.#parts.clock.after(GATHER_LIMIT_MS, resolve);
    });
    await Promise.race([gathered, enough]);
    stop();
    const sdp = this.#isClosed ? '' : (this.#pc.localDescription()?.sdp ?? '');
    if (sdp === '') throw new AppError('webrtc.unavailable', 'the WebRTC engine gave no offer');
    // Without our addresses: a check of the other side that comes before its answer ends the connection.
    return sdp.replace(/^a=(candidate:|end-of-candidates).*\r?\n/gm, '');
  }

  accept(answer: string): void {
    const plain = plainAnswer(answer, this.#sent);
    if (this.#isClosed) return;
    try {
      this.#pc.setRemoteDescription(plain, 'answer');
    } catch (cause) {
      throw new AppError('offer.invalid', 'the answer was not taken', {}, { cause });
    }
  }

  sendVideo(annexB: Buffer, timestamp: number): boolean {
    return this.#send(this.#video, packetizerUnit(annexB, SAFE_PACKET_BYTES), timestamp);
  }

  sendAudio(packet: Buffer, timestamp: number): boolean {
    return this.#send(this.#audio, packet, timestamp);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // By itself the connection's end does not let go of what the tracks call.
    this.#video.track.close();
    this.#audio?.track.close();
    this.#pc.close();
  }

  #send(to: SentTrack | undefined, bytes: Buffer, timestamp: number): boolean {
    if (!to || !this.#isOpen || this.#isClosed) return false;
    to.packets.timestamp = timestamp;
    try {
      return to.track.sendMessageBinary(bytes);
    } catch (error) {
      // The engine closes on threads of its own; it says so a moment later.
      this.#parts.log.debug('a unit was not taken', { error });
      return false;
    }
  }
}
