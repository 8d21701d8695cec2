import assert from 'node:assert/strict';
import { History } from '../../../runtime/console/regions/history.ts';

describe('steps back and forth in the region editor', () => {
  it('goes back to what was and forth to what was undone', () => {
    const history = new History<string>();
    history.note('a', '', 0);
    history.note('b', '', 1);
    assert.equal(history.undo('c'), 'b');
    assert.equal(history.undo('b'), 'a');
    assert.equal(history.undo('a'), undefined);
    assert.equal(history.redo('a'), 'b');
    assert.equal(history.redo('b'), 'c');
    assert.equal(history.canRedo, false);
  });

  it('takes a drag as one step, and two drags with a pause as two', () => {
    const history = new History<number>();
    for (let i = 0; i < 10; i += 1) history.note(i, 'point 1', i * 20);
    history.note(10, 'point 1', 5000);
    assert.equal(history.undo(11), 10);
    assert.equal(history.undo(10), 0);
    assert.equal(history.canUndo, false);
  });

  it('forgets what was undone as soon as something else is done', () => {
    const history = new History<string>();
    history.note('a', '', 0);
    history.undo('b');
    history.note('a', '', 1);
    assert.equal(history.canRedo, false);
  });
});
