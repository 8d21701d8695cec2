import { playerStrings as words } from '../../strings/player.ts';
import { Refusal } from '../source.ts';
import { within } from './within.ts';

/** Which of its reasons livekit-client names by which number (`ConnectionErrorReason`). */
const NOT_ALLOWED = 0;

/** What of a track in a room is needed here. */
export interface RoomTrack {
  kind: string;
}

interface Publication {
  setSubscribed(subscribed: boolean): void;
}

interface Participant {
  identity: string;
}

/** What of livekit-client's Room is used. */
export interface Room<Track extends RoomTrack> {
  on(name: 'signalConnected', listener: () => void): unknown;
  on(name: 'trackPublished', listener: (publication: Publication, from: Participant) => void): unknown;
  on(
    name: 'trackSubscribed' | 'trackUnsubscribed',
    listener: (track: Track, publication: unknown, from: Participant) => void,
  ): unknown;
  on(name: 'disconnected', listener: (reason?: number) => void): unknown;
  connect(url: string, token: string, options: Record<string, unknown>): Promise<void>;
  remoteParticipants: Map<string, Participant & { trackPublications: Map<string, Publication> }>;
}

export interface RoomWatch<Track extends RoomTrack> {
  room: Room<Track>;
  url: string;
  token: string;
  /** identity of the one whose tracks are wanted: others in the room are other cameras */
  participant: string;
  rtcConfig: object | undefined;
  signal: AbortSignal;
  /** what LiveKit calls a reason for a disconnection */
  nameOf: (reason: number) => string | undefined;
  onTrack(track: Track): void;
  /** it ended by itself; not before the promise resolved */
  onEnd(reason: Error): void;
  /** ms for the connection, and for the first track after it */
  limits?: { connectMs: number; trackMs: number };
}

/** Joins a room and subscribes to one participant in it, to nobody else. Resolves with its first video; rejects in words. */
export async function watchRoom<Track extends RoomTrack>(watch: RoomWatch<Track>): Promise<void> {
  const { room, url, token, participant, rtcConfig, signal, nameOf, onTrack } = watch;
  const { connectMs, trackMs } = watch.limits ?? { connectMs: 6000, trackMs: 5000 };
  const { host } = new URL(url);
  let isOpen = false;
  let isSignalled = false;
  let fail = (_reason: Error) => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  const end = (reason: Error) => (isOpen ? watch.onEnd(reason) : fail(reason));
  const isOurs = ({ identity }: Participant) => identity === participant;
  const seen = new Promise<void>((resolve) => {
    room.on('trackSubscribed', (track, _publication, from) => {
      if (!isOurs(from)) return;
      onTrack(track);
      if (track.kind === 'video') resolve();
    });
  });
  room.on('trackPublished', (publication, from) => {
    if (isOurs(from)) publication.setSubscribed(true);
  });
  room.on('trackUnsubscribed', (track, _publication, from) => {
    if (isOurs(from) && track.kind === 'video') end(new Error(words.roomLeft));
  });
  room.on('signalConnected', () => {
    isSignalled = true;
  });
  room.on('disconnected', (reason = 0) => {
    // Thrown out by an operator: to begin again, by whatever way, is for the person to decide.
    if (nameOf(reason) === 'PARTICIPANT_REMOVED') return end(new Refusal(410, 'session.ended', words.sentAway));
    end(new Error(words.roomClosed(nameOf(reason)?.toLowerCase().replaceAll('_', ' ') ?? String(reason))));
  });
  // What comes while nobody waits for it is told by what is waited for.
  failed.catch(() => undefined);
  const silence = () => (isSignalled ? words.roomBlocked(host) : words.roomUnreachable(host));
  const joined = room
    .connect(url, token, {
      autoSubscribe: false,
      maxRetries: 0,
      websocketTimeout: connectMs,
      peerConnectionTimeout: connectMs,
      ...(rtcConfig && { rtcConfig }),
    })
    .catch((cause: { name?: string; reason?: number }) => {
      // Its own words name addresses with the token in them.
      const isRefused = cause.name === 'ConnectionError' && cause.reason === NOT_ALLOWED;
      throw new Error(isRefused ? words.roomRefused(host) : silence(), { cause });
    });
  await within(joined, connectMs, silence, signal);
  const there = [...room.remoteParticipants.values()].find(isOurs);
  for (const publication of there?.trackPublications.values() ?? []) publication.setSubscribed(true);
  await within(Promise.race([seen, failed]), trackMs, words.roomEmpty, signal);
  isOpen = true;
}
