import type { RemoteTrack } from 'livekit-client';
import { playerStrings as words } from '../../strings/player.ts';
import { delayOf } from './delay.ts';
import { watchRoom } from './room.ts';
import { firstFrame, type OpensWay, picturesOf, play, watchStall } from './way.ts';
import { within } from './within.ts';

const PICTURE_MS = 4000;
/** As for WHEP: what LiveKit's own reconnection does not bring back in this time is left to the next way. */
const STALL_MS = 8000;
const AGAIN_MS = 500;
const AGAIN_MOST = 4;

/** Opens the camera's room at LiveKit, by livekit-client, which is loaded now; leaves it when closed. */
export const openLivekit: OpensWay = async ({ source, known, surface, signal, onEnd }) => {
  if (typeof RTCPeerConnection === 'undefined') throw new Error(words.noWebrtc);
  const { room: name, participant } = known.ways.find((way) => way.name === 'livekit') ?? {};
  if (name === undefined || participant === undefined) throw new Error(words.roomEmpty);
  const video = surface as HTMLVideoElement;
  const [{ DisconnectReason, Room, setLogLevel }, { url, token }] = await Promise.all([
    import('./livekit-client.ts'),
    source.roomToken(name, signal),
  ]);
  if (signal.aborted) throw signal.reason;
  // What goes wrong is told below the picture; its own log would name addresses with tokens.
  setLogLevel('silent');
  const room = new Room({
    reconnectPolicy: { nextRetryDelayInMs: ({ retryCount }) => (retryCount < AGAIN_MOST ? AGAIN_MS : null) },
  });
  const stream = new MediaStream();
  let shown: RemoteTrack | undefined;
  let stopWatching = () => {};
  let isClosed = false;
  const close = () => {
    if (isClosed) return;
    isClosed = true;
    stopWatching();
    video.srcObject = null;
    // Who is not connected any more need not say good-bye.
    void room.disconnect().catch(() => undefined);
  };
  const end = (reason: unknown) => {
    if (!isClosed) onEnd(reason);
  };
  try {
    const first = firstFrame(video);
    video.srcObject = stream;
    await watchRoom<RemoteTrack>({
      room,
      url,
      token,
      participant,
      rtcConfig: relaysOf(known.iceServers),
      signal,
      nameOf: (reason) => DisconnectReason[reason],
      onEnd: end,
      onTrack: (track) => {
        for (const before of stream.getTracks()) if (before.kind === track.kind) stream.removeTrack(before);
        stream.addTrack(track.mediaStreamTrack);
        if (track.kind === 'video') shown = track;
        // A live picture is worth more than a smooth one.
        track.setPlayoutDelay(0);
        void play(video);
      },
    });
    await within(first, PICTURE_MS, words.noFirst(PICTURE_MS / 1000), signal);
  } catch (error) {
    close();
    throw error;
  }
  stopWatching = watchStall(video, STALL_MS, () => end(new Error(words.stalled)), picturesOf);
  return {
    delayMs: async () => (shown?.receiver ? delayOf(shown.receiver, video) : undefined),
    hasSound: () => stream.getAudioTracks().length > 0,
    close,
  };
};

/** Our relays where there are any; LiveKit's own servers otherwise. */
function relaysOf(servers: readonly { url: string; username?: string; credential?: string }[]): object | undefined {
  if (!servers.some(({ url }) => url.startsWith('turn'))) return undefined;
  return { iceServers: servers.map(({ url, ...rest }) => ({ urls: url, ...rest })) };
}
