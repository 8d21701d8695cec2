import assert from 'node:assert/strict';
import { AppError } from '../../runtime/contracts/errors.ts';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';

const node = (config: object = {}) => [{ id: 'n', type: 'camera-settings', version: 1, ...config, wires: [[]] }];

for (const side of ['server', 'edge'] as const) {
  describe(`camera-settings on the ${side}`, () => {
    it('sets a long exposure and leaves it to the camera again, in its example', async () => {
      const fake = new FakeHost({ side });
      const flow = await playFlow('flows/examples/camera-settings.json', { host: fake.host });
      flow.inject('rxsettings00003', { exposure: 250, gain: 4 });
      assert.deepEqual((await flow.nextArrival('rxsettings00004')).payload.exposure, 250);
      flow.inject('rxsettings00003', { auto: true });
      await flow.nextArrival('rxsettings00004');
      assert.deepEqual(fake.cameras.applied, [
        { camera: 'gate', change: { exposure: 250, gain: 4 } },
        { camera: 'gate', change: { exposure: null, gain: null } },
      ]);
      await flow.stop();
    });

    it('only asks when nothing is given, and says in its status how the camera is set', async () => {
      const fake = new FakeHost({ side });
      const flow = await playFlow(node(), { host: fake.host });
      flow.inject('n');
      const { payload, camera } = await flow.next('n');
      assert.deepEqual([payload, camera], [fake.cameras.set, 'gate']);
      assert.deepEqual(fake.cameras.applied, []);
      await flow.statusIs('n', '100 ms · gain 1 · 1280x720 · 30 fps');
      await flow.stop();
    });

    it('takes its form, and what the message says before it', async () => {
      const fake = new FakeHost({ side });
      fake.cameras.ids = ['gate', 'porch'];
      const flow = await playFlow(node({ width: '640', height: '480', fps: 15 }), { host: fake.host });
      flow.inject('n', { camera: 'porch', fps: 10 });
      await flow.next('n');
      const change = { resolution: { width: 640, height: 480 }, fps: 10 };
      assert.deepEqual(fake.cameras.applied, [{ camera: 'porch', change }]);
      await flow.stop();
    });

    it('names what is wrong with the message, and what the camera cannot do', async () => {
      const fake = new FakeHost({ side });
      const flow = await playFlow(node(), { host: fake.host });
      flow.inject('n', { width: 640 });
      assert.match((await flow.failure('n')).message, /height is missing/);
      flow.inject('n', { exposure: 'long' });
      assert.match((await flow.failure('n')).message, /msg\.exposure must be number/);
      flow.inject('n', { camera: 'attic' });
      assert.equal((await flow.failure('n')).code, 'camera.not_found');
      fake.cameras.failing = new AppError('camera.setting_invalid', 'gain of this camera cannot be set');
      flow.inject('n', { gain: 2 });
      assert.equal((await flow.failure('n')).code, 'camera.setting_invalid');
      await flow.stop();
    });
  });
}
