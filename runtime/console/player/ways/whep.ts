import { playerStrings as words } from '../../strings/player.ts';
import { firstFrame, type OpensWay, type OpenWay, play, type WayParts, watchStall, within } from './way.ts';

/** The server waits up to 10 s for a camera that it starts. */
const ANSWER_MS = 15_000;
const CONNECT_MS = 4000;
const PICTURE_MS = 4000;
/** A camera that goes keeps the connection: the server's own supervision brings it back. */
const STALL_MS = 8000;
const GATHER_MS = 300;
const FRAME_MS = 800;

/** Opens WebRTC by WHEP (RFC 9725): all candidates in one offer, sound if there is any. */
export const openWhep: OpensWay = async (parts) => {
  const { source, known, surface, signal } = parts;
  if (typeof RTCPeerConnection === 'undefined') throw new Error(words.noWebrtc);
  const video = surface as HTMLVideoElement;
  const peer = new RTCPeerConnection({
    iceServers: known.iceServers.map(({ url, ...rest }) => ({ urls: url, ...rest })),
    bundlePolicy: 'max-bundle',
  });
  let session: string | undefined;
  let stopWatching = () => {};
  let isClosed = false;
  const close = () => {
    if (isClosed) return;
    isClosed = true;
    stopWatching();
    video.srcObject = null;
    // The other way round the server would know already, and answer that there is no such session.
    const told = session === undefined ? Promise.resolve() : source.tell(session, { method: 'DELETE' });
    void told.then(() => peer.close());
  };
  try {
    for (const kind of ['video', 'audio'] as const) {
      const { receiver } = peer.addTransceiver(kind, { direction: 'recvonly' });
      // A live picture is worth more than a smooth one.
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    }
    const stream = new MediaStream();
    peer.addEventListener('track', ({ track }) => stream.addTrack(track));
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const answer = await within(
      source.ask('whep', {
        method: 'POST',
        headers: { 'Content-Type': 'application/sdp' },
        body: peer.localDescription?.sdp ?? '',
        signal,
      }),
      ANSWER_MS,
      words.noFirst(ANSWER_MS / 1000),
      signal,
    );
    const location = answer.headers.get('Location');
    if (location !== null) session = new URL(location, answer.url).toString();
    const sdp = await answer.text();
    if (signal.aborted) throw signal.reason;
    const first = firstFrame(video);
    video.srcObject = stream;
    await peer.setRemoteDescription({ type: 'answer', sdp });
    void play(video);
    await within(connected(peer), CONNECT_MS, words.udp(portsOf(sdp), CONNECT_MS / 1000), signal);
    await within(first, PICTURE_MS, words.noFirst(PICTURE_MS / 1000), signal);
  } catch (error) {
    close();
    throw error;
  }
  stopWatching = endsWith(peer, video, parts, () => isClosed);
  return {
    delayMs: () => delayOf(peer, video),
    hasSound: () => peer.getReceivers().some(isSounding),
    close,
  } satisfies OpenWay;
};

/** Tells of a connection that failed or a picture that stands; answers how to end that. */
function endsWith(
  peer: RTCPeerConnection,
  video: HTMLVideoElement,
  { onEnd }: WayParts,
  isClosed: () => boolean,
): () => void {
  peer.addEventListener('connectionstatechange', () => {
    const { connectionState } = peer;
    if (!isClosed() && (connectionState === 'failed' || connectionState === 'closed')) onEnd(new Error(words.ended));
  });
  if (peer.connectionState !== 'connected') onEnd(new Error(words.ended));
  return watchStall(video, STALL_MS, () => onEnd(new Error(words.stalled)));
}

function isSounding({ track }: RTCRtpReceiver): boolean {
  return track.kind === 'audio' && !track.muted;
}

function connected(peer: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (peer.connectionState !== 'connected') return;
      peer.removeEventListener('connectionstatechange', look);
      resolve();
    };
    peer.addEventListener('connectionstatechange', look);
    look();
  });
}

/** Waits for our own candidates, not for ever: what comes later is found out by the server from where we call. */
function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHER_MS);
    peer.addEventListener('icegatheringstatechange', () => {
      if (peer.iceGatheringState !== 'complete') return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** UDP ports at which the server said to be, as `8189`. */
function portsOf(sdp: string): string {
  const ports = [...sdp.matchAll(/^a=candidate:\S+ \d+ udp \d+ \S+ (\d+) /gim)].map(([, port]) => port);
  return [...new Set(ports)].join(', ');
}

/** Half a round trip, and what the newest picture waited from its last packet to the screen: from the server's sending to the eye. */
async function delayOf(peer: RTCPeerConnection, video: HTMLVideoElement): Promise<number | undefined> {
  let roundTripS = 0;
  for (const row of (await peer.getStats()).values()) {
    if (row.type === 'candidate-pair' && row.nominated) roundTripS = row.currentRoundTripTime ?? 0;
  }
  const waited = await waitOfNext(video);
  return waited === undefined ? undefined : (roundTripS / 2) * 1000 + waited;
}

/** Undefined where the browser does not tell, or no picture comes. */
function waitOfNext(video: HTMLVideoElement): Promise<number | undefined> {
  return new Promise((resolve) => {
    if (!('requestVideoFrameCallback' in video)) {
      resolve(undefined);
      return;
    }
    const id = video.requestVideoFrameCallback((_now, { expectedDisplayTime, receiveTime }) => {
      clearTimeout(timer);
      resolve(receiveTime === undefined ? undefined : Math.max(0, expectedDisplayTime - receiveTime));
    });
    const timer = setTimeout(() => {
      video.cancelVideoFrameCallback(id);
      resolve(undefined);
    }, FRAME_MS);
  });
}
