import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RESERVED_IDS } from '../../../runtime/contracts/reserved-ids.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { withAccess } from '../../../runtime/fleet/camera-access.ts';
import { splitSecret } from '../../../runtime/media/drivers/service-call.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { until } from '../../support/until.ts';
import { ANNA, auditOf, type FleetBench, fleetOn } from './fleet-bench.ts';

const URL_WITH_SECRET = 'rtsp://user:hunter2@10.0.0.9/stream';

function birth(...ids: string[]) {
  const cameras = ids.map((id) => ({ id, driver: 'rpicam', state: 'live' }));
  return { v: 1 as const, ts: 1, version: '1', node: '24', platform: 'linux', node_types: [], cameras };
}

describeOnBothDatabases('cameras', (database) => {
  let db: Db;
  let bench: FleetBench;

  beforeEach(async () => {
    db = await database.open();
    bench = fleetOn(db);
    await bench.fleet.registerBuiltIn();
  });

  it('of the server show their kind of driver and never their URL', async () => {
    const { fleet } = bench;
    const made = await fleet.createCamera({ id: 'door', name: 'Front door', url: URL_WITH_SECRET }, ANNA);
    assert.deepEqual(
      [made.id, made.name, made.device, made.driver, made.state, made.last_frame],
      ['door', 'Front door', 'server', 'rtsp', 'idle', null],
    );
    const { rows } = await db.query<{ row: string }>(
      `select c::text as row from cameras c union all select a::text from audit a`,
    );
    assert.ok(!JSON.stringify([made, await fleet.cameras(), rows]).includes('hunter2'));
    assert.deepEqual(await fleet.serverCameras(), [{ id: 'door', url: URL_WITH_SECRET }]);
    assert.deepEqual(await auditOf(db), ['camera.create camera/door']);
  });

  it('keep their URL when only the name changes, and change it when a new one comes', async () => {
    const { fleet } = bench;
    await fleet.createCamera({ id: 'door', name: 'a', url: URL_WITH_SECRET }, ANNA);
    assert.equal((await fleet.patchCamera('door', { name: 'b' }, ANNA)).name, 'b');
    assert.deepEqual(await fleet.serverCameras(), [{ id: 'door', url: URL_WITH_SECRET }]);
    const moved = await fleet.patchCamera('door', { url: 'sim:shelf' }, ANNA);
    assert.deepEqual([moved.name, moved.driver], ['b', 'sim']);
    assert.deepEqual(await fleet.serverCameras(), [{ id: 'door', url: 'sim:shelf' }]);
  });

  it('are made, brought back and moved as the environment says, wherever that is, and not taken from a device', async () => {
    const [here, there] = ['http://localhost:8001/', 'http://:planted-token@127.0.0.1:9001/'];
    const own = () => bench.fleet.serverCameras();
    await bench.fleet.registerBuiltIn(here);
    await bench.fleet.registerBuiltIn(here);
    const { name, driver, device } = await bench.fleet.camera('camera-service');
    assert.deepEqual([name, driver, device], ['Camera service', 'http', 'server']);
    assert.deepEqual(await own(), [{ id: 'camera-service', url: here }]);
    await bench.fleet.patchCamera('camera-service', { name: 'Microscope' }, ANNA);
    await bench.fleet.registerBuiltIn(there);
    assert.deepEqual(await own(), [{ id: 'camera-service', url: there }]);
    assert.equal((await bench.fleet.camera('camera-service')).name, 'Microscope', 'people named it');
    await bench.fleet.registerBuiltIn();
    assert.equal((await own()).length, 1, 'without the setting it stays until somebody deletes it');
    await bench.fleet.deleteCamera('camera-service', ANNA);
    await bench.fleet.registerBuiltIn(here);
    assert.deepEqual(await own(), [{ id: 'camera-service', url: here }]);
    assert.deepEqual(await auditOf(db), [
      'camera.create camera/camera-service',
      'camera.patch camera/camera-service',
      'camera.patch camera/camera-service',
      'camera.delete camera/camera-service',
      'camera.create camera/camera-service',
    ]);
    await bench.fleet.deleteCamera('camera-service', ANNA);
    await bench.fleet.createDevice({ id: 'pi', name: 'Pi' }, ANNA);
    await bench.fleet.noteInfo('pi', birth('camera-service'));
    await bench.fleet.registerBuiltIn(here);
    assert.deepEqual([(await own()).length, bench.warnings.length], [0, 1]);
  });

  it('are sent a key and headers that nobody is shown again, kept sealed; another key is made up on request', async () => {
    const { fleet } = bench;
    const headers = [{ key: 'X-Site', value: 'planted-header' }];
    const body = { id: 'bench', name: 'Bench', url: 'rtsp://10.0.0.9/x', key: 'CAM_planted-key', headers };
    const made = await fleet.createCamera(body, ANNA);
    assert.deepEqual([made.has_key, made.headers], [true, ['X-Site']]);
    assert.deepEqual(
      await fleet.serverCameras(),
      [{ id: 'bench', url: 'rtsp://10.0.0.9/x' }],
      'no header goes by RTSP',
    );
    const { key, ...record } = await fleet.renewCameraKey('bench', ANNA);
    assert.match(key, /^CAM_[A-Za-z0-9_-]{32}$/);
    assert.ok(!JSON.stringify([record, await fleet.cameras()]).includes(key));
    assert.deepEqual((await fleet.patchCamera('bench', { headers: [] }, ANNA)).headers, []);
    assert.deepEqual((await fleet.patchCamera('bench', { key: null }, ANNA)).has_key, false);
    await fleet.patchCamera('bench', { key: 'CAM_planted-key' }, ANNA);
    const { rows } = await db.query<{ row: string }>(
      `select c::text as row from cameras c union all select a::text from audit a`,
    );
    for (const secret of ['planted', key]) assert.ok(!JSON.stringify(rows).includes(secret));
  });

  it('have key and headers where the drivers of HTTP cameras look for them', () => {
    const access = { key: 'CAM_a/b@c', headers: [{ key: 'X-Site', value: 'green house' }] };
    for (const [url, bare] of [
      ['http://old:secret@10.0.0.9:8001/', 'http://10.0.0.9:8001/'],
      ['relab+http://10.0.0.9:8018', 'http://10.0.0.9:8018/'],
    ] as const) {
      const found = splitSecret(withAccess(url, access).replace('relab+', ''));
      assert.deepEqual(found, { url: bare, secret: 'CAM_a/b@c', headers: { 'X-Site': 'green house' } });
    }
    assert.equal(withAccess('sim:shelf', access), 'sim:shelf');
  });

  it('refuse headers that are set by Redeye, too large or given twice, and a key for a camera that is a device’s', async () => {
    const { fleet } = bench;
    await fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    await fleet.createCamera({ id: 'door', name: 'x' }, ANNA);
    const long = Array.from({ length: 8 }, (_, n) => ({ key: `X-${n}`, value: 'v'.repeat(500) }));
    for (const headers of [[{ key: 'x-api-key', value: 'v' }], [long, long].flat().slice(0, 9), long])
      await assert.rejects(fleet.patchCamera('door', { headers }, ANNA), { code: 'request.invalid' });
    await assert.rejects(fleet.patchCamera('pi-1-cam', { key: 'k' }, ANNA), { code: 'request.invalid' });
    await assert.rejects(fleet.renewCameraKey('pi-1-cam', ANNA), { code: 'request.invalid' });
  });

  it('are refused with the reason', async () => {
    const { fleet } = bench;
    await fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    await fleet.createCamera({ id: 'door', name: 'x' }, ANNA);
    const cases: [Parameters<typeof fleet.createCamera>[0], string][] = [
      [{ id: 'api', name: 'x' }, 'camera.id_reserved'],
      [{ id: 'door', name: 'x' }, 'camera.exists'],
      [{ id: 'pi-1-cam', name: 'x' }, 'camera.exists'],
      [{ name: 'x', url: 'gopher://x' }, 'camera.url_invalid'],
      [{ name: 'x', device: 'nobody' }, 'device.not_found'],
      [{ name: 'x', device: 'pi-1', url: 'sim:shelf' }, 'request.invalid'],
    ];
    for (const [body, code] of cases) await assert.rejects(fleet.createCamera(body, ANNA), { code });
    await assert.rejects(fleet.patchCamera('door', { url: 'gopher://x' }, ANNA), { code: 'camera.url_invalid' });
    await assert.rejects(fleet.patchCamera('pi-1-cam', { url: 'sim:shelf' }, ANNA), { code: 'request.invalid' });
    await assert.rejects(fleet.patchCamera('nobody', { name: 'x' }, ANNA), { code: 'camera.not_found' });
    await assert.rejects(fleet.deleteCamera('nobody', ANNA), { code: 'camera.not_found' });
  });

  it('get a free id from their name that is not reserved', async () => {
    const ids = [];
    for (const name of ['Editor', 'Editor', '!']) ids.push((await bench.fleet.createCamera({ name }, ANNA)).id);
    assert.deepEqual(ids, ['editor-2', 'editor-3', 'camera']);
  });

  it('leave the register when deleted, URL and all, and their id is free again', async () => {
    const { fleet } = bench;
    await fleet.createCamera({ id: 'door', name: 'x', url: URL_WITH_SECRET }, ANNA);
    await fleet.deleteCamera('door', ANNA);
    await assert.rejects(fleet.camera('door'), { code: 'camera.not_found' });
    assert.deepEqual([await fleet.cameras(), await fleet.serverCameras()], [[], []]);
    assert.equal((await fleet.createCamera({ id: 'door', name: 'y' }, ANNA)).driver, '');
    assert.deepEqual(await fleet.serverCameras(), []);
  });

  it('whose URL cannot be unsealed any longer are left out, and this is said', async () => {
    await bench.fleet.createCamera({ id: 'door', name: 'x', url: URL_WITH_SECRET }, ANNA);
    const other = fleetOn(db, { cipherKey: 'lost' });
    assert.deepEqual(await other.fleet.serverCameras(), []);
    assert.match(other.warnings[0] ?? '', /cannot be unsealed/);
  });

  it('tell listeners of each change, in other processes too', async () => {
    const two = fleetOn(db);
    await two.fleet.start();
    let [here, there] = [0, 0];
    const release = bench.fleet.onCamerasChanged(() => {
      here += 1;
    });
    two.fleet.onCamerasChanged(() => {
      there += 1;
    });
    await bench.fleet.createCamera({ id: 'door', name: 'x' }, ANNA);
    await bench.fleet.patchCamera('door', { name: 'y' }, ANNA);
    release();
    await bench.fleet.deleteCamera('door', ANNA);
    assert.equal(here, 2);
    await until('the other process heard all', () => there === 3);
    await two.fleet.stop();
  });

  describe('of a device', () => {
    let key: string;

    beforeEach(async () => {
      key = (await bench.fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA)).api_key;
    });

    it('are in the register, and let in with its key, once it announces them', async () => {
      const { fleet } = bench;
      assert.deepEqual((await fleet.deviceOfKey(key))?.cameras, ['pi-1-cam']);
      await fleet.noteInfo('pi-1', birth('pi-1-cam', 'attic'));
      assert.deepEqual((await fleet.deviceOfKey(key))?.cameras, ['pi-1-cam', 'attic']);
      await fleet.markOnline('pi-1', 'online', 1);
      const attic = await fleet.camera('attic');
      assert.deepEqual([attic.device, attic.driver, attic.state], ['pi-1', 'rpicam', 'live']);
      assert.equal((await fleet.camera('pi-1-cam')).driver, 'rpicam');
      await fleet.markOffline('pi-1');
      assert.equal((await fleet.camera('attic')).state, 'unknown');
      assert.equal((await fleet.device('pi-1')).info.version, '1');
    });

    it("are never another's, a reserved or an impossible one", async () => {
      const { fleet, warnings } = bench;
      await fleet.createCamera({ id: 'door', name: 'x' }, ANNA);
      await fleet.noteInfo('pi-1', birth('door', 'api', '../etc', 'UPPER', 'a'.repeat(64)));
      assert.deepEqual((await fleet.device('pi-1')).cameras, ['pi-1-cam']);
      assert.equal((await fleet.camera('door')).device, 'server');
      assert.equal(warnings.length, 5);
    });

    it('come back when they are announced after a deletion', async () => {
      const { fleet } = bench;
      await fleet.deleteCamera('pi-1-cam', ANNA);
      assert.deepEqual((await fleet.deviceOfKey(key))?.cameras, []);
      await fleet.noteInfo('pi-1', birth('pi-1-cam'));
      assert.deepEqual((await fleet.deviceOfKey(key))?.cameras, ['pi-1-cam']);
    });
  });
});

describe('ids that no camera may have', () => {
  it('are the first parts of every address of the console, too', async () => {
    const router = await readFile(join(import.meta.dirname, '../../../runtime/console/router.ts'), 'utf8');
    const places = [...router.matchAll(/path: '\/([a-z]+)/g)].map(([, place = '']) => place);
    assert.ok(places.length > 8);
    assert.deepEqual(
      places.filter((place) => !RESERVED_IDS.has(place)),
      [],
    );
  });
});
