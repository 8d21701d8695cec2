import assert from 'node:assert/strict';
import { isStuck, sumOf, whyOf } from '../../../runtime/console/streams/condition.ts';
import { changeOf, draftOf, emptyDraft, wishOf } from '../../../runtime/console/streams/draft.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const waiting = { state: 'waiting', reason: null, retry_at: null } as const;

describe('streams as the console says them', () => {
  it('says first what to look at, then what the other side said, then when it is tried again', () => {
    const reason = 'tcp://127.0.0.1:1935: Connection refused';
    const why = whyOf({ ...waiting, reason, retry_at: '2026-11-20T12:00:20Z' }, NOW);
    assert.match(why, /^Nobody listens at that address.*It said: tcp.*refused\. Next try in 20 s\.$/);
    assert.equal(whyOf({ ...waiting, reason: 'the camera is away' }, NOW), 'The camera is away.');
    assert.match(whyOf(waiting, NOW), /^Waiting for the camera/);
  });

  it('tells of a next try only while one is waited for', () => {
    const retry_at = '2026-11-20T12:00:20Z';
    for (const state of ['idle', 'live', 'connecting'] as const)
      assert.equal(whyOf({ state, reason: null, retry_at }, NOW), '');
    assert.deepEqual(
      [isStuck({ state: 'failed', retry_at }), isStuck({ state: 'failed', retry_at: null })],
      [false, true],
    );
  });

  it('sums up in words, and leaves out what there is none of', () => {
    const states = ['live', 'live', 'failed', 'stalled', 'idle'] as const;
    assert.deepEqual(sumOf(states.map((state) => ({ state }))), ['2 on the air', '2 need attention', '1 off']);
    assert.deepEqual(sumOf([]), []);
  });

  it('sends of a change only what differs, and takes back what was emptied', () => {
    const push = {
      id: 'gate-rtmp',
      type: 'rtmp',
      camera: 'gate',
      settings: { sound: 'none', insecure: true },
    } as const;
    assert.equal(changeOf(draftOf(push), push), undefined);
    const draft = { ...draftOf(push), name: ' club ', url: 'rtmp://h/app', key: ' k3y ', insecure: false };
    assert.deepEqual(changeOf(draft, push), { name: 'club', url: 'rtmp://h/app', key: 'k3y', insecure: false });
    const settings = { title: 'Noon', scheduled_at: '2026-11-20T12:00:00.000Z', product_id: 4, dvr: false };
    const stream = { id: 'gate-youtube', type: 'youtube', camera: 'gate', settings } as const;
    const opened = draftOf(stream);
    assert.equal(changeOf(opened, stream), undefined);
    const broadcast = { ...opened.broadcast, title: '', schedule: '', product: '', dvr: true };
    assert.deepEqual(changeOf({ ...opened, broadcast }, stream), {
      title: null,
      scheduled_at: null,
      product_id: null,
      dvr: true,
    });
    const room = {
      id: 'r',
      type: 'livekit',
      camera: 'gate',
      settings: { room: 'hall', via: 'whip', sound: 'auto' },
    } as const;
    assert.deepEqual(changeOf({ ...draftOf(room), room: '' }, room), { room: null });
  });

  it('sends only what the type knows, and nothing that was left empty', () => {
    const draft = { ...emptyDraft('gate'), url: ' rtmp://h/app ', room: 'hall' };
    assert.deepEqual(wishOf(draft), { type: 'rtmp', started: true, url: 'rtmp://h/app' });
    assert.deepEqual(wishOf({ ...draft, type: 'livekit', name: 'gate-hall' }), {
      type: 'livekit',
      started: true,
      name: 'gate-hall',
      room: 'hall',
    });
    assert.deepEqual(wishOf({ ...draft, type: 'hls', started: false }), { type: 'hls', started: false });
    draft.broadcast.schedule = '2026-11-20T12:00';
    assert.deepEqual(wishOf({ ...draft, type: 'youtube' }), {
      type: 'youtube',
      started: true,
      privacy: 'private',
      latency: 'low',
      dvr: true,
      made_for_kids: false,
      scheduled_at: new Date('2026-11-20T12:00').toISOString(),
    });
  });
});
