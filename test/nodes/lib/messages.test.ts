import assert from 'node:assert/strict';
import { Type } from 'typebox';
import { frameOf, jobOf, jpegOf, stillOf, storedFrameOf } from '../../../nodes/lib/messages.ts';
import { checkShape, readSavedConfig } from '../../../nodes/lib/saved-config.ts';
import { storedFrame, TINY_JPEG } from '../../support/fake-host.ts';

const invalid = (field: string) => ({ code: 'message.invalid', details: { field } });

describe('messages off a wire', () => {
  it('gives the JPEG without a copy, and refuses everything else', () => {
    assert.equal(jpegOf({ payload: TINY_JPEG }), TINY_JPEG);
    const plain = new Uint8Array(TINY_JPEG);
    assert.equal(jpegOf({ payload: plain }).buffer, plain.buffer);
    for (const payload of [undefined, 'text', Buffer.from('PNG.'), Buffer.alloc(0), { data: [] }]) {
      assert.throws(() => jpegOf({ payload }), invalid('msg.payload'));
    }
  });

  it('names the field of a frame that is wrong', () => {
    const frame = storedFrame();
    assert.deepEqual(frameOf({ frame }), frame);
    assert.throws(() => frameOf({}), invalid('msg.frame'));
    assert.throws(() => frameOf({ frame: { ...frame, width: 0 } }), invalid('msg.frame.width'));
    assert.throws(() => frameOf({ frame: { ...frame, camera: 'Not/An/Id' } }), invalid('msg.frame.camera'));
  });

  it('tells a stored frame from one that is not', () => {
    const { id: _id, ...unstored } = storedFrame();
    assert.throws(() => storedFrameOf({ frame: unstored }), invalid('msg.frame.id'));
    assert.equal(storedFrameOf({ frame: storedFrame() }).seq, 1);
  });

  it('takes a job, none, and nothing in between', () => {
    const job = { id: 7, camera: 'gate', seq: 3, attempt: 1, epoch: 2 };
    assert.deepEqual(jobOf({ job }), job);
    assert.equal(jobOf({}), undefined);
    assert.throws(() => jobOf({ job: 'yes' }), invalid('msg.job'));
    assert.throws(() => jobOf({ job: { id: 7 } }), invalid('msg.job.camera'));
  });

  it('makes a still of payload and frame', () => {
    const { jpeg, camera, jpegQuality } = stillOf({ payload: TINY_JPEG, frame: storedFrame() });
    assert.deepEqual([jpeg.length, camera, jpegQuality], [TINY_JPEG.length, 'gate', 40]);
  });
});

describe('a saved config', () => {
  const schema = Type.Object({ mode: Type.Union([Type.Literal('a'), Type.Literal('b')], { default: 'a' }) });

  it('stops the loading of a node whose upgrades have a hole', () => {
    assert.throws(() => checkShape('x', { schema, version: 3, upgrades: { 3: (old) => old } }), /version 2/);
  });

  it('does not change what Node-RED holds', () => {
    const saved = Object.freeze({ id: 'n', extra: 1, amount: 'b' });
    const config = readSavedConfig({ schema, version: 2, upgrades: { 2: (old) => ({ mode: old.amount }) } }, saved);
    assert.deepEqual(config, { mode: 'b' });
  });

  it('refuses a version that is none', () => {
    assert.throws(() => readSavedConfig({ schema, version: 1 }, { version: 'new' }), { code: 'node.config_invalid' });
  });
});
