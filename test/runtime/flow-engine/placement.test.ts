import assert from 'node:assert/strict';
import { refuseMisplaced } from '../../../runtime/flow-engine/placement.ts';

const tab = (id: string, more: object = {}) => ({ id, type: 'tab', label: `Tab ${id}`, ...more });
const onEdge = { disabled: true, env: [{ name: 'RUNS_ON', value: 'edge', type: 'str' }] };
const all = new Set(['s', 'e']);

describe('where nodes of ours do their work', () => {
  it('is looked at when a tab is saved: the node and its tab are named', () => {
    const flows = [
      tab('s'),
      tab('e', onEdge),
      { id: 'ok1', type: 'camera-capture', z: 's' },
      { id: 'ok2', type: 'frame-upload', z: 'e' },
      { id: 'ok3', type: 'http in', z: 'e' },
    ];
    refuseMisplaced(flows, all);
    assert.throws(() => refuseMisplaced([...flows, { id: 'x', type: 'frame-queue', name: 'Q', z: 'e' }], all), {
      code: 'flow.invalid',
      message: 'node "Q" (frame-queue) on tab "Tab e" runs on the server only, the tab on devices',
    });
    assert.throws(() => refuseMisplaced([...flows, { id: 'x', type: 'frame-upload', z: 's' }], all), {
      message: 'node x (frame-upload) on tab "Tab s" runs on devices only, the tab on the server',
    });
  });

  it('holds up no other tab, and nothing that is switched off', () => {
    const wrong = { id: 'x', type: 'frame-upload', z: 's' };
    refuseMisplaced([tab('s'), wrong], new Set(['e']));
    refuseMisplaced([tab('s', { disabled: true }), wrong], all);
    refuseMisplaced([tab('s'), { ...wrong, d: true }], all);
  });
});
