import assert from 'node:assert/strict';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import { Hls } from '../../../../runtime/media/hls/hls.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { readPlaylist } from '../../../support/playlist.ts';
import { type Clip, FakeStreams, recordClip } from '../../../support/stream-fixture.ts';

const isError = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

describe('HLS of a camera', () => {
  let clip: Clip;
  let other: Clip;
  let clock: FakeClock;
  let streams: FakeStreams;
  let hls: Hls;

  before(async () => {
    clip = await recordClip({ seconds: 2 });
    other = await recordClip({ seconds: 2, width: 160, height: 96, audio: true });
  });

  beforeEach(() => {
    clock = new FakeClock();
    streams = new FakeStreams({ clock });
    streams.play('cam', clip);
    hls = new Hls({ streams, clock, newStamp: () => 'ab12' });
  });

  afterEach(async () => {
    await hls.stop();
    await streams.close();
  });

  /** Lets time pass until the promise settles. */
  async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
    let settled = false;
    promise.then(
      () => (settled = true),
      () => (settled = true),
    );
    for (let passed = 0; passed < ms && !settled; passed += 20) await clock.advance(20);
    assert.ok(settled, `not settled within ${ms} ms`);
    return promise;
  }
  const playlist = async (
    ask: { msn?: number; part?: number; skip?: boolean; padded?: boolean; query?: string } = {},
  ) => readPlaylist(await within(12_000, hls.playlist('cam', { query: '', ...ask })));

  it('begins with the first request, less than a second after the camera', async () => {
    const asked = hls.index('cam', '');
    const text = await within(900, asked);
    assert.match(text, /CODECS="avc1\.42c0[0-9a-f]{2}",RESOLUTION=320x180\nlive\.m3u8\n$/);
    assert.equal(streams.status('cam').readers, 1);
  });

  it('names segments, parts and the next part; every name leads to bytes', async () => {
    await playlist();
    await clock.advance(4000);
    const read = await playlist();
    assert.ok(read.segments.length >= 4);
    assert.equal(read.control['CAN-BLOCK-RELOAD'], 'YES');
    assert.equal(Number(read.control['PART-HOLD-BACK']), 0.6);
    for (const { uri, parts, duration } of read.segments) {
      const whole = await hls.file('cam', uri);
      assert.ok(whole.bytes > 0 && duration <= read.target + 0.5);
      if (parts.length === 0) continue;
      const pieces = await Promise.all(parts.map((part) => hls.file('cam', part.uri)));
      const bytes = (files: { pieces: readonly Buffer[] }[]) =>
        Buffer.concat(files.flatMap(({ pieces }) => [...pieces]));
      assert.ok(bytes(pieces).equals(bytes([whole])), 'a segment is its parts');
    }
    assert.equal((await hls.file('cam', read.maps[0] ?? '')).pieces[0]?.toString('latin1', 4, 8), 'ftyp');
  });

  it('answers a blocking reload with the asked part, and not earlier', async () => {
    await playlist();
    await clock.advance(3000);
    const now = await playlist();
    const msn = now.first + now.segments.length;
    const part = now.open.length;
    let answered = false;
    const asked = hls.playlist('cam', { msn, part, query: '' }).then((text) => {
      answered = true;
      return readPlaylist(text);
    });
    // A part lasts 200 ms; what is there now is at most one picture short of the next.
    while (!answered) {
      const open = readPlaylist(await hls.playlist('cam', { query: '' }));
      const isThere = open.first + open.segments.length > msn || open.open.length > part;
      if (isThere) break;
      await clock.advance(20);
    }
    const then = await within(40, asked);
    assert.equal(then.first + then.segments.length, msn);
    assert.equal(then.open.length, part + 1);
  });

  it('answers one for a whole segment when that is whole', async () => {
    await playlist();
    const now = await playlist();
    const msn = now.first + now.segments.length;
    const then = await playlist({ msn });
    assert.equal(then.segments.at(-1)?.msn, msn);
  });

  it('takes a part beyond a segment’s last as the first of the next', async () => {
    await playlist();
    await clock.advance(2000);
    const now = await playlist();
    const msn = now.first + now.segments.length;
    const then = await playlist({ msn, part: 50 });
    assert.equal(then.first + then.segments.length, msn + 1);
    assert.equal(then.open.length, 1);
  });

  it('refuses to wait for what is too far ahead', async () => {
    const now = await playlist();
    await assert.rejects(hls.playlist('cam', { msn: now.first + 20, query: '' }), isError('request.invalid'));
  });

  it('gives the hinted part when it is there', async () => {
    await playlist();
    const { hint = '' } = await playlist();
    const file = await within(1000, hls.file('cam', hint));
    assert.ok(file.bytes > 0);
    const later = await playlist();
    assert.notEqual(later.hint, hint);
  });

  it('lets a player that waits for a camera which is away go after some seconds, with what there is', async () => {
    await playlist();
    await clock.advance(2000);
    const now = await playlist();
    streams.lose('cam');
    const then = await playlist({ msn: now.first + now.segments.length + 1, part: 0 });
    // What had come is whole now; nothing new is claimed.
    const msns = then.segments.map(({ msn }) => msn);
    assert.ok((msns.at(-1) ?? 0) <= now.first + now.segments.length);
    assert.deepEqual(then.open, []);
  });

  it('leaves out what a player knows, when it asks for that', async () => {
    await playlist();
    await clock.advance(12_000);
    const full = await playlist();
    const delta = await playlist({ skip: true });
    assert.equal(full.segments.length, 7);
    assert.ok(delta.skipped >= 1, 'something is left out');
    assert.equal(delta.first, full.first);
    assert.deepEqual(delta.maps, []);
    assert.deepEqual(delta.segments, full.segments.slice(delta.skipped));
    const age = full.segments.slice(delta.skipped).reduce((sum, { duration }) => sum + duration, 0);
    assert.ok(age >= Number(full.control['CAN-SKIP-UNTIL']) - full.target - 1e-3, `${age} s stay`);
  });

  it('tells of a changed source by a discontinuity and another init segment', async () => {
    await playlist();
    await clock.advance(2000);
    streams.play('cam', other);
    await clock.advance(0);
    await clock.advance(3000);
    const read = await playlist();
    assert.equal(read.maps.length, 2);
    assert.equal(read.segments.filter(({ breaks }) => breaks).length, 1);
    const [one, two] = await Promise.all(read.maps.map((name) => hls.file('cam', name)));
    assert.notDeepEqual(one?.pieces, two?.pieces);
    assert.match(await hls.index('cam', ''), /mp4a\.40\.2",RESOLUTION=160x96/);
    await clock.advance(12_000);
    const later = await playlist();
    assert.equal(later.discontinuities, 1);
    assert.equal(later.maps.length, 1);
  });

  it('goes on behind a discontinuity when the camera was away', async () => {
    await playlist();
    await clock.advance(2000);
    streams.lose('cam');
    await clock.advance(15_000);
    streams.back('cam');
    await clock.advance(2000);
    const read = await playlist();
    assert.equal(read.segments.filter(({ breaks }) => breaks).length, 1);
  });

  it('fills up with gaps for players that need seven segments', async () => {
    const read = await playlist({ padded: true });
    const plain = await playlist();
    assert.equal(read.segments.length, 7);
    assert.equal(read.segments.at(-1)?.msn, plain.segments.at(-1)?.msn);
    await clock.advance(10_000);
    assert.deepEqual(await playlist({ padded: true }), await playlist());
  });

  it('carries the query on to every address', async () => {
    await playlist();
    await clock.advance(2000);
    const read = await playlist({ query: '?token=x.y' });
    const names = [
      ...read.maps,
      read.hint,
      ...read.segments.flatMap(({ uri, parts }) => [uri, ...parts.map((p) => p.uri)]),
    ];
    assert.deepEqual(
      names.filter((name) => !name?.endsWith('.mp4?token=x.y')),
      [],
    );
    assert.match(await hls.index('cam', '?token=x.y'), /\nlive\.m3u8\?token=x\.y\n$/);
  });

  it('is closed 60 s after the last request, and its names lead nowhere then', async () => {
    const { maps } = await playlist();
    await clock.advance(50_000);
    assert.ok(await hls.file('cam', maps[0] ?? ''));
    await clock.advance(59_000);
    assert.equal(hls.status().length, 1);
    await clock.advance(1100);
    assert.equal(hls.status().length, 0);
    assert.equal(streams.status('cam').readers, 0);
    await assert.rejects(hls.file('cam', maps[0] ?? ''), isError('stream.gone'));
    const anew = await playlist();
    assert.ok(anew.first > 0 && anew.segments.length >= 1);
  });

  it('counts on when it is made anew, so that a player which stayed is not led backwards', async () => {
    await playlist();
    await clock.advance(20_000);
    const before = await playlist();
    await clock.advance(61_000);
    const after = await playlist();
    assert.ok(after.first > before.first + before.segments.length);
  });

  it('keeps memory bounded while nobody fetches anything but playlists', async () => {
    await playlist();
    for (let minute = 0; minute < 2; minute += 1) {
      await clock.advance(50_000);
      await playlist();
    }
    const [status] = hls.status();
    const second =
      clip.units.reduce((sum, { nals }) => sum + nals.reduce((bytes, nal) => bytes + nal.length, 0), 0) / 2;
    assert.equal(status?.segments, 7);
    assert.ok((status?.bytes ?? 0) < 12 * second, `${status?.bytes} bytes of ${second} a second`);
  });

  it('says within 10 s that a camera is not there, gives stills only, or why it is away', async () => {
    await assert.rejects(hls.index('nobody', ''), isError('camera.not_found'));
    streams.stillsOnly.add('still');
    await assert.rejects(hls.index('still', ''), isError('camera.no_stream'));
    streams.play('mute', { ...clip, units: [] });
    await assert.rejects(within(10_100, hls.index('mute', '')), isError('camera.unreachable'));
    streams.lose('mute', 'it refuses the password');
    await clock.advance(4000);
    await assert.rejects(within(100, hls.index('mute', '')), /it refuses the password/);
  });

  it('lets everybody who waits go when the camera is removed', async () => {
    const now = await playlist();
    const asked = hls.playlist('cam', { msn: now.first + now.segments.length + 1, query: '' });
    const refused = assert.rejects(asked, isError('camera.not_found'));
    await streams.remove('cam');
    await refused;
    assert.equal(hls.status().length, 0);
  });
});
