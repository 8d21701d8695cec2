import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readSettings, readUnnamed } from '../../edge/settings.ts';
import { temporaryFolder } from '../support/folders.ts';

describe('the settings of the edge', () => {
  it('have the defaults of the contract, with absolute folders', () => {
    const settings = readSettings({ DEVICE_ID: 'demo-pi', DEVICE_KEY: 'k' }, '/srv');
    assert.equal(settings.EDGE_PORT, 8018);
    assert.equal(settings.EDGE_HOST, '127.0.0.1');
    assert.equal(settings.SPOOL_MAX_MB, 512);
    assert.equal(settings.CAPTURES_MAX_MB, 256);
    assert.deepEqual(settings.CORS_ORIGINS, []);
    assert.equal(settings.CAMERA, 'auto');
    assert.equal(settings.EDGE_DATA_DIR, '/srv/data/edge');
    assert.equal(settings.FLOWS_DIR, '/srv/data/edge/flows');
    assert.equal(Object.isFrozen(settings), true);
  });

  it('take origins under the name of seed 000 too, without a path or a wildcard', () => {
    const given = (text: string) => readSettings({ DEVICE_ID: 'pi', ALLOWED_CORS_ORIGINS: text }).CORS_ORIGINS;
    assert.deepEqual(given('["https://lab.example", "http://pi:3000"]'), ['https://lab.example', 'http://pi:3000']);
    for (const wrong of ['*', 'https://*.example', 'https://lab.example/', 'lab.example'])
      assert.throws(() => given(wrong), { code: 'setting.invalid' }, wrong);
  });

  it('take the key from a file', async () => {
    const file = join(await temporaryFolder('settings'), 'key');
    await writeFile(file, 'from-a-file\n');
    assert.equal(readUnnamed({ DEVICE_ID: 'pi', DEVICE_KEY_FILE: file }).key, 'from-a-file');
  });

  it('say what is missing in one sentence, and never a secret', () => {
    assert.throws(() => readSettings({}), { code: 'setting.invalid', message: /^DEVICE_ID: is not set/ });
    assert.throws(() => readSettings({ DEVICE_ID: 'A/b' }), { message: /^DEVICE_ID: "A\/b"/ });
    assert.throws(() => readSettings({ DEVICE_ID: 'pi', SPOOL_MAX_MB: 'lots' }), { message: /^SPOOL_MAX_MB: "lots"/ });
  });

  it('refuse an address that the network reaches unless the network is trusted', () => {
    const env = { DEVICE_ID: 'pi', EDGE_HOST: '0.0.0.0' };
    assert.throws(() => readSettings(env), { message: /^EDGE_HOST: "0\.0\.0\.0" is reachable/ });
    assert.equal(readSettings({ ...env, TRUST_LAN: '1' }).EDGE_HOST, '0.0.0.0');
  });
});
