import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { toAppError } from '../../../runtime/contracts/errors.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { until } from '../../support/until.ts';
import { ANNA, auditOf, type FleetBench, fleetOn } from './fleet-bench.ts';

describeOnBothDatabases('devices', (database) => {
  let db: Db;
  let bench: FleetBench;

  beforeEach(async () => {
    db = await database.open();
    bench = fleetOn(db);
    await bench.fleet.registerBuiltIn();
  });

  it('come with a key, a first camera and a first configuration', async () => {
    const { fleet } = bench;
    const made = await fleet.createDevice({ id: 'pi-1', name: 'Pantry' }, ANNA);
    assert.match(made.api_key, /^rdk_[0-9a-f]{8}_[A-Za-z0-9_-]{43}$/);
    assert.deepEqual(
      [made.id, made.name, made.cameras, made.last_seq, made.config_version, made.state, made.mode, made.disabled],
      ['pi-1', 'Pantry', ['pi-1-cam'], -1, 1, 'offline', 'baseline', false],
    );
    assert.deepEqual(await fleet.deviceOfKey(made.api_key), { id: 'pi-1', cameras: ['pi-1-cam'], disabled: false });
    assert.equal((await fleet.camera('pi-1-cam')).device, 'pi-1');
    assert.ok(!('api_key' in (await fleet.device('pi-1'))));
    assert.deepEqual(
      (await fleet.devices()).map(({ id }) => id),
      ['pi-1', 'server'],
    );
    assert.deepEqual(await auditOf(db), ['device.create device/pi-1']);
  });

  it('keep nothing in the database from which a key could be made', async () => {
    const { api_key } = await bench.fleet.createDevice({ name: 'Pantry' }, ANNA);
    const secret = api_key.split('_').slice(2).join('_');
    const { rows } = await db.query<{ row: string }>('select k::text as row from device_keys k');
    assert.ok(!rows.some(({ row }) => row.includes(secret) || row.includes(Buffer.from(secret).toString('hex'))));
    assert.equal(await fleetOn(db, { pepper: 'another' }).fleet.deviceOfKey(api_key), undefined);
  });

  it('have a secret for signed requests only when it was asked for, made from the key, kept sealed, gone with it', async () => {
    const { fleet } = bench;
    const plain = await fleet.createDevice({ id: 'a', name: 'a' }, ANNA);
    assert.equal(plain.signing_secret, undefined);
    assert.equal(await fleet.signerOf(plain.api_key.slice(4, 12)), undefined);
    const made = await fleet.createDevice({ id: 'b', name: 'b', signed: true }, ANNA);
    const [id, secret] = [made.api_key.slice(4, 12), made.api_key.slice(13)];
    const derived = createHmac('sha256', secret).update('redeye request signing v1').digest('hex');
    assert.equal(made.signing_secret, derived);
    const signer = await fleet.signerOf(id);
    assert.deepEqual([signer?.device.id, signer?.secret.toString('hex')], ['b', derived]);
    const { rows } = await db.query<{ row: string }>('select k::text as row from device_keys k');
    assert.ok(!JSON.stringify(rows).includes(derived));
    await fleet.rotateKey('b', ANNA, { end_old: true });
    assert.equal(await fleet.signerOf(id), undefined);
  });

  it('get an id from their name, numbered when it is taken, by a deleted device too', async () => {
    const { fleet } = bench;
    const ids = async (name: string) => (await fleet.createDevice({ name }, ANNA)).id;
    assert.equal(await ids('  Küche & Büro 2 '), 'kuche-buro-2');
    assert.equal(await ids('Pi'), 'pi');
    assert.equal(await ids('pi!'), 'pi-2');
    await fleet.deleteDevice('pi-2', ANNA);
    assert.equal(await ids('PI'), 'pi-3');
    assert.equal(await ids('台所'), 'device');
    assert.equal((await ids('x'.repeat(100))).length, 50);
  });

  it('may have the longest id, and a camera all the same', async () => {
    const id = 'p'.repeat(63);
    const other = `${'p'.repeat(62)}q`;
    assert.deepEqual((await bench.fleet.createDevice({ id, name: 'x' }, ANNA)).cameras, [`${'p'.repeat(59)}-cam`]);
    const [camera = ''] = (await bench.fleet.createDevice({ id: other, name: 'x' }, ANNA)).cameras;
    assert.match(camera, /^p+.*-2$/);
    assert.ok(camera.length <= 63);
  });

  it('refuse an id that is in use', async () => {
    await bench.fleet.createDevice({ id: 'pi-1', name: 'a' }, ANNA);
    for (const id of ['pi-1', 'server'])
      await assert.rejects(bench.fleet.createDevice({ id, name: 'b' }, ANNA), { code: 'device.exists' });
    assert.deepEqual((await bench.fleet.device('pi-1')).name, 'a');
  });

  it('make one device of two simultaneous registrations', async () => {
    const both = await Promise.allSettled([
      bench.fleet.createDevice({ id: 'pi-1', name: 'a' }, ANNA),
      bench.fleet.createDevice({ id: 'pi-1', name: 'b' }, ANNA),
    ]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const refused = both.find((result) => result.status === 'rejected');
    assert.ok(refused && toAppError(refused.reason).code === 'device.exists');
  });

  it('are unknown under any other key', async () => {
    const { api_key } = await bench.fleet.createDevice({ name: 'Pi' }, ANNA);
    const flipped = api_key.slice(0, -1) + (api_key.endsWith('A') ? 'B' : 'A');
    const forged = `rdk_00000000_${api_key.split('_').slice(2).join('_')}`;
    for (const key of ['', 'x', flipped, forged, api_key.slice(0, -1), `${api_key}A`, api_key.toUpperCase()])
      assert.equal(await bench.fleet.deviceOfKey(key), undefined, key);
  });

  it('have two keys for a day after a rotation, then one', async () => {
    const { fleet, clock, revoked } = bench;
    const first = await fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    const second = await fleet.rotateKey('pi-1', ANNA);
    for (const { api_key } of [first, second]) assert.equal((await fleet.deviceOfKey(api_key))?.id, 'pi-1');
    assert.deepEqual(revoked, []);
    await clock.advance(24 * 3600 * 1000 - 1);
    assert.equal((await fleet.deviceOfKey(first.api_key))?.id, 'pi-1');
    await clock.advance(1);
    assert.equal(await fleet.deviceOfKey(first.api_key), undefined);
    assert.equal((await fleet.deviceOfKey(second.api_key))?.id, 'pi-1');
  });

  it('have no third key: the oldest ends at the next rotation, and who uses it is cut', async () => {
    const { fleet, revoked } = bench;
    const first = await fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    const second = await fleet.rotateKey('pi-1', ANNA);
    const third = await fleet.rotateKey('pi-1', ANNA);
    assert.equal(await fleet.deviceOfKey(first.api_key), undefined);
    for (const { api_key } of [second, third]) assert.equal((await fleet.deviceOfKey(api_key))?.id, 'pi-1');
    assert.deepEqual(revoked, ['pi-1']);
  });

  /** The database, which says what it is asked. */
  const countingDb = (onQuery: (params?: readonly unknown[]) => void): Db => ({
    kind: db.kind,
    query: (text, params) => {
      onQuery(params);
      return db.query(text, params);
    },
    tx: (work) => db.tx(work),
    listen: (channel, onNotify) => db.listen(channel, onNotify),
    close: () => db.close(),
  });

  it('are asked for in the database at most once per key and 5 s', async () => {
    const { api_key } = await bench.fleet.createDevice({ name: 'Pi' }, ANNA);
    let queries = 0;
    const counting = countingDb(() => {
      queries += 1;
    });
    const { fleet, clock } = fleetOn(counting);
    await Promise.all(Array.from({ length: 50 }, () => fleet.deviceOfKey(api_key)));
    const unknown = `rdk_12345678_${'A'.repeat(43)}`;
    for (let n = 0; n < 10; n++) await fleet.deviceOfKey(unknown);
    assert.equal(queries, 2);
    await clock.advance(5001);
    await fleet.deviceOfKey(api_key);
    assert.equal(queries, 3);
  });

  it('of a fleet that sends are asked for together, those that nobody shows any longer not at all', async () => {
    const keys: string[] = [];
    for (let n = 0; n < 4; n += 1)
      keys.push((await bench.fleet.createDevice({ id: `pi-${n}`, name: 'Pi' }, ANNA)).api_key);
    const asked: unknown[] = [];
    const { fleet, clock } = fleetOn(countingDb((params) => asked.push([...((params?.[0] as string[]) ?? [])].sort())));
    const show = (which: string[]) => Promise.all(which.map((key) => fleet.deviceOfKey(key)));
    const parts = (which: string[]) => which.map((key) => key.slice(4, 12)).sort();
    assert.deepEqual(
      (await show(keys)).map((device) => device?.id),
      ['pi-0', 'pi-1', 'pi-2', 'pi-3'],
    );
    assert.deepEqual(asked, [parts(keys)]);
    // A wrong key with a known public part keeps nothing alive.
    const forged = `${keys[3]?.slice(0, 13)}${'A'.repeat(43)}`;
    await clock.advance(5001);
    await show(keys.slice(0, 1));
    assert.deepEqual(asked.at(-1), parts(keys));
    await show([...keys.slice(1, 3), forged]);
    assert.equal(asked.length, 2);
    await clock.advance(5001);
    await show(keys.slice(0, 1));
    assert.deepEqual(asked.at(-1), parts(keys.slice(0, 3)));
    assert.equal((await show(keys.slice(3)))[0]?.id, 'pi-3');
    assert.deepEqual(asked.at(-1), parts(keys.slice(3)));
  });

  it('can be shut out and let in again, which cuts their connections', async () => {
    const { fleet, revoked } = bench;
    const { api_key } = await fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    await fleet.deviceOfKey(api_key);
    assert.equal((await fleet.patchDevice('pi-1', { disabled: true, name: 'New' }, ANNA)).disabled, true);
    assert.equal((await fleet.deviceOfKey(api_key))?.disabled, true);
    assert.deepEqual(revoked, ['pi-1']);
    const back = await fleet.patchDevice('pi-1', { disabled: false }, ANNA);
    assert.deepEqual([back.disabled, back.name], [false, 'New']);
    assert.equal((await fleet.deviceOfKey(api_key))?.disabled, false);
  });

  it('leave nothing usable behind when deleted, and go on with their seq when registered again', async () => {
    const { fleet, revoked } = bench;
    const first = await fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    await fleet.deviceOfKey(first.api_key);
    await fleet.putConfig('pi-1', { burst_fps: 5 }, ANNA);
    await db.query(`update devices set last_seq = 41 where id = 'pi-1'`);
    await fleet.deleteDevice('pi-1', ANNA);
    assert.equal(await fleet.deviceOfKey(first.api_key), undefined);
    assert.deepEqual(revoked, ['pi-1']);
    await assert.rejects(fleet.device('pi-1'), { code: 'device.not_found' });
    await assert.rejects(fleet.camera('pi-1-cam'), { code: 'camera.not_found' });
    await assert.rejects(fleet.servedConfig('pi-1'), { code: 'device.not_found' });
    await assert.rejects(fleet.deleteDevice('pi-1', ANNA), { code: 'device.not_found' });

    const again = await fleet.createDevice({ id: 'pi-1', name: 'Again' }, ANNA);
    assert.deepEqual([again.last_seq, again.name, again.cameras], [41, 'Again', ['pi-1-cam']]);
    assert.equal((await fleet.config('pi-1')).config.burst_fps, 5);
    assert.equal(await fleet.deviceOfKey(first.api_key), undefined);
    assert.equal((await fleet.deviceOfKey(again.api_key))?.id, 'pi-1');
  });

  it('that only frames put back after the database was lost can be registered again', async () => {
    await db.query(`insert into devices (id, name, last_seq) values ('pi-1', 'pi-1', 77)`);
    const made = await bench.fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    assert.deepEqual([made.last_seq, made.name, made.cameras, made.config_version], [77, 'Pi', ['pi-1-cam'], 1]);
    await assert.rejects(bench.fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA), { code: 'device.exists' });
  });

  it('include a built-in one without a key, which cannot be shut out or deleted', async () => {
    const { fleet } = bench;
    await fleet.registerBuiltIn();
    for (const tried of [
      () => fleet.deleteDevice('server', ANNA),
      () => fleet.rotateKey('server', ANNA),
      () => fleet.patchDevice('server', { disabled: true }, ANNA),
    ])
      await assert.rejects(tried, { code: 'device.built_in' });
    assert.equal((await fleet.patchDevice('server', { name: 'Cellar' }, ANNA)).name, 'Cellar');
    const { rows } = await db.query(`select 1 from device_keys where device_id = 'server'`);
    assert.equal(rows.length, 0);
  });

  it('of the demo always have a working key', async () => {
    const { fleet } = bench;
    const works = async (key: string) => assert.equal((await fleet.deviceOfKey(key))?.id, 'demo-pi');
    const first = await fleet.ensureDevice('demo-pi', 'Demo');
    assert.equal(first.created, true);
    await works(first.api_key);
    const kept = await fleet.ensureDevice('demo-pi', 'Demo', first.api_key);
    assert.deepEqual(kept, { created: false, api_key: first.api_key });
    const fresh = await fleet.ensureDevice('demo-pi', 'Demo');
    assert.equal(fresh.created, false);
    await works(fresh.api_key);
    assert.equal(await fleet.deviceOfKey(first.api_key), undefined);
    const own = `rdk_0badcafe_${'x'.repeat(43)}`;
    assert.equal((await fleet.ensureDevice('demo-pi', 'Demo', own)).api_key, own);
    await works(own);
    await fleet.deleteDevice('demo-pi', ANNA);
    const reborn = await fleet.ensureDevice('demo-pi', 'Demo', own);
    assert.equal(reborn.created, true);
    await works(reborn.api_key);
  });

  describe('and what they say', () => {
    beforeEach(async () => {
      await bench.fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    });

    it('keeps what a heartbeat holds and leaves the rest as it was', async () => {
      const { fleet, clock } = bench;
      await fleet.heartbeat({
        device_id: 'pi-1',
        rssi: -61.5,
        battery_mv: 3700,
        fw_version: '1.2',
        health: { load1: 1 },
      });
      await clock.advance(1000);
      const { lastSeen } = await fleet.heartbeat({ device_id: 'pi-1', rssi: -70 });
      const device = await fleet.device('pi-1');
      assert.deepEqual(
        [device.rssi, device.battery_mv, device.fw_version, device.health, device.last_seen],
        [-70, 3700, '1.2', { load1: 1 }, new Date(lastSeen).toISOString()],
      );
      await assert.rejects(fleet.heartbeat({ device_id: 'nobody' }), { code: 'device.not_found' });
    });

    it('counts a device that only speaks HTTP as online while it is heard of', async () => {
      const { fleet, clock } = bench;
      await fleet.markSeen('pi-1');
      assert.equal((await fleet.device('pi-1')).state, 'online');
      await clock.advance(61_000);
      assert.equal((await fleet.device('pi-1')).state, 'offline');
      await fleet.putConfig('pi-1', { config_poll_interval_s: 60 }, ANNA);
      assert.equal((await fleet.device('pi-1')).state, 'online');
    });

    it('believes the newest session, not the farewell of an older one', async () => {
      const { fleet } = bench;
      await fleet.markOnline('pi-1', 'online', 4);
      await fleet.markOnline('pi-1', 'degraded', 5);
      await fleet.markOnline('pi-1', 'offline', 4);
      assert.equal((await fleet.device('pi-1')).state, 'degraded');
      await fleet.markOnline('pi-1', 'offline', 5);
      assert.equal((await fleet.device('pi-1')).state, 'offline');
      await fleet.markOnline('pi-1', 'online', 1);
      assert.equal((await fleet.device('pi-1')).state, 'online');
      await fleet.markOffline('pi-1');
      assert.equal((await fleet.device('pi-1')).state, 'offline');
    });

    it('counts a device that lost the broker but still fetches its configuration as online', async () => {
      const { fleet, clock } = bench;
      await fleet.markOnline('pi-1', 'online', 4);
      await fleet.markOnline('pi-1', 'offline', 4);
      assert.equal((await fleet.device('pi-1')).state, 'offline');
      await clock.advance(15_000);
      await fleet.servedConfig('pi-1');
      assert.equal((await fleet.device('pi-1')).state, 'online');
    });

    it('takes nobody for online after the broker began anew', async () => {
      const { fleet, clock } = bench;
      await fleet.markOnline('pi-1', 'online', 4);
      await clock.advance(120_000);
      await fleet.forgetSessions();
      assert.equal((await fleet.device('pi-1')).state, 'offline');
    });

    it('notes at most once a second that something came', async () => {
      const { fleet, clock } = bench;
      await fleet.markSeen('pi-1');
      const first = (await fleet.device('pi-1')).last_seen;
      await clock.advance(500);
      await fleet.markSeen('pi-1');
      assert.equal((await fleet.device('pi-1')).last_seen, first);
      await clock.advance(500);
      await fleet.markSeen('pi-1');
      assert.notEqual((await fleet.device('pi-1')).last_seen, first);
    });
  });
});

describeOnBothDatabases('two server processes', (database) => {
  it('forget a revoked key together, and cut the device on both', async () => {
    const db = await database.open();
    const [one, two] = [fleetOn(db), fleetOn(db)];
    await one.fleet.start();
    await two.fleet.start();
    const { api_key } = await one.fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    assert.equal((await two.fleet.deviceOfKey(api_key))?.id, 'pi-1');
    await one.fleet.deleteDevice('pi-1', ANNA);
    assert.deepEqual(one.revoked, ['pi-1']);
    await until('the other one heard of it', async () => (await two.fleet.deviceOfKey(api_key)) === undefined, 5000);
    assert.ok(two.revoked.includes('pi-1'));
    await one.fleet.stop();
    await two.fleet.stop();
    await two.fleet.stop();
  });

  it('tell a device of a new configuration wherever it is connected, each once', async () => {
    const db = await database.open();
    const [one, two] = [fleetOn(db), fleetOn(db)];
    await one.fleet.start();
    await two.fleet.start();
    await one.fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    await two.fleet.detectionPlan('pi-1-cam');
    await one.fleet.putConfig('pi-1', { interaction_threshold: 0.5 }, ANNA);
    await until('the other one tells it too', () => two.notified.length === 1);
    assert.deepEqual([one.notified, two.notified], [[['pi-1', 2]], [['pi-1', 2]]]);
    assert.equal((await two.fleet.detectionPlan('pi-1-cam')).thresholds.frame?.value, 0.5);
    await one.fleet.putRois('pi-1-cam', { rois: [] }, ANNA);
    await until('its plan is new', async () => (await two.fleet.detectionPlan('pi-1-cam')).roiVersion === 1);
    await one.fleet.stop();
    await two.fleet.stop();
  });
});
