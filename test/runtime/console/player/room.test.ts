import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { type Room, type RoomWatch, watchRoom } from '../../../../runtime/console/player/ways/room.ts';

const URL_OF_ROOM = 'wss://live.example/secure';
const OURS = 'camera-gate-livekit';
const OTHER = 'camera-porch-livekit';

interface Track {
  kind: string;
  of: string;
}

/** livekit-client's Room as far as it is used: it sends nobody's track before that is subscribed to. */
class StandIn extends EventEmitter implements Room<Track> {
  readonly remoteParticipants: Room<Track>['remoteParticipants'] = new Map();
  readonly subscribed: string[] = [];
  readonly asked: unknown[] = [];
  answer: () => Promise<void> = async () => undefined;

  async connect(...asked: unknown[]): Promise<void> {
    this.asked.push(...asked);
    await this.answer();
  }

  publication(identity: string, kind: string) {
    return {
      setSubscribed: (isSubscribed: boolean) => {
        assert.ok(isSubscribed);
        this.subscribed.push(`${identity} ${kind}`);
        queueMicrotask(() => this.emit('trackSubscribed', { kind, of: identity }, {}, { identity }));
      },
    };
  }

  /** Is in the room already when one comes in. */
  put(identity: string, ...kinds: string[]): void {
    const trackPublications = new Map(kinds.map((kind) => [kind, this.publication(identity, kind)]));
    this.remoteParticipants.set(identity, { identity, trackPublications });
  }
}

describe('a room of LiveKit as the player watches it', () => {
  let room: StandIn;
  let tracks: string[];
  let ends: string[];
  let leaving: AbortController;

  beforeEach(() => {
    room = new StandIn();
    tracks = [];
    ends = [];
    leaving = new AbortController();
  });

  const watch = (more: Partial<RoomWatch<Track>> = {}) =>
    watchRoom<Track>({
      room,
      url: URL_OF_ROOM,
      token: 'secret-token',
      participant: OURS,
      rtcConfig: undefined,
      signal: leaving.signal,
      nameOf: (reason) => ({ 3: 'SERVER_SHUTDOWN' })[reason],
      onTrack: ({ kind, of }) => tracks.push(`${of} ${kind}`),
      onEnd: (reason) => ends.push(reason.message),
      limits: { connectMs: 200, trackMs: 200 },
      ...more,
    });
  const refuses = (name: string, reason: number) => {
    room.answer = async () => {
      throw Object.assign(new Error(`wss://live.example/rtc?access_token=secret-token ${reason}`), { name, reason });
    };
  };

  it('shows the one camera that was asked for, and subscribes to no other in it', async () => {
    room.put(OTHER, 'video');
    room.put(OURS, 'audio', 'video');
    room.put('device-pi', 'video');
    await watch({ rtcConfig: { iceServers: [] } });
    assert.deepEqual(room.subscribed, [`${OURS} audio`, `${OURS} video`]);
    assert.deepEqual(tracks, room.subscribed);
    const [url, token, options] = room.asked as [string, string, { autoSubscribe: boolean; rtcConfig: object }];
    assert.deepEqual(
      [url, token, options.autoSubscribe, options.rtcConfig],
      [URL_OF_ROOM, 'secret-token', false, { iceServers: [] }],
    );
  });

  it('waits for a camera that comes into it a moment later', async () => {
    room.put(OTHER, 'video');
    const watched = watch();
    setImmediate(() => {
      room.emit('trackPublished', room.publication(OTHER, 'audio'), { identity: OTHER });
      room.emit('trackPublished', room.publication(OURS, 'video'), { identity: OURS });
    });
    await watched;
    assert.deepEqual(tracks, [`${OURS} video`]);
  });

  it('is given up in words: not reached, not let in, no connection for pictures, nobody in it', async () => {
    refuses('ConnectionError', 6);
    await assert.rejects(watch(), { message: 'it is not reached at live.example' });
    refuses('ConnectionError', 0);
    await assert.rejects(watch(), { message: 'live.example does not let this page in' });
    room.answer = async () => {
      room.emit('signalConnected');
      throw Object.assign(new Error('could not establish pc connection'), { name: 'ConnectionError', reason: 2 });
    };
    const blocked = 'live.example answers, but no connection for pictures comes about';
    await assert.rejects(watch(), { message: blocked });
    room.answer = async () => undefined;
    room.put(OTHER, 'video');
    const limits = { connectMs: 200, trackMs: 5 };
    await assert.rejects(watch({ limits }), { message: 'the camera is not in its room' });
    assert.deepEqual([tracks, ends], [[], []]);
  });

  it('is given up when LiveKit does not answer in time, and at once when the viewer leaves', async () => {
    room.answer = () => new Promise(() => undefined);
    const limits = { connectMs: 5, trackMs: 5 };
    await assert.rejects(watch({ limits }), { message: 'it is not reached at live.example' });
    const watched = watch({ limits: { connectMs: 60_000, trackMs: 60_000 } });
    leaving.abort(new Error('stopped'));
    await assert.rejects(watched, { message: 'stopped' });
  });

  it('says why it ended, while it opens by refusing and afterwards by telling', async () => {
    const watched = watch();
    setImmediate(() => room.emit('disconnected', 3));
    await assert.rejects(watched, { message: 'it ended the connection (server shutdown)' });
    room = new StandIn();
    room.put(OURS, 'audio', 'video');
    await watch();
    room.emit('trackUnsubscribed', { kind: 'audio', of: OURS }, {}, { identity: OURS });
    room.emit('trackUnsubscribed', { kind: 'video', of: OTHER }, {}, { identity: OTHER });
    assert.deepEqual(ends, []);
    room.emit('trackUnsubscribed', { kind: 'video', of: OURS }, {}, { identity: OURS });
    room.emit('disconnected', 99);
    assert.deepEqual(ends, ['the camera left its room', 'it ended the connection (99)']);
  });
});
