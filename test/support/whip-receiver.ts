import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import rtc, { type PeerConnection, type Track } from 'node-datachannel';
import { RtpPictures } from './rtp-pictures.ts';

/** One session that was made. */
export interface ReceivedSession {
  id: string;
  key: string;
  offer: string;
  rtp: RtpPictures;
  /** packets of sound, without their RTP header, and their RTP times */
  sound: Buffer[];
  soundTimes: number[];
  state: string;
  /** Asks for a key frame (PLI). */
  askForKey(): void;
  ended: boolean;
}

/**
 * A WHIP endpoint as LiveKit's ingress is one: `POST /w` with the key as Bearer token (or `/w/KEY`), 201 with `Location: /w/KEY/ID`, DELETE
 * there; an unknown key is 404. It receives by node-datachannel, takes H.264 and Opus, and sends receiver reports.
 */
export class WhipReceiver {
  readonly keys = new Set<string>();
  readonly sessions: ReceivedSession[] = [];
  /** `METHOD path` with the key replaced, and whether it came as Bearer token */
  readonly calls: string[] = [];
  /** answers this instead */
  status: number | undefined;
  /** 307 to there */
  redirect: string | undefined;
  /** `Link` header of its answers */
  links: string[] = [];
  /** the UDP port to be answered in place of its own */
  lead: ((port: number) => Promise<number>) | undefined;
  /** changes its SDP answer */
  spoil: (sdp: string) => string = (sdp) => sdp;
  readonly #open = new Map<string, { pc: PeerConnection; tracks: Track[]; session: ReceivedSession }>();
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: Error) => response.writeHead(500).end(error.message));
  });

  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** as LiveKit gives it out, for pushes */
  get url(): string {
    return `whip://127.0.0.1:${this.port}/w`;
  }

  get last(): ReceivedSession | undefined {
    return this.sessions.at(-1);
  }

  /** Ends every session from this side. */
  endAll(): void {
    for (const id of [...this.#open.keys()]) this.#end(id);
  }

  async stop(): Promise<void> {
    this.endAll();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += chunk;
    const [, app = '', inPath, id] = (request.url ?? '').split('/');
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const key = inPath ?? bearer ?? '';
    this.calls.push(`${request.method} /${app}${inPath ? '/KEY' : ''}${id ? '/ID' : ''}${bearer ? ' Bearer' : ''}`);
    if (this.redirect !== undefined) return void response.writeHead(307, { Location: this.redirect }).end();
    if (this.status !== undefined) return void response.writeHead(this.status).end();
    if (request.method === 'DELETE' && id !== undefined) {
      const isKnown = this.#open.has(id);
      this.#end(id);
      return void response.writeHead(isKnown ? 200 : 404).end();
    }
    if (request.method !== 'POST' || request.headers['content-type'] !== 'application/sdp')
      return void response.writeHead(415).end();
    if (!this.keys.has(key)) return void response.writeHead(404).end('ingress not found');
    if ([...this.#open.values()].some(({ session }) => session.key === key)) return void response.writeHead(409).end();
    const made = await this.#receive(key, text);
    const headers = { 'Content-Type': 'application/sdp', Location: `/${app}/${key}/${made.id}` };
    response.writeHead(201, this.links.length > 0 ? { ...headers, Link: this.links } : headers);
    response.end(this.spoil(await this.#led(made.answer)));
  }

  async #led(sdp: string): Promise<string> {
    const [, port] = /^a=candidate:\S+ 1 UDP \d+ 127\.0\.0\.1 (\d+) typ host/im.exec(sdp) ?? [];
    if (!this.lead || port === undefined) return sdp;
    const other = await this.lead(Number(port));
    return sdp.replace(/^(a=candidate:\S+ 1 UDP \d+ 127\.0\.0\.1) \d+ /gim, `$1 ${other} `);
  }

  async #receive(key: string, offer: string): Promise<{ id: string; answer: string }> {
    const id = `WH_${randomBytes(6).toString('hex')}`;
    const pc = new rtc.PeerConnection(id, { iceServers: [], bindAddress: '127.0.0.1', disableAutoNegotiation: true });
    const tracks: Track[] = [];
    const rtp = new RtpPictures();
    const sound: Buffer[] = [];
    const soundTimes: number[] = [];
    const session: ReceivedSession = {
      id,
      key,
      offer,
      rtp,
      sound,
      soundTimes,
      state: 'new',
      ended: false,
      askForKey: () => void tracks.find((track) => track.type() === 'video')?.requestKeyframe(),
    };
    this.sessions.push(session);
    this.#open.set(id, { pc, tracks, session });
    pc.onStateChange((state) => {
      session.state = state;
      if (state === 'closed' || state === 'failed') this.#open.delete(id);
    });
    pc.onTrack((track) => {
      tracks.push(track);
      track.setMediaHandler(new rtc.RtcpReceivingSession());
      const isVideo = track.type() === 'video';
      track.onMessage((packet) => {
        if (isVideo) rtp.take(packet);
        else if (((packet[1] ?? 0) & 127) === 111) {
          sound.push(packet.subarray(12));
          soundTimes.push(packet.readUInt32BE(4));
        }
      });
    });
    const gathered = new Promise<void>((resolve) => {
      pc.onGatheringStateChange((state) => state === 'complete' && resolve());
    });
    pc.setRemoteDescription(offer, 'offer');
    pc.setLocalDescription('answer');
    await gathered;
    return { id, answer: pc.localDescription()?.sdp ?? '' };
  }

  #end(id: string): void {
    const open = this.#open.get(id);
    if (!open) return;
    this.#open.delete(id);
    open.session.ended = true;
    for (const track of open.tracks) track.close();
    open.pc.close();
  }
}
