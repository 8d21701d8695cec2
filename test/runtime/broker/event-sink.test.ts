import assert from 'node:assert/strict';
import { eventSink } from '../../../runtime/broker/event-sink.ts';
import type { EventMessage, EventType } from '../../../runtime/contracts/events.ts';
import { at } from './broker-bench.ts';

function message(id: string, phase: 'start' | 'end', type: EventType = 'interaction_detected'): EventMessage {
  return {
    v: 1,
    ts: at,
    n: 1,
    phase,
    event: {
      id,
      type,
      state: phase === 'start' ? 'open' : 'closed',
      device: 'pi-1',
      camera: 'shelf',
      rois: ['L'],
      started_at: '',
      ended_at: null,
      stock_changed: null,
      score: 1,
      images: {},
      details: {},
      parent: null,
      reviewed: false,
      verdict: null,
      note: null,
      keep: false,
    },
  };
}

describe('event sink', () => {
  let published: { topic: string; body: Record<string, unknown>; retain: boolean }[];
  let sink: (message: EventMessage) => Promise<void>;

  beforeEach(() => {
    published = [];
    sink = eventSink({
      site: 'home',
      broker: {
        publish: async (topic, body, options) => {
          published.push({ topic, body: { ...body }, retain: options?.retain ?? false });
        },
      },
    });
  });

  const motions = () =>
    published.filter(({ topic }) => topic.endsWith('/c/shelf/motion')).map(({ body }) => body.motion);

  it('puts an event on the topic of its device and type, whole and not retained', async () => {
    const sent = message('a', 'start', 'camera_obstructed');
    await sink(sent);
    assert.deepEqual(published, [
      { topic: 'redeye/v1/home/d/pi-1/evt/camera_obstructed', body: { ...sent }, retain: false },
    ]);
  });

  it('says motion while at least one interaction is open, also when messages come twice', async () => {
    for (const [id, phase] of [
      ['a', 'start'],
      ['a', 'start'],
      ['b', 'start'],
      ['a', 'end'],
      ['a', 'end'],
      ['b', 'end'],
    ] as const)
      await sink(message(id, phase));
    assert.deepEqual(motions(), [true, true, true, true, true, false]);
    assert.ok(published.filter(({ topic }) => topic.endsWith('/motion')).every(({ retain }) => retain));
  });

  it('ends a motion whose beginning it never saw', async () => {
    await sink(message('a', 'end'));
    assert.deepEqual(motions(), [false]);
  });
});
