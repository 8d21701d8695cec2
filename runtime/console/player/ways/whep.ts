import { playerStrings as words } from '../../strings/player.ts';
import { Refusal } from '../source.ts';
import { delayOf } from './delay.ts';
import { firstFrame, type OpensWay, type OpenWay, picturesOf, play, type WayParts, watchStall } from './way.ts';
import { within } from './within.ts';

/** The server waits up to 10 s for a camera that it starts. */
const ANSWER_MS = 15_000;
const CONNECT_MS = 4000;
const PICTURE_MS = 4000;
/** A camera that goes keeps the connection: the server's own supervision brings it back. */
const STALL_MS = 8000;
const GATHER_MS = 300;
/** A picture that stands for so long is a reason to ask whether the session is still there; and so often. */
const ASK_AFTER_MS = 1500;
const ASK_EVERY_MS = 2000;

/**
 * Opens WebRTC by WHEP (RFC 9725): all candidates in one offer, with sound only when it is to be heard, since the server may have to encode
 * it. To hear it later takes another session: a running one cannot be changed.
 */
export const openWhep: OpensWay = async (parts) => {
  const { source, known, surface, signal, wantsSound } = parts;
  if (typeof RTCPeerConnection === 'undefined') throw new Error(words.noWebrtc);
  const video = surface as HTMLVideoElement;
  const peer = new RTCPeerConnection({
    iceServers: known.iceServers.map(({ url, ...rest }) => ({ urls: url, ...rest })),
    bundlePolicy: 'max-bundle',
  });
  let session: string | undefined;
  let stopWatching = () => {};
  let isClosed = false;
  let isSoundThere = false;
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
    for (const kind of wantsSound ? (['video', 'audio'] as const) : (['video'] as const)) {
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
    isSoundThere = answer.headers.has('Redeye-Sound');
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
  const stopEnd = endsWith(peer, video, parts, () => isClosed);
  const stopAsking = asksWhenStill(video, session, {
    ...parts,
    ice: peer.localDescription?.sdp ?? '',
    onEnd: (reason) => {
      // There is nothing left to be ended there.
      session = undefined;
      parts.onEnd(reason);
    },
  });
  stopWatching = () => {
    stopEnd();
    stopAsking();
  };
  return {
    delayMs: () => delayOf(peer, video),
    hasSound: () => isSoundThere || peer.getReceivers().some(isSounding),
    asksSound: wantsSound,
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
  return watchStall(video, STALL_MS, () => onEnd(new Error(words.stalled)), picturesOf);
}

/**
 * A server that ends a session is not heard over the connection itself: browsers notice after many seconds, and without a reason. So when the
 * picture stands, the session's address is asked, by a PATCH that changes nothing (RFC 9725 §4.3.1). Answers how to end that.
 */
function asksWhenStill(
  video: HTMLVideoElement,
  session: string | undefined,
  { source, onEnd, ice: sdp }: Pick<WayParts, 'source' | 'onEnd'> & { ice: string },
): () => void {
  const ice = sdp.match(/^a=ice-(?:ufrag|pwd):.+$/gm)?.slice(0, 2);
  if (session === undefined || ice?.length !== 2) return () => {};
  const ending = new AbortController();
  const how = {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/trickle-ice-sdpfrag' },
    body: `${ice.map((line) => line.trim()).join('\r\n')}\r\n`,
    signal: ending.signal,
  };
  let [at, movedAt, askedAt] = [-1, performance.now(), Number.NEGATIVE_INFINITY];
  const timer = setInterval(() => {
    const now = performance.now();
    const place = picturesOf(video);
    if (place !== at || video.paused) [at, movedAt] = [place, now];
    if (now - movedAt < ASK_AFTER_MS || now - askedAt < ASK_EVERY_MS) return;
    askedAt = now;
    source.askAt(session, how).catch((error: unknown) => {
      // Only what is said of the session itself counts: a server that cannot be reached now may still send.
      if (!ending.signal.aborted && error instanceof Refusal && error.code.startsWith('session.')) onEnd(error);
    });
  }, 250);
  return () => {
    clearInterval(timer);
    ending.abort();
  };
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
