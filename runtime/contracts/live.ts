import { type Static, Type } from 'typebox';
import { nullable, time } from './schema.ts';
import { STREAM_STATES, type StreamState } from './streams.ts';

/** The ways in which a camera can be watched. */
export type LiveOutputKind = 'webrtc' | 'hls' | 'mjpeg';

/** One way of watching one camera, as flows see it. */
export interface LiveOutputStatus {
  camera: string;
  output: LiveOutputKind;
  /** of the camera's stream */
  state: StreamState;
  /** why it waits or failed, or what is special about it, in words */
  reason?: string;
  viewers: number;
  /** where players find it, below the address of the server */
  path: string;
}

/** Somebody who watches, as `GET /api/v1/sessions` lists them. */
export interface LiveSession {
  /** names the session towards operators; never the secret that its viewer holds */
  id: string;
  type: 'whep' | 'hls' | 'mjpeg' | 'livekit';
  /** of a room with several the first one */
  camera: string;
  /** name of the user, as `anna` */
  user: string;
  /** IP address it is watched from */
  address: string;
  /** path it was asked for under, without a query */
  path: string;
  state: 'connecting' | 'playing';
  /** epoch ms */
  startedAt: number;
  /** bytes of the stream sent to it, without what the network adds; 0 for what LiveKit sends */
  bytes: number;
  /** what its player reports; absent before the first report, and for what goes over TCP */
  loss?: { share: number; packets: number; jitterMs: number };
  /** units or pictures left out because it could not take them */
  discarded: number;
}

/** A `LiveSession` as the API shows it. */
export const SessionRecord = Type.Object(
  {
    id: Type.String(),
    type: Type.Enum(['whep', 'hls', 'mjpeg', 'livekit'], {
      description: 'livekit: has a token for a room, or is in it',
    }),
    camera: Type.String(),
    user: Type.String(),
    address: Type.String({ description: 'IP address it is watched from' }),
    path: Type.String(),
    state: Type.Enum(['connecting', 'playing']),
    started_at: time(),
    bytes: Type.Integer(),
    discarded: Type.Integer({ description: 'pictures left out because it could not take them' }),
    loss: nullable(Type.Object({ share: Type.Number(), packets: Type.Integer(), jitter_ms: Type.Number() })),
  },
  { title: 'SessionRecord' },
);
export type SessionRecord = Static<typeof SessionRecord>;

/** One camera's way through the hub: where its stream comes from, who reads it here, who watches. */
export const GraphRecord = Type.Object(
  {
    camera: Type.String(),
    source: Type.Object({
      state: Type.Enum([...STREAM_STATES]),
      reason: nullable(Type.String()),
      codec: nullable(Type.String({ description: 'RFC 6381, as avc1.42e01f' })),
      width: nullable(Type.Integer()),
      height: nullable(Type.Integer()),
      b_frames: nullable(Type.Boolean()),
      sound: nullable(Type.String()),
      fps: Type.Number(),
      bits_per_second: Type.Number(),
      age_ms: nullable(Type.Integer({ description: 'since its last picture' })),
      restarts: Type.Integer(),
    }),
    hub: Type.Object({
      readers: Type.Integer({ description: 'viewers by WebRTC, HLS, a decoder for JPEGs, pushes: what reads here' }),
      discarded: Type.Integer({ description: 'pictures left out for readers that were full' }),
    }),
    viewers: Type.Array(SessionRecord),
  },
  { title: 'GraphRecord' },
);
export type GraphRecord = Static<typeof GraphRecord>;

/** A token for `<img>` and `<video>`. */
export const StreamTokenAnswer = Type.Object(
  { token: Type.String(), expires_at: time() },
  { title: 'StreamTokenAnswer' },
);

/** One kind of output and its viewers. */
export interface SessionSource {
  /** as far as it knows by now */
  sessions(): LiveSession[];
  /** Asks somebody else who watches there; never rejects. */
  refresh?(): Promise<void>;
  /** Ends a session as if its viewer had left; false when it has none of that id. */
  kick(id: string): boolean;
}

/** Who asks to watch, and under which path. */
export interface Viewer {
  user: string;
  address: string;
  path: string;
}

/** What a player may try for a camera, best first, as `GET /api/v1/cameras/{id}/live` tells. */
export const LiveWays = Type.Object(
  {
    state: Type.Enum([...STREAM_STATES, 'none'], { description: 'none: only stills come from it' }),
    reason: Type.Optional(Type.String({ description: 'why it is not live, in words' })),
    now: Type.Number({ description: "epoch ms on the server's clock" }),
    ways: Type.Array(
      Type.Object({
        name: Type.Enum(['livekit', 'whep', 'hls', 'mjpeg']),
        room: Type.Optional(Type.String({ description: 'livekit: ask POST /livekit/token for a token for it' })),
        participant: Type.Optional(Type.String({ description: 'livekit: whose pictures in the room are this camera' })),
        reason: Type.Optional(Type.String({ description: 'why it is not worth a try now' })),
      }),
    ),
    iceServers: Type.Array(
      Type.Object({
        url: Type.String(),
        username: Type.Optional(Type.String()),
        credential: Type.Optional(Type.String()),
      }),
      { description: 'for WebRTC, with fresh credentials' },
    ),
  },
  { title: 'LiveWays' },
);
export type LiveWays = Static<typeof LiveWays>;

/** A STUN or TURN server for browsers (W3C WebRTC, RTCIceServer), one address each. */
export interface IceServer {
  url: string;
  username?: string;
  credential?: string;
}

/** An open WHEP session: what goes into the 201. */
export interface OpenedSession {
  /** names it towards operators, as in the list of sessions */
  id: string;
  /** 192 random bits: whoever has it may change and end the session */
  secret: string;
  /** SDP */
  answer: string;
  /** without quotes */
  etag: string;
  /** the camera has a sound that a player may ask for */
  hasSound: boolean;
}

/** WebRTC to viewers by WHEP (draft-ietf-wish-whep), over one UDP port. */
export interface WhepService extends SessionSource {
  /**
   * Opens a session for an SDP offer. Throws `offer.invalid`, `offer.no_codec`, `stream.b_frames`, `session.limit`,
   * `webrtc.unavailable`, `camera.not_found`, `camera.no_stream`, and `camera.unreachable` when nothing came of the camera.
   */
  open(camera: string, offer: string, viewer: Viewer): Promise<OpenedSession>;
  /**
   * Takes candidates that a player found later (RFC 8840). Throws `session.not_found`, `session.stale` for another `etag`,
   * `session.no_restart`, `offer.invalid`.
   */
  patch(camera: string, secret: string, fragment: string, etag?: string): void;
  /** Ends a session; throws `session.not_found`. */
  close(camera: string, secret: string): void;
  /** Why no session can begin now, in words; undefined when one can. */
  trouble(): string | undefined;
  /** ICE servers for this user, with fresh credentials; without a user only those that need none. */
  iceServers(user?: string): IceServer[];
}
