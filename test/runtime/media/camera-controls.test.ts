import assert from 'node:assert/strict';
import type { CameraControlState } from '../../../runtime/contracts/camera-controls.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { CameraControls } from '../../../runtime/media/camera-controls.ts';
import { type CameraSet, createCameraSet } from '../../../runtime/media/camera-set.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { until } from '../../support/until.ts';

describe('the controls of cameras', () => {
  let cameras: CameraSet;
  let said: [camera: string, control: string, state: CameraControlState][];
  let changes: object[];
  let controls: CameraControls;
  /** holds back the change that is being made */
  let gate: Promise<void>;

  const of = (control: string) => said.filter(([, name]) => name === control).map(([, , state]) => state);

  beforeEach(() => {
    const url = 'sim:gradient?width=160&height=90&fps=10';
    cameras = createCameraSet({ clock: new FakeClock(), log: silentLog, cameras: [{ id: 'gate', url }] });
    said = [];
    changes = [];
    gate = Promise.resolve();
    controls = new CameraControls({
      async settings(camera, change) {
        if (!change) return cameras.settings(camera);
        changes.push(change);
        await gate;
        return cameras.applySettings(camera, change);
      },
      say: (...words) => said.push(words),
      log: silentLog,
    });
  });

  afterEach(() => cameras.stop());

  it('tell how they are, and what they may be set to', async () => {
    await controls.tell('gate');
    const { ranges, available_resolutions: choices } = await cameras.settings('gate');
    assert.deepEqual(of('exposure'), [{ value: 100, range: ranges.exposure }]);
    assert.deepEqual(of('resolution'), [{ value: { width: 160, height: 90 }, choices }]);
  });

  it('are set, and say what they are then', async () => {
    controls.hear('gate', 'gain', { value: 2 });
    await until('it is said', () => of('gain').length === 1);
    assert.equal(of('gain')[0]?.value, 2);
    assert.equal((await cameras.settings('gate')).gain, 2);
  });

  it('take only the newest of what came while the camera was being changed', async () => {
    let open = () => {};
    gate = new Promise((resolve) => {
      open = resolve;
    });
    for (const value of [1, 2, 3, 4]) controls.hear('gate', 'gain', { value });
    controls.hear('gate', 'exposure', { value: 50 });
    open();
    await until('both were said', () => of('gain').at(-1)?.value === 4 && of('exposure').at(-1)?.value === 50);
    assert.deepEqual(changes, [{ gain: 1 }, { gain: 4, exposure: 50 }]);
  });

  it('say why a value cannot be, and what holds instead', async () => {
    for (const body of [{ value: 'bright' }, {}, { value: 1e9 }]) {
      controls.hear('gate', 'exposure', body);
      const before = said.length;
      await until('the refusal', () => said.length > before);
      const state = of('exposure').at(-1);
      assert.equal(state?.value, 100);
      assert.match(state?.error ?? '', /value|exposure/);
    }
    assert.equal((await cameras.settings('gate')).exposure, 100);
  });

  it('forget the refusal with the next value that can be', async () => {
    controls.hear('gate', 'exposure', { value: 1e9 });
    await until('the refusal', () => of('exposure').at(-1)?.error !== undefined);
    controls.hear('gate', 'exposure', { value: 20 });
    await until('the value', () => of('exposure').at(-1)?.value === 20);
    assert.equal(of('exposure').at(-1)?.error, undefined);
  });

  it('leave alone what is no control', async () => {
    controls.hear('gate', 'reboot', { value: 1 });
    await controls.tell('nowhere');
    assert.deepEqual([said, changes], [[], []]);
  });
});
