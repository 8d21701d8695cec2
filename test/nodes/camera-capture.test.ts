import assert from 'node:assert/strict';
import { AppError } from '../../runtime/contracts/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeHost, servedConfig, TINY_JPEG } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { until } from '../support/until.ts';

const node = (config: object) => [
  { id: 'n', type: 'camera-capture', version: 1, camera: '', interval_s: 0, ...config, wires: [[]] },
];

describe('camera-capture', () => {
  it('takes a picture every ten seconds in its example', async () => {
    const clock = new FakeClock();
    const fake = new FakeHost({ clock });
    const flow = await playFlow('flows/examples/camera-capture.json', { host: fake.host });
    for (let beat = 0; beat < 3; beat += 1) {
      await clock.advance(beat === 0 ? 0 : 10_000);
      const { payload, frame } = await flow.next('rxcapture000002');
      assert.deepEqual(payload, TINY_JPEG);
      assert.deepEqual([frame.device, frame.camera, frame.jpegQuality], ['server', 'gate', 80]);
    }
    assert.equal(fake.cameras.captured.length, 3);
    assert.deepEqual(fake.cameras.captured[0]?.options, { width: 640, height: undefined, jpegQuality: 80 });
    await flow.stop();
    await clock.advance(60_000);
    assert.equal(fake.cameras.captured.length, 3);
  });

  it('takes one picture for each message, as the message wants it', async () => {
    const fake = new FakeHost();
    fake.cameras.ids = ['gate', 'porch'];
    const flow = await playFlow(node({ jpeg_quality: 60 }), { host: fake.host });
    flow.inject('n', { camera: 'porch', width: 320, topic: 'mine' });
    const { topic, frame } = await flow.next('n');
    assert.deepEqual([topic, frame.camera], ['mine', 'porch']);
    assert.deepEqual(fake.cameras.captured[0]?.options, { width: 320, height: undefined, jpegQuality: 60 });
    await flow.stop();
  });

  it('interrupts a stream for a picture in full size only where that is ticked', async () => {
    const fake = new FakeHost();
    fake.cameras.ids = ['gate'];
    const flow = await playFlow(node({ full: true, width: 4056 }), { host: fake.host });
    flow.inject('n', {});
    await flow.next('n');
    const { full, width } = fake.cameras.captured[0]?.options ?? {};
    assert.deepEqual([full, width], [true, 4056]);
    await flow.stop();
  });

  it('changes its pace at once when a configuration comes, without taking a picture for it', async () => {
    const clock = new FakeClock();
    const fake = new FakeHost({ clock });
    const flow = await playFlow(node({}), { host: fake.host });
    flow.inject('n', { capture: { interval_ms: 30_000, jpeg_quality: 70 } });
    await until('the first picture', async () => {
      await clock.advance(0);
      return fake.cameras.captured.length === 1;
    });
    await clock.advance(10_000);
    assert.equal(fake.cameras.captured.length, 1);
    flow.inject('n', { capture: { interval_ms: 500, jpeg_quality: 70 } });
    await until('the burst', async () => {
      await clock.advance(500);
      return fake.cameras.captured.length >= 4;
    });
    assert.equal(fake.cameras.captured[1]?.options?.jpegQuality, 70);
    await flow.stop();
  });

  it('says why a camera gives no picture, and goes on at the next beat', async () => {
    const clock = new FakeClock();
    const fake = new FakeHost({ clock });
    fake.cameras.failing = new AppError('camera.unreachable', 'no route to the camera');
    const flow = await playFlow(node({ interval_s: 5 }), { host: fake.host });
    await clock.advance(0);
    const { code, message } = await flow.failure('n');
    assert.deepEqual([code, message], ['camera.unreachable', 'no route to the camera']);
    await flow.statusIs('n', 'no route to the camera');
    fake.cameras.failing = undefined;
    await clock.advance(5_000);
    await flow.next('n');
    await flow.statusIs('n', /^1 picture/);
    await flow.stop();
  });

  it('takes pictures of every camera of the device, each at its own beat, in the tab that ships', async () => {
    const clock = new FakeClock();
    const fake = new FakeHost({ clock });
    fake.cameras.ids = ['gate', 'porch'];
    fake.cameras.declare({ id: 'of-a-flow', url: 'sim:shelf' });
    fake.cameras.hanging.add('gate');
    fake.config.serve(servedConfig({ device_id: 'server' }));
    const flow = await playFlow('flows/server/server-cameras.json', { host: fake.host });
    const of = (camera: string) => fake.ingest.stored.filter((still) => still.camera === camera).length;
    const beats = (what: string, fact: () => boolean) =>
      until(what, async () => {
        await clock.advance(1000);
        return fact();
      });
    await beats('porch is stored though gate hangs', () => of('porch') === 2);
    fake.cameras.ids = ['gate', 'porch', 'yard'];
    await beats('a camera that was added joins', () => of('yard') === 1);
    fake.cameras.ids = ['gate', 'yard'];
    const before = of('porch');
    await beats('the other goes on', () => of('yard') === 3);
    assert.deepEqual([of('gate'), of('porch'), of('of-a-flow')], [0, before, 0]);
    assert.equal(fake.cameras.captured.filter(({ camera }) => camera === 'gate').length, 1, 'none piles up');
    await flow.stop();
    assert.equal(fake.cameras.watchers, 0);
  });

  it('takes one picture of each camera for a message, and names the camera that fails', async () => {
    const fake = new FakeHost();
    fake.cameras.ids = ['gate', 'porch'];
    const flow = await playFlow(node({ every: true }), { host: fake.host });
    flow.inject('n', { topic: 'mine' });
    const pictures = [await flow.next('n'), await flow.next('n')];
    assert.deepEqual(pictures.map(({ frame, topic }) => `${frame.camera} ${topic}`).sort(), [
      'gate mine',
      'porch mine',
    ]);
    fake.cameras.failing = new AppError('camera.unreachable', 'no route');
    flow.inject('n', { camera: 'porch' });
    assert.equal((await flow.failure('n')).code, 'camera.unreachable');
    fake.cameras.ids = ['gate'];
    flow.inject('n', {});
    const { code, message } = await flow.failure('n');
    assert.deepEqual([code, message], ['camera.unreachable', 'gate: no route']);
    await flow.statusIs('n', 'gate: no route');
    await flow.stop();
  });

  it('names the field of a message that makes no sense', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(node({}), { host: fake.host });
    for (const [msg, field] of [
      [{ width: 3 }, 'msg.width'],
      [{ capture: { interval_ms: -1 } }, 'msg.capture.interval_ms'],
      [{ camera: 'nowhere' }, 'nowhere'],
    ] as const) {
      flow.inject('n', msg);
      assert.ok((await flow.failure('n')).message.includes(field), field);
    }
    assert.equal(fake.cameras.captured.length, 0);
    await flow.stop();
  });
});
