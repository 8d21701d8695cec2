import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type IdentityOptions, identityOf } from '../../../edge/agent/identity.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { migrate } from '../../../runtime/db/migrate.ts';
import { openPglite } from '../../../runtime/db/pglite.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { fleetOn } from '../../runtime/fleet/fleet-bench.ts';
import { emptyPglite } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { openDoor } from '../../support/http-door.ts';
import { ListLog } from '../../support/list-log.ts';
import { until } from '../../support/until.ts';

describe('the identity of a Pi', () => {
  let db: Db;
  let door: Awaited<ReturnType<typeof openDoor>>;
  let admin: string;
  let folder: string;
  const log = new ListLog();
  const codes: string[] = [];

  before(async () => {
    db = await openPglite({ log: silentLog, from: await emptyPglite() });
    await migrate(db, silentLog);
    door = await openDoor({ fleet: fleetOn(db).fleet });
    admin = await door.userToken('admin');
  });
  beforeEach(async () => {
    folder = join(await temporaryFolder('identity'), 'edge');
    codes.length = 0;
  });
  after(async () => {
    await door.close();
    await db.close();
  });

  /** Waits of the Pi are over at once; they cost a test nothing but turns. */
  const clock: IdentityOptions['clock'] = {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: () => new Promise((resolve) => setTimeout(resolve, 5)),
    after: () => () => undefined,
  };
  const identify = (more: Partial<IdentityOptions> = {}) =>
    identityOf({ server: door.url, folder, model: 'Pi 5', clock, log, say: (code) => codes.push(code), ...more });
  const claim = (code: string, name: string) =>
    door.call('POST', '/api/v1/pairing/claim', { token: admin, body: { code, name } });

  it('comes by a code that somebody types at the server, is kept 0600, and is the same after a restart without network', async () => {
    const coming = identify();
    await until('a code is shown', () => codes.length === 1);
    const answer = await claim(codes[0] ?? '', 'Attic');
    assert.deepEqual([answer.status, answer.json.id, answer.json.api_key], [201, 'attic', undefined]);
    const identity = await coming;
    assert.equal(identity.device, 'attic');
    const beat = await fleetOn(db).fleet.deviceOfKey(identity.key);
    assert.equal(beat?.id, 'attic');
    const file = join(folder, 'identity.json');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual(await identify({ server: 'http://127.0.0.1:1' }), identity);
    assert.deepEqual(await identify({ server: 'http://127.0.0.1:1', device: 'other' }), identity);
    assert.equal(codes.length, 1);
    assert.ok(!JSON.stringify(log.lines).includes(identity.key.slice(13)), 'no log holds the key');
  });

  it('shows another code when one is over, and outlives a server that is away', async () => {
    const coming = identify();
    await until('a code is shown', () => codes.length === 1);
    await db.query('delete from pairings');
    await until('another code is shown', () => codes.length === 2);
    await claim(codes[1] ?? '', 'Shed');
    assert.equal((await coming).device, 'shed');
    const away = new ListLog();
    const far = identify({ server: 'http://127.0.0.1:1', folder: `${folder}-2`, log: away, clock: patient(3) });
    await assert.rejects(far, /enough/);
    assert.equal(away.of('warn').filter((line) => line === 'no pairing yet').length, 3);
  });

  it('is the one of the settings where they give one, and never half of it', async () => {
    assert.deepEqual(await identify({ device: 'pi', key: 'k' }), { device: 'pi', key: 'k' });
    await assert.rejects(identify({ key: 'k' }), { code: 'setting.invalid', message: /^DEVICE_ID/ });
    const damaged = await temporaryFolder('damaged');
    await writeFile(join(damaged, 'identity.json'), '{"device_id":"x"');
    await assert.rejects(identify({ folder: damaged }), { code: 'setting.invalid', message: /pair again/ });
    assert.match(await readFile(join(damaged, 'identity.json'), 'utf8'), /^\{/);
  });

  /** Gives up after so many waits. */
  function patient(waits: number): IdentityOptions['clock'] {
    let left = waits;
    return {
      ...clock,
      sleep: async () => {
        left -= 1;
        if (left === 0) throw new Error('enough');
      },
    };
  }
});
