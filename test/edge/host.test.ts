import assert from 'node:assert/strict';
import sharp from 'sharp';
import { createEdgeHost } from '../../edge/host.ts';
import type { AgentView, ToAgent, ToChild } from '../../edge/ipc.ts';
import { parseToAgent } from '../../edge/ipc.ts';
import { AgentPort } from '../../edge/runtime/agent-port.ts';
import { defaultDeviceConfig, type ServedConfig, withMilliseconds } from '../../runtime/contracts/device-config.ts';
import type { CameraHost, Host, LiveHost, UploadStatus } from '../../runtime/contracts/host.ts';
import type { PushHost } from '../../runtime/contracts/pushes.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { FakeClock } from '../support/fake-clock.ts';

const CONFIG: ServedConfig = {
  ok: true,
  device_id: 'pi',
  version: 1,
  last_seq: 0,
  mode: 'baseline',
  burst_until: null,
  mqtt: { url: '', root: 'redeye/v1/home' },
  config: withMilliseconds(defaultDeviceConfig()),
};
const UPLOAD: UploadStatus = { state: 'sending', frames: 1, bytes: 10, sent: 5, rejected: 0, dropped: 0 };

describe("the edge's host", () => {
  let sent: ToAgent[];
  let stops: number;
  let hear: (message: ToChild) => void;
  let agent: AgentPort;
  let host: Host;
  const tell = (view: Partial<AgentView>) => hear({ type: 'view', ...view });

  beforeEach(() => {
    sent = [];
    stops = 0;
    agent = new AgentPort(
      { send: (message) => sent.push(message), onMessage: (take) => (hear = take) },
      () => (stops += 1),
    );
    const cameras = {} as CameraHost;
    const pushes = {} as PushHost;
    const live = {} as LiveHost;
    host = createEdgeHost({ device: 'pi', clock: new FakeClock(), log: silentLog, cameras, agent, pushes, live });
  });

  it('is one side of two, with upload and configuration and without jobs', () => {
    assert.equal(host.side, 'edge');
    assert.equal(host.device, 'pi');
    assert.equal(host.ingest ?? host.jobs ?? host.events, undefined);
    assert.ok(Object.isFrozen(host));
  });

  it('hands pictures to the agent and resolves with its answer, each with its own', async () => {
    const jpeg = Buffer.from([1, 2, 3]);
    const still = { jpeg, camera: 'pi-cam', capturedAt: 1, width: 1, height: 1, jpegQuality: 80 };
    const first = host.upload?.spool(still);
    const second = host.upload?.spool(still);
    const third = host.upload?.spool(still);
    assert.deepEqual(
      sent.map((message) => message.type === 'spool' && message.call),
      [1, 2, 3],
    );
    hear({ type: 'refusal', call: 2, code: 'disk.full', message: 'no room' });
    hear({ type: 'answer', call: 1, seq: 7 });
    hear({ type: 'answer', call: 3 });
    assert.deepEqual(await first, { seq: 7 });
    await assert.rejects(second ?? Promise.resolve(), { code: 'disk.full', message: 'no room' });
    assert.deepEqual(await third, {});
  });

  it('tells nodes of configuration and upload as they change, and no longer when they have let go', async () => {
    const modes: string[] = [];
    const states: string[] = [];
    const releaseConfig = host.config?.watch(({ mode }) => modes.push(mode));
    const releaseUpload = host.upload?.watch(({ state }) => states.push(state));
    assert.equal(host.config?.current(), undefined);
    tell({ config: CONFIG, upload: UPLOAD });
    await agent.ready();
    assert.deepEqual(host.config?.current(), CONFIG);
    tell({ upload: { ...UPLOAD, state: 'idle' } });
    tell({ config: { ...CONFIG, mode: 'burst' } });
    releaseConfig?.();
    releaseUpload?.();
    tell({ config: CONFIG, upload: UPLOAD });
    assert.deepEqual(modes, ['baseline', 'burst']);
    assert.deepEqual(states, ['sending', 'idle']);
    hear({ type: 'stop' });
    assert.equal(stops, 1);
  });

  it('compares plain frames with the state in the node, and knows no jobs', async () => {
    const grey = (level: number) =>
      sharp({ create: { width: 320, height: 240, channels: 3, background: { r: level, g: level, b: level } } })
        .jpeg()
        .toBuffer();
    const memory = {};
    const frame = { device: 'pi', camera: 'pi-cam', capturedAt: 1_000, width: 320, height: 240, jpegQuality: 80 };
    const first = await host.detection.compareFrame(frame, await grey(100), memory);
    assert.equal(first.camera, 'pi-cam');
    assert.ok('state' in memory);
    const late = await host.detection.compareFrame({ ...frame, capturedAt: 900 }, await grey(100), memory);
    assert.equal(late.decision, 'late');
    const job = { id: 1, camera: 'pi-cam', seq: 1, attempt: 1, epoch: 1 };
    const stored = { ...frame, id: 'x', seq: 1, receivedAt: 1 };
    await assert.rejects(host.detection.compareJob(job, stored, Buffer.alloc(0), { flow: 'f' }), {
      code: 'host.not_here',
    });
  });
});

describe('a message from the child', () => {
  const id = 'a'.repeat(32);
  const still = { jpeg: new Uint8Array([1]), camera: 'c', capturedAt: 1, width: 1, height: 1, jpegQuality: 80 };

  it('is taken when it is one of ours', () => {
    const message = parseToAgent({ type: 'spool', call: 1, still });
    assert.ok(message?.type === 'spool' && Buffer.isBuffer(message.still.jpeg));
    assert.deepEqual(parseToAgent({ type: 'alive', more: 1 }), { type: 'alive' });
    const picture = { jpeg: new Uint8Array([1]), meta: { camera: 'c', asked: { shelf: 4 } } };
    const own = parseToAgent({ type: 'picture', id, picture });
    assert.ok(own?.type === 'picture' && Buffer.isBuffer(own.picture.jpeg));
    assert.deepEqual([own.id, own.picture.meta], [id, picture.meta]);
  });

  it('is nothing when anything in it is not', () => {
    const jpeg = new Uint8Array([1]);
    const loop: Record<string, unknown> = {};
    loop.loop = loop;
    const wrong = [
      undefined,
      'alive',
      { type: 'exec' },
      { type: 'spool', call: 1.5, still },
      { type: 'spool', call: 1, still: { ...still, jpeg: 'text' } },
      { type: 'spool', call: 1, still: { ...still, camera: 7 } },
      { type: 'spool', call: 1, still: { ...still, capturedAt: 1e300 } },
      { type: 'spool', call: 1, still: { ...still, width: Number.NaN } },
      { type: 'picture', id: '../../etc', picture: { jpeg, meta: {} } },
      { type: 'picture', id, picture: { jpeg: 'text', meta: {} } },
      { type: 'picture', id, picture: { jpeg } },
      { type: 'picture', id, picture: { jpeg, meta: [] } },
      { type: 'picture', id, picture: { jpeg, meta: loop } },
      { type: 'picture', id, picture: { jpeg, meta: { product_id: 4n } } },
      { type: 'picture', id, picture: { jpeg, meta: { note: 'x'.repeat(70_000) } } },
      { type: 'picture', id },
      { type: 'report', cameras: 'none', flows: 'x', nodeTypes: [], rssMb: 1 },
    ];
    for (const message of wrong) assert.equal(parseToAgent(message), undefined);
  });
});
