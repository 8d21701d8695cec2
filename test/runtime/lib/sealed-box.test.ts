import assert from 'node:assert/strict';
import { newBoxKeys, openSealed, sealFor } from '../../../runtime/lib/sealed-box.ts';

describe('a sealed box', () => {
  it('opens with the private key it was made for, and looks different each time', () => {
    const keys = newBoxKeys();
    const one = sealFor(keys.publicKey, 'the key');
    assert.equal(openSealed(keys, one), 'the key');
    assert.notEqual(sealFor(keys.publicKey, 'the key'), one);
    assert.ok(!Buffer.from(one, 'base64url').includes('the key'));
  });

  it('opens for nobody else, and not when a bit of it was changed', () => {
    const keys = newBoxKeys();
    const sealed = Buffer.from(sealFor(keys.publicKey, 'the key'), 'base64url');
    assert.throws(() => openSealed(newBoxKeys(), sealed.toString('base64url')));
    for (const at of [0, 33, 50, sealed.length - 1]) {
      const turned = Buffer.from(sealed);
      turned[at] = (turned[at] ?? 0) ^ 1;
      assert.throws(() => openSealed(keys, turned.toString('base64url')), `byte ${at}`);
    }
  });

  it('is not made for a point that gives everybody the secret, or for what is no key', () => {
    for (const bad of [Buffer.alloc(32), Buffer.alloc(31), Buffer.from([1, ...Buffer.alloc(31)])])
      assert.throws(() => sealFor(bad.toString('base64url'), 'x'));
  });
});
