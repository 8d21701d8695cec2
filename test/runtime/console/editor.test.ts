import assert from 'node:assert/strict';
import { canRollBack, isUnderWay, progressOf, toneOf } from '../../../runtime/console/editor/progress.ts';
import { merged } from '../../../runtime/console/editor/pull.ts';
import { targetsOf, withTargets } from '../../../runtime/console/editor/targets.ts';
import type { DeploymentRecord } from '../../../runtime/contracts/deployments.ts';

const mark = (value: string) => ({ name: 'RUNS_ON', value, type: 'str' });
const other = { name: 'SHOP', value: '7', type: 'str' };

describe('the sidebar Edge', () => {
  it('reads and writes where a tab runs as the server does, beside the other variables of the tab', () => {
    assert.deepEqual(
      [[], [other], [mark('edge')], [mark('edge: group/gate , device/pi-7')], [mark('edgeware')], [mark('server')]].map(
        (env) => targetsOf({ env }),
      ),
      [undefined, undefined, ['all'], ['group/gate', 'device/pi-7'], undefined, undefined],
    );
    assert.deepEqual(withTargets([other, mark('edge')], ['device/pi-1']), [other, mark('edge: device/pi-1')]);
    assert.deepEqual(withTargets([other], ['all']), [other, mark('edge')]);
    assert.deepEqual(withTargets([mark('edge'), other], []), [other]);
  });

  it('brings the tabs of a device into the place of those here, still off and still meant for the same devices', () => {
    const env = [mark('edge: device/pi-1')];
    const here = [
      { id: 's', type: 'tab', label: 'Server' },
      { id: 'n', type: 'inject', z: 's' },
      { id: 'e', type: 'tab', label: 'Edge', disabled: true, env },
      { id: 'kept', type: 'camera-capture', z: 'e', interval_s: 1 },
      { id: 'gone', type: 'comment', z: 'e' },
      { id: 'cam', type: 'camera', z: 'e' },
    ];
    const there = [
      { id: 'e', type: 'tab', label: 'Edge, renamed there' },
      { id: 'kept', type: 'camera-capture', z: 'e', interval_s: 9 },
      { id: 'new', type: 'frame-upload', z: 'e' },
      { id: 'cam', type: 'camera', url: 'x' },
    ];
    assert.deepEqual(merged(here, there), [
      here[0],
      here[1],
      { id: 'e', type: 'tab', label: 'Edge, renamed there', disabled: true, env },
      there[1],
      { id: 'cam', type: 'camera', url: 'x', z: 'e' },
      there[2],
    ]);
    const [unknown] = merged([], [{ id: 't', type: 'tab', label: 'Made there' }]);
    assert.deepEqual([unknown?.disabled, targetsOf(unknown ?? {})], [true, ['all']]);
  });

  it('tells how far a device is, and what can be taken back', () => {
    const states = ['waiting', 'sent', 'probation', 'active', 'rolled_back', 'superseded'] as const;
    assert.deepEqual(
      states.map((state) => toneOf({ state })),
      ['off', 'open', 'open', 'good', 'bad', 'off'],
    );
    const [sent = 1, probation = 0, active = 0] = (['sent', 'probation', 'active'] as const).map((state) =>
      progressOf({ state }),
    );
    assert.ok(sent === 0 && sent < probation && probation < active && active === 1);
    assert.deepEqual([isUnderWay('probation'), isUnderWay('rejected'), isUnderWay(null)], [true, false, false]);
    const record = (state: string, count: number) =>
      ({ state, counts: { active: count } }) as unknown as DeploymentRecord;
    assert.deepEqual(
      [record('done', 1), record('failed', 2), record('done', 0), record('running', 1)].map(canRollBack),
      [true, true, false, false],
    );
  });
});
