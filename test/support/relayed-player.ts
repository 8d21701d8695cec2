import { type MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters } from 'werift';
import type { IceServer } from '../../runtime/contracts/live.ts';
import { RtpPictures } from './rtp-pictures.ts';

/** A WHEP player of another make than the server (werift) that takes no way but through a TURN server. Close it in `afterEach`. */
export class RelayedPlayer {
  readonly #rtp = new RtpPictures();
  readonly pictures = this.#rtp.pictures;
  readonly #pc: RTCPeerConnection;

  constructor(servers: readonly IceServer[]) {
    this.#pc = new RTCPeerConnection({
      iceServers: servers.map(({ url, username, credential }) => ({ urls: url, username, credential })),
      iceTransportPolicy: 'relay',
      iceUseIpv6: false,
      iceAdditionalHostAddresses: ['127.0.0.1'],
      bundlePolicy: 'max-bundle',
      codecs: {
        audio: [],
        video: [
          new RTCRtpCodecParameters({
            mimeType: 'video/H264',
            clockRate: 90_000,
            payloadType: 96,
            parameters: 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1',
            rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
          }),
        ],
      },
    });
    this.#pc.addTransceiver('video', { direction: 'recvonly' });
    this.#pc.onTrack.subscribe((track: MediaStreamTrack) => {
      track.onReceiveRtp.subscribe((packet) => this.#rtp.take(packet.serialize()));
    });
  }

  /** With all its candidates. */
  async offer(): Promise<string> {
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    return this.#pc.localDescription?.sdp ?? '';
  }

  async take(answer: string): Promise<void> {
    await this.#pc.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  async close(): Promise<void> {
    await this.#pc.close();
  }
}
