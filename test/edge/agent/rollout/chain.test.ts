import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent } from '../../../../edge/agent/agent.ts';
import { readSettings } from '../../../../edge/settings.ts';
import type { DeploymentRecord } from '../../../../runtime/contracts/deployments.ts';
import type { Db } from '../../../../runtime/db/db.ts';
import { migrate } from '../../../../runtime/db/migrate.ts';
import { openPglite } from '../../../../runtime/db/pglite.ts';
import { createUserStore } from '../../../../runtime/db/users.repo.ts';
import { createDevices, type Devices } from '../../../../runtime/devices.ts';
import { Accounts } from '../../../../runtime/http/auth/accounts.ts';
import { ingestDoor } from '../../../../runtime/http/ingest/ingest.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { ensureFolder, writeFileDurably } from '../../../../runtime/lib/files.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { emptyPglite } from '../../../support/databases.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { openDoor } from '../../../support/http-door.ts';
import { freePorts } from '../../../support/ports.ts';
import { until } from '../../../support/until.ts';

const ANNA = { name: 'user:anna' };

describe('a deployment from the API to the device and back', function () {
  this.timeout(60_000);
  let db: Db;
  let devices: Devices;
  let door: Awaited<ReturnType<typeof openDoor>>;
  let agent: Agent;
  let folder: string;
  let token: string;
  let key: string;

  const write = (...nodes: object[]) =>
    writeFileDurably(
      join(folder, 'flows', 'edge', 'tab.json'),
      JSON.stringify([{ id: 't', type: 'tab', label: 'Tab' }, ...nodes]),
    );
  const api = async (method: string, path: string, body?: unknown): Promise<DeploymentRecord> => {
    const { json, status, text } = await door.call(method, `/api/v1/deployments${path}`, { token, body });
    assert.ok(status < 300, text);
    return json;
  };
  const childPid = () => readFile(join(folder, 'edge', 'child.pid'), 'utf8');
  const ended = (id: string) =>
    until(
      'the deployment ends',
      async () => {
        const record = await api('GET', `/${id}`);
        return record.state !== 'running' && record;
      },
      30_000,
    );

  before(async () => {
    folder = await temporaryFolder('chain');
    await ensureFolder(join(folder, 'flows', 'edge'));
    db = await openPglite({ log: silentLog, from: await emptyPglite() });
    await migrate(db, silentLog);
    const accounts = new Accounts({
      store: createUserStore(db),
      clock: systemClock,
      log: silentLog,
      key: Buffer.alloc(32, 1),
    });
    const [port = 0] = await freePorts(1);
    devices = createDevices({
      accounts,
      settings: {
        SITE: 'home',
        HOST: '127.0.0.1',
        MQTT_PORT: port,
        DATA_DIR: folder,
        FLOWS_DIR: join(folder, 'flows'),
        HA_DISCOVERY: false,
        SIGNING_KEY_FILE: join(folder, 'signing-key.json'),
      },
      mqttHost: '127.0.0.1',
      secrets: { pepper: Buffer.alloc(32, 2), urls: Buffer.alloc(32, 3) },
      db,
      clock: systemClock,
      log: silentLog,
      checkUrl: async () => undefined,
      reservedCameraIds: new Set(),
      publicUrl: new URL(`http://127.0.0.1:${port}`),
      localCameraState: () => undefined,
      eventPicture: async () => Buffer.alloc(0),
      version: '0',
    } as Parameters<typeof createDevices>[0]);
    const { broker, deployments, fleet } = devices;
    await deployments.start();
    await broker.start();
    const frames = { accept: async () => ({ outcome: 'stored' as const, frameId: 'f', receivedAt: 0 }) };
    const readJpegHeader = () => ({ width: 4, height: 3 }) as never;
    const ingest = ingestDoor({ fleet, frames, readJpegHeader, clock: systemClock, log: silentLog });
    door = await openDoor({ fleet, deployments, ingest });
    token = await door.userToken('admin');
    key = (await fleet.createDevice({ id: 'pi', name: 'Pi' }, ANNA)).api_key;
    const env = { DEVICE_ID: 'pi', SERVER_URL: door.url, EDGE_DATA_DIR: join(folder, 'edge'), PROBATION_S: '1' };
    agent = new Agent({
      settings: readSettings(env),
      key,
      version: '1.2.3',
      clock: systemClock,
      log: silentLog,
      child: { entry: join(import.meta.dirname, '..', 'children', 'deployable.ts'), env: process.env },
    });
    await agent.start();
    await until('the device is there', async () => (await fleet.device('pi')).state === 'online', 30_000);
  });
  after(async () => {
    await agent.stop();
    await door.close();
    await devices.broker.stop();
    await devices.deployments.stop();
    await db.close();
  });

  it('goes active, and a bad one after it comes back by itself, both seen at the API', async () => {
    await write({ id: 'n', type: 'comment', z: 't', wires: [] });
    const before = await childPid();
    const first = await api('POST', '', { target: 'device/pi' });
    const good = await ended(first.id);
    assert.deepEqual([good.state, good.devices[0]?.state], ['done', 'active'], good.devices[0]?.reason ?? '');
    assert.equal(await childPid(), before, 'it was taken over in the running process');
    const { flow } = await devices.fleet.device('pi');
    assert.deepEqual([flow.phase, flow.slot, flow.drift], ['active', 'A', false]);
    assert.equal(flow.revision, good.devices[0]?.revision);

    await write({ id: 'n', type: 'crash', z: 't', wires: [] });
    const second = await api('POST', '', { target: 'all' });
    const bad = await ended(second.id);
    assert.deepEqual([bad.state, bad.devices[0]?.state], ['failed', 'rolled_back']);
    assert.match(bad.devices[0]?.reason ?? '', /ended with exit code 9/);
    const after = (await devices.fleet.device('pi')).flow;
    assert.deepEqual([after.revision, after.drift], [good.devices[0]?.revision, true]);

    const back = await ended((await api('POST', `/${first.id}/rollback`)).id);
    assert.deepEqual([back.state, back.rollback_of], ['done', first.id]);
    assert.deepEqual((await devices.fleet.device('pi')).flow.drift, false);
  });

  it('hands a bundle to its own device only, whole or in parts', async () => {
    const own = await door.call('GET', '/api/v1/device/bundles/nothing', { headers: { 'X-DEVICE-KEY': key } });
    assert.equal(own.status, 404);
    const { rows } = await db.query<{ sha256: string; size: number }>(
      'select sha256, size from deployment_targets limit 1',
    );
    const [{ sha256, size } = { sha256: '', size: 0 }] = rows;
    const path = `/api/v1/device/bundles/${sha256}`;
    const ask = (headers: Record<string, string>) => door.call('GET', path, { headers });
    const whole = await ask({ 'X-DEVICE-KEY': key });
    assert.deepEqual([whole.status, Buffer.byteLength(whole.text)], [200, size]);
    const part = await ask({ 'X-DEVICE-KEY': key, Range: 'bytes=10-19' });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get('content-range'), `bytes 10-19/${size}`);
    assert.equal((await ask({ 'X-DEVICE-KEY': key, Range: `bytes=${size}-` })).status, 416);
    assert.equal((await ask({})).status, 401);
    assert.equal((await ask({ Authorization: `Bearer ${token}` })).status, 401);
    const { api_key: other } = await devices.fleet.createDevice({ id: 'pi-2', name: 'Other' }, ANNA);
    assert.equal((await ask({ 'X-DEVICE-KEY': other })).status, 404);
  });
});
