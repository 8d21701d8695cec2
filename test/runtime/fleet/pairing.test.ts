import assert from 'node:assert/strict';
import {
  PAIRING_LETTERS,
  PAIRING_LIFETIME_MS,
  type PairingGift,
  type PairingState,
} from '../../../runtime/contracts/pairing.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { newBoxKeys, openSealed } from '../../../runtime/lib/sealed-box.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { ANNA, auditOf, type FleetBench, fleetOn } from './fleet-bench.ts';

describeOnBothDatabases('pairing', (database) => {
  let db: Db;
  let bench: FleetBench;
  const keys = newBoxKeys();
  const register = (address = '10.0.0.5', from = bench) =>
    from.fleet.pairing.register({ public_key: keys.publicKey, model: 'Pi 5' }, address);
  const giftOf = ({ sealed }: PairingState): PairingGift => JSON.parse(openSealed(keys, sealed ?? ''));

  beforeEach(async () => {
    db = await database.open();
    bench = fleetOn(db);
    await bench.fleet.registerBuiltIn();
  });

  it('hands a key over once, sealed, through whichever server process is asked', async () => {
    const { pairing } = bench.fleet;
    const { code, poll_token, expires_at } = await register();
    assert.match(code, new RegExp(`^[${PAIRING_LETTERS}]{6}$`));
    assert.ok(!/[0O1IL2Z5S8BUV]/.test(PAIRING_LETTERS), 'no letter that is read as another');
    assert.equal(Date.parse(expires_at) - bench.clock.now(), PAIRING_LIFETIME_MS);
    assert.equal((await pairing.poll(poll_token)).state, 'waiting');
    const other = fleetOn(db);
    const record = await other.fleet.pairing.claim(
      { code: ` ${code.slice(0, 3)}-${code.slice(3).toLowerCase()}`, name: 'Attic' },
      ANNA,
    );
    assert.ok(!('api_key' in record));
    const [one, two] = await Promise.allSettled([pairing.poll(poll_token), other.fleet.pairing.poll(poll_token)]);
    const got = [one, two].filter((result) => result.status === 'fulfilled');
    assert.equal(got.length, 1, 'of two who ask at once one gets it');
    const gift = giftOf(got[0]?.value as PairingState);
    assert.deepEqual([gift.device_id, (await bench.fleet.deviceOfKey(gift.api_key))?.id], ['attic', 'attic']);
    await assert.rejects(pairing.poll(poll_token), { code: 'pairing.unknown' });
    await assert.rejects(pairing.claim({ code, name: 'x' }, ANNA), { code: 'pairing.unknown' });
    assert.deepEqual(await auditOf(db), ['device.create device/attic']);
  });

  it('leaves no key, token or secret in the database', async () => {
    const { code, poll_token } = await register();
    await bench.fleet.pairing.claim({ code, name: 'Attic' }, ANNA);
    const { rows } = await db.query<{ row: string }>(
      'select p::text as row from pairings p union all select k::text from device_keys k union all select a::text from audit a',
    );
    const gift = giftOf(await bench.fleet.pairing.poll(poll_token));
    const text = JSON.stringify(rows);
    assert.ok(rows.length >= 3 && !text.includes(gift.api_key.slice(13)) && !text.includes(poll_token));
  });

  it('is over after ten minutes', async () => {
    const { code, poll_token } = await register();
    await bench.clock.advance(PAIRING_LIFETIME_MS);
    await assert.rejects(bench.fleet.pairing.poll(poll_token), { code: 'pairing.unknown' });
    await assert.rejects(bench.fleet.pairing.claim({ code, name: 'x' }, ANNA), { code: 'pairing.unknown' });
  });

  it('lets one of two who type the same code have it', async () => {
    const { code } = await register();
    const both = await Promise.allSettled(['a', 'b'].map((name) => bench.fleet.pairing.claim({ code, name }, ANNA)));
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal((await bench.fleet.devices()).length, 2);
  });

  it('gives a device that lost its key another one, and ends the old ones at once', async () => {
    const { api_key } = await bench.fleet.createDevice({ id: 'attic', name: 'Attic' }, ANNA);
    const { code, poll_token } = await register();
    await bench.fleet.pairing.claim({ code, name: 'Attic', device: 'attic' }, ANNA);
    const gift = giftOf(await bench.fleet.pairing.poll(poll_token));
    assert.equal((await bench.fleet.deviceOfKey(gift.api_key))?.id, 'attic');
    assert.equal(await bench.fleet.deviceOfKey(api_key), undefined);
    assert.deepEqual(bench.revoked, ['attic']);
    const again = await register();
    for (const [device, refusal] of [
      ['nobody', 'device.not_found'],
      ['server', 'device.built_in'],
    ] as const)
      await assert.rejects(bench.fleet.pairing.claim({ code: again.code, name: 'x', device }, ANNA), { code: refusal });
    assert.equal((await bench.fleet.pairing.poll(again.poll_token)).state, 'waiting', 'a refused claim takes nothing');
  });

  it('slows down whoever guesses codes, and whoever asks for many, and nobody else', async () => {
    const { code } = await register();
    for (let n = 0; n < 10; n += 1)
      await assert.rejects(bench.fleet.pairing.claim({ code: 'AAAAAA', name: 'x' }, ANNA), { code: 'pairing.unknown' });
    await assert.rejects(bench.fleet.pairing.claim({ code, name: 'x' }, ANNA), { code: 'pairing.too_many' });
    await bench.clock.advance(60_000);
    assert.equal((await bench.fleet.pairing.claim({ code, name: 'x' }, ANNA)).id, 'x');
    for (let n = 0; n < 9; n += 1) await register();
    await assert.rejects(register(), { code: 'pairing.too_many' });
    await register('10.0.0.6');
  });

  it('refuses a public key to which nothing can be sealed', async () => {
    const zero = Buffer.alloc(32).toString('base64url');
    await assert.rejects(bench.fleet.pairing.register({ public_key: zero, model: 'x' }, ''), {
      code: 'request.invalid',
    });
  });
});
