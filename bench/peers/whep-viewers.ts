import rtc, { type PeerConnection, type Track } from 'node-datachannel';
import { answer } from './answering.ts';

/** Players that take what comes and count it, in a process of their own. They join by WHEP one after the other. */
interface Viewer {
  pc: PeerConnection;
  track: Track;
  /** address of its session */
  session: string;
}

const PATIENCE_MS = 10_000;
const viewers: Viewer[] = [];
let bytes = 0;
let packets = 0;

answer({
  /** Opens sessions until there are so many. */
  async join({ url, token, count }: { url: string; token: string; count: number }) {
    while (viewers.length < count) viewers.push(await join(url, token));
  },
  async leave({ token }: { token: string }) {
    for (const { pc, track, session } of viewers.splice(0)) {
      await fetch(session, { method: 'DELETE', headers: { Authorization: `Bearer ${token}` } });
      track.close();
      pc.close();
    }
  },
  /** bytes of RTP that came so far, and how many of the players are connected */
  received: () => ({ bytes, packets, connected: viewers.filter(({ pc }) => pc.state() === 'connected').length }),
});

async function join(url: string, token: string): Promise<Viewer> {
  const pc = new rtc.PeerConnection('viewer', {
    iceServers: [],
    bindAddress: '127.0.0.1',
    disableAutoNegotiation: true,
  });
  const video = new rtc.Video('0', 'RecvOnly');
  video.addH264Codec(96, 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1');
  const track = pc.addTrack(video);
  track.setMediaHandler(new rtc.RtcpReceivingSession());
  track.onMessage((packet) => {
    bytes += packet.length;
    packets += 1;
  });
  const gathered = new Promise<void>((resolve) => {
    pc.onGatheringStateChange((state) => state === 'complete' && resolve());
  });
  const connected = new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('a viewer did not connect')), PATIENCE_MS);
    pc.onStateChange((state) => {
      if (state !== 'connected') return;
      clearTimeout(late);
      resolve();
    });
  });
  connected.catch(() => undefined);
  pc.setLocalDescription('offer');
  await gathered;
  // Without candidates: checks that come before the answer are more than this engine takes.
  const offer = (pc.localDescription()?.sdp ?? '').replace(/^a=(candidate|end-of-candidates).*\r\n/gm, '');
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` },
    body: offer,
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`WHEP: ${response.status} ${text}`);
  pc.setRemoteDescription(text, 'answer');
  await connected;
  return { pc, track, session: new URL(response.headers.get('Location') ?? '', url).href };
}
