import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EventMessage } from '../../runtime/contracts/events.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeHost, TINY_JPEG } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { until } from '../support/until.ts';

function message(n: number, change: Partial<EventMessage['event']> = {}, phase: 'start' | 'end' = 'end'): EventMessage {
  const event = {
    id: `e${n}`,
    type: 'interaction_detected',
    state: 'closed',
    device: 'pi',
    camera: 'gate',
    rois: ['shelf'],
    started_at: '2026-11-20T12:00:00.000Z',
    ended_at: '2026-11-20T12:00:04.000Z',
    stock_changed: true,
    score: 0.4,
    images: {},
    details: {},
    parent: null,
    reviewed: false,
    verdict: null,
    note: null,
    keep: false,
    ...change,
  } as EventMessage['event'];
  return { v: 1, ts: 1, n, phase, event };
}

const node = (config: object) => [{ id: 'n', type: 'event-in', version: 1, ...config, wires: [[]] }];

describe('event-in', () => {
  it('posts a webhook with the thumbnail, and keeps quiet during the cooldown, in its example', async () => {
    const posted: Record<string, unknown>[] = [];
    const hook = createServer(async (req, res) => {
      let body = '';
      for await (const chunk of req) body += chunk;
      posted.push(JSON.parse(body));
      res.end('thanks');
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
    const { port } = hook.address() as AddressInfo;
    const text = readFileSync(new URL('../../flows/examples/event-in.json', import.meta.url), 'utf8');
    const fake = new FakeHost({ clock: new FakeClock() });
    const flow = await playFlow(JSON.parse(text.replace('127.0.0.1:8081', `127.0.0.1:${port}`)), { host: fake.host });
    fake.events.images.set('e1/thumb', TINY_JPEG);
    fake.events.publish(message(1));
    fake.events.publish(message(2));
    fake.events.publish(message(3, { camera: 'porch' }));
    await until('two webhooks', () => posted.length === 2);
    assert.deepEqual(posted.map(({ id }) => id).sort(), ['e1', 'e3']);
    assert.ok(String(posted.find(({ id }) => id === 'e1')?.thumbnail).startsWith('data:image/jpeg;base64,/9j/'));
    await flow.stop();
    assert.equal(fake.events.subscribers.size, 0);
    await new Promise((resolve) => hook.close(resolve));
  });

  it('tells of the kind, camera and phase that were asked for', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(
      [
        { id: 'c', type: 'camera', version: 1, camera: 'porch' },
        ...node({ event: 'stock_changed', camera: 'c', phase: 'start' }),
      ],
      { host: fake.host },
    );
    fake.events.publish(message(1));
    fake.events.publish(message(2, { type: 'stock_changed', camera: 'porch' }));
    fake.events.publish(message(3, { type: 'stock_changed', camera: 'porch' }, 'start'));
    const { payload, phase, n, image } = await flow.next('n');
    assert.deepEqual([payload.id, phase, n, image], ['e3', 'start', 3, undefined]);
    await flow.stop();
  });

  it('lets one of a kind pass per cooldown', async () => {
    const clock = new FakeClock();
    const fake = new FakeHost({ clock });
    const flow = await playFlow(node({ phase: '', cooldown_s: 60 }), { host: fake.host });
    fake.events.publish(message(1));
    fake.events.publish(message(2));
    await clock.advance(61_000);
    fake.events.publish(message(3));
    assert.equal((await flow.next('n')).n, 1);
    assert.equal((await flow.next('n')).n, 3);
    await flow.stop();
  });
});
