import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkBundle, checkDesired } from '../../../../edge/agent/rollout/verify.ts';
import type { FlowDesiredMessage, FlowPhase, SigningAnswer } from '../../../../runtime/contracts/deployments.ts';
import type { Db } from '../../../../runtime/db/db.ts';
import { BundleFiles } from '../../../../runtime/fleet/deployments/bundle-files.ts';
import { Deployments } from '../../../../runtime/fleet/deployments/deployments.ts';
import { SigningKeys } from '../../../../runtime/fleet/deployments/signing-keys.ts';
import { createFleet, type Fleet } from '../../../../runtime/fleet/fleet.ts';
import { ensureFolder, writeFileDurably } from '../../../../runtime/lib/files.ts';
import { uuidv7 } from '../../../../runtime/lib/ids.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { newBoxKeys, openSealed } from '../../../../runtime/lib/sealed-box.ts';
import { newSigningKey, signBundle, signerOf, signSuccessor } from '../../../../runtime/lib/signatures.ts';
import { describeOnBothDatabases } from '../../../support/databases.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { temporaryFolder } from '../../../support/folders.ts';

const ANNA = { name: 'user:anna' };
const TYPES = ['camera-capture', 'frame-upload', 'comment', 'function', 'inject'];
const tab = (id: string, label: string, runsOn?: string) => ({
  id,
  type: 'tab',
  label,
  ...(runsOn && { env: [{ name: 'RUNS_ON', value: runsOn, type: 'str' }] }),
});

describeOnBothDatabases('deployments', (database) => {
  let db: Db;
  let clock: FakeClock;
  let fleet: Fleet;
  let deployments: Deployments;
  let folder: string;
  let told: { device: string; body: FlowDesiredMessage }[];
  const boxes = new Map<string, ReturnType<typeof newBoxKeys>>();

  const create = (file: string | undefined = join(folder, 'signing-key.json')) =>
    new Deployments({
      db,
      clock,
      log: silentLog,
      newId: uuidv7,
      files: new BundleFiles(join(folder, 'bundles')),
      keys: new SigningKeys({ db, clock, log: silentLog, file: file || undefined, mayMake: true }),
      flowsDir: join(folder, 'flows'),
      userDir: join(folder, 'node-red'),
      secret: Buffer.alloc(32, 7),
      publish: async (device, body) => void told.push({ device, body }),
    });
  const write = (name: string, elements: object[]) =>
    writeFileDurably(join(folder, 'flows', name), JSON.stringify(elements));
  const reach = async (
    device: string,
    generation: number,
    phase: FlowPhase,
    revision: string | null,
    reason?: string,
  ) => deployments.hear(device, { v: 1, ts: 1, generation, phase, revision, slot: 'A', ...(reason && { reason }) });
  const states = async (id: string) =>
    (await deployments.get(id)).devices.map(({ device, state }) => `${device}: ${state}`);
  const last = (device: string) => {
    const body = told.findLast((one) => one.device === device)?.body;
    assert.ok(body, `${device} was told`);
    return body;
  };
  /** What a device makes of its pointer. */
  const fetched = async (device: string, generation = 0) => {
    const body = last(device);
    const { statement } = checkDesired(body, { device, pinned: deployments.signing()?.current, generation });
    const { bytes } = await deployments.bundlePart(device, body.sha256, 0, 10_000_000);
    return checkBundle(bytes, statement);
  };

  beforeEach(async () => {
    db = await database.open();
    clock = new FakeClock();
    told = [];
    folder = await temporaryFolder('deployments');
    await ensureFolder(join(folder, 'flows', 'edge'));
    await ensureFolder(join(folder, 'flows', 'server'));
    await ensureFolder(join(folder, 'node-red'));
    fleet = createFleet({
      db,
      clock,
      log: silentLog,
      site: 'home',
      pepper: Buffer.from('pepper'),
      mqttUrl: () => '',
      urlCipher: { seal: (text) => text, open: (text) => text },
      checkUrl: () => undefined,
      reservedCameraIds: new Set(),
      signing: () => deployments.signing(),
      notifyConfig: () => undefined,
      onRevoked: () => undefined,
    });
    for (const id of ['pi-1', 'pi-2', 'pi-3']) {
      await fleet.createDevice({ id, name: id }, ANNA);
      const box = newBoxKeys();
      boxes.set(id, box);
      const info = {
        v: 1 as const,
        ts: 1,
        version: '1',
        node: '24',
        platform: 'linux',
        node_types: TYPES,
        cameras: [],
      };
      await fleet.noteInfo(id, { ...info, sealing_key: box.publicKey });
    }
    await fleet.patchDevice('pi-3', { groups: ['gate'] }, ANNA);
    await write('edge/capture.json', [
      tab('t1', 'Capture'),
      { id: 'n1', type: 'camera-capture', z: 't1', wires: [[]] },
    ]);
    deployments = create();
    await deployments.start();
  });
  afterEach(async () => {
    await deployments.stop();
  });

  it('take the tabs meant for each device, with credentials that only it can read, signed for it', async () => {
    await write('edge/gate.json', [
      tab('t2', 'Gate', 'edge: group/gate, device/pi-2'),
      { id: 'n2', type: 'function', z: 't2' },
    ]);
    await write('edge/off.json', [tab('t3', 'Elsewhere', 'edge:device/pi-9'), { id: 'n3', type: 'function', z: 't3' }]);
    await writeFileDurably(
      join(folder, 'node-red', 'credentials.json'),
      JSON.stringify({ n2: { token: 'abc' }, n9: { no: 1 } }),
    );
    const made = await deployments.create({ target: 'all', env: { SHOP: '7' }, note: 'first' }, ANNA);
    assert.deepEqual([made.state, made.actor, made.note, made.counts.total], ['running', 'user:anna', 'first', 3]);
    assert.deepEqual(told.map(({ device }) => device).sort(), ['pi-1', 'pi-2', 'pi-3']);
    const one = await fetched('pi-1');
    assert.deepEqual(
      (one.content.flows ?? []).map(({ id }) => id),
      ['t1', 'n1'],
    );
    assert.deepEqual([one.credentials, one.content.env], [null, { SHOP: '7' }]);
    for (const device of ['pi-2', 'pi-3']) {
      const bundle = await fetched(device);
      assert.deepEqual(
        (bundle.content.flows ?? []).map(({ id }) => id),
        ['t1', 'n1', 't2', 'n2'],
      );
      const box = boxes.get(device);
      assert.ok(box && bundle.credentials);
      assert.deepEqual(JSON.parse(openSealed(box, bundle.credentials)), { n2: { token: 'abc' } });
    }
    assert.equal((await fetched('pi-2')).manifest.revision, (await fetched('pi-3')).manifest.revision);
    assert.deepEqual(made.devices[1]?.diff, { added: ['Capture', 'Gate'], changed: [], removed: [] });
    await assert.rejects(deployments.bundlePart('pi-1', last('pi-2').sha256, 0, 10), { code: 'bundle.gone' });
    assert.equal((await stat(join(folder, 'signing-key.json'))).mode & 0o777, 0o600);
    assert.equal((await fleet.servedConfig('pi-1')).signing?.current.key_id, last('pi-1').key_id);
  });

  it('are refused with node and tab when a target cannot run one, and when nobody is meant', async () => {
    await write('edge/bad.json', [
      tab('t4', 'Wrong place', 'edge:device/pi-2'),
      { id: 'n4', type: 'frame-queue', name: 'Q', z: 't4' },
    ]);
    await assert.rejects(deployments.create({ target: 'all' }, ANNA), (error: Error & { code: string }) => {
      assert.equal(error.code, 'flow.invalid');
      assert.match(error.message, /"Q" \(frame-queue\) on tab "Wrong place" runs on the server only/);
      return true;
    });
    await deployments.create({ target: 'device/pi-1' }, ANNA);
    await write('edge/bad.json', [tab('t4', 'Odd'), { id: 'n4', type: 'exec', z: 't4' }]);
    await assert.rejects(
      deployments.create({ target: 'device/pi-1' }, ANNA),
      /n4 \(exec\) on tab "Odd" is not available on pi-1/,
    );
    await assert.rejects(deployments.create({ target: 'group/none' }, ANNA), { code: 'deployment.no_devices' });
    assert.equal(told.length, 1);
  });

  it('are said again at each connect until they end, and never after; a later one takes an earlier one’s place', async () => {
    const first = await deployments.create({ target: 'device/pi-1' }, ANNA);
    await deployments.deviceListens('pi-1');
    assert.equal(told.length, 2);
    assert.deepEqual(told[1]?.body, told[0]?.body);
    await deployments.stop();
    deployments = create();
    await deployments.start();
    await deployments.deviceListens('pi-1');
    assert.equal(told.length, 3, 'by a server that was started again, too');
    await clock.advance(5);
    const second = await deployments.create({ target: 'device/pi-1' }, ANNA);
    const generation = last('pi-1').generation;
    assert.ok(generation > (told[0]?.body.generation ?? 0));
    assert.deepEqual(await states(first.id), ['pi-1: superseded']);
    assert.equal((await deployments.get(first.id)).state, 'done');
    await reach('pi-1', generation, 'rejected', null, 'no');
    assert.deepEqual(
      [(await deployments.get(second.id)).state, await states(second.id)],
      ['failed', ['pi-1: rejected']],
    );
    const before = told.length;
    await deployments.deviceListens('pi-1');
    assert.equal(told.length, before);
  });

  it('go ring by ring with a pause, and end at too many failures', async () => {
    const { id } = await deployments.create({ target: 'all', rings: ['group/gate', 0.5], pause_s: 60 }, ANNA);
    assert.deepEqual(
      told.map(({ device }) => device),
      ['pi-3'],
    );
    for (const phase of ['fetching', 'verifying', 'staged', 'switching', 'probation'] as const) {
      await reach('pi-3', last('pi-3').generation, phase, null);
      assert.deepEqual((await states(id)).at(0), `pi-3: ${phase}`);
    }
    await reach('pi-3', last('pi-3').generation, 'active', (await deployments.get(id)).devices[0]?.revision ?? null);
    assert.equal(told.length, 1, 'it pauses');
    await clock.advance(60_000);
    await deployments.list({ limit: 1 });
    await waitFor(() => told.length === 2);
    assert.equal(told[1]?.device, 'pi-1');
    await reach('pi-1', last('pi-1').generation, 'rolled_back', null, 'a node failed at its start');
    const after = await deployments.get(id);
    assert.deepEqual([after.state, after.reason], ['failed', '1 of 2 devices failed']);
    assert.deepEqual(await states(id), ['pi-3: active', 'pi-1: rolled_back', 'pi-2: aborted']);
    assert.equal(after.devices[1]?.reason, 'a node failed at its start');
    assert.equal((await fleet.device('pi-1')).flow.drift, true);
    assert.equal((await fleet.device('pi-3')).flow.drift, false);
  });

  it('do not wait for a device that is away longer than was said', async () => {
    const { id } = await deployments.create({ target: 'all', rings: [0.3], timeout_s: 60 }, ANNA);
    assert.equal(told.length, 1);
    await clock.advance(61_000);
    await waitFor(() => told.length === 3);
    for (const device of ['pi-1', 'pi-2', 'pi-3']) await reach(device, last(device).generation, 'active', null);
    assert.equal((await deployments.get(id)).state, 'done');
  });

  it('are aborted: nobody else is told, and what nobody has begun is withdrawn', async () => {
    const { id } = await deployments.create({ target: 'all', rings: [0.5] }, ANNA);
    await reach('pi-1', last('pi-1').generation, 'probation', null);
    const ended = await deployments.abort(id, ANNA);
    assert.equal(ended.state, 'aborted');
    assert.deepEqual(await states(id), ['pi-1: probation', 'pi-2: aborted', 'pi-3: aborted']);
    const before = told.length;
    await deployments.deviceListens('pi-2');
    assert.equal(told.length, before);
    await reach('pi-1', last('pi-1').generation, 'active', null);
    assert.deepEqual((await states(id))[0], 'pi-1: active');
    await assert.rejects(deployments.abort(id, ANNA), { code: 'deployment.over' });
  });

  it('are rolled back as a deployment of what was there before, to the shipped flows at last', async () => {
    const make = async (name: string) => {
      await write('edge/capture.json', [tab('t1', name)]);
      await clock.advance(5);
      const made = await deployments.create({ target: 'device/pi-1' }, ANNA);
      await reach('pi-1', last('pi-1').generation, 'active', made.devices[0]?.revision ?? null);
      return made;
    };
    const first = await make('One');
    const second = await make('Two');
    assert.deepEqual(second.devices[0]?.diff, { added: [], changed: ['Two'], removed: [] });
    const generation = last('pi-1').generation;
    const back = await deployments.rollback(second.id, ANNA);
    assert.deepEqual([back.rollback_of, back.devices[0]?.revision], [second.id, first.devices[0]?.revision]);
    const bundle = await fetched('pi-1', generation);
    assert.equal((bundle.content.flows?.[0] as { label?: string } | undefined)?.label, 'One');
    await reach('pi-1', last('pi-1').generation, 'active', bundle.manifest.revision);
    await deployments.rollback(first.id, ANNA);
    assert.equal((await fetched('pi-1')).content.flows, null);
    const { items, next } = await deployments.list({ limit: 3 });
    assert.equal(items.length, 3);
    assert.deepEqual(
      (await deployments.list({ limit: 3, cursor: next ?? '' })).items.map(({ id }) => id),
      [first.id],
    );
  });

  it('wait for signatures made elsewhere, and take only those of the key that devices trust', async () => {
    await deployments.stop();
    deployments = create('');
    await deployments.start();
    const signer = signerOf(newSigningKey());
    const sign = async (id: string, by = signer, key: SigningAnswer['key'] = by) => {
      const request = await deployments.signingRequest(id);
      const signatures = request.bundles.map(({ statement }) => ({
        sha256: statement.sha256,
        signature: signBundle(by, statement),
      }));
      const { key_id, public_key, signed_by, signature } = key;
      const record = { key_id, public_key, ...(signed_by && { signed_by }), ...(signature && { signature }) };
      return deployments.sign(id, { v: 1, deployment: id, key: record, signatures }, ANNA);
    };
    await db.query('delete from signing_keys');
    await deployments.stop();
    deployments = create('');
    await deployments.start();
    const { id, state } = await deployments.create({ target: 'device/pi-1' }, ANNA);
    assert.deepEqual([state, told.length, deployments.signing()], ['unsigned', 0, undefined]);
    await deployments.deviceListens('pi-1');
    assert.equal(told.length, 0);
    assert.equal((await sign(id)).state, 'running');
    assert.equal((await fetched('pi-1')).manifest.id, id);
    await assert.rejects(deployments.signingRequest(id), { code: 'deployment.not_waiting' });
    const stranger = signerOf(newSigningKey());
    const next = await deployments.create({ target: 'device/pi-1' }, ANNA);
    await assert.rejects(sign(next.id, stranger), { code: 'deployment.signature_invalid' });
    await assert.rejects(sign(next.id, stranger, signer), { code: 'deployment.signature_invalid' });
    assert.equal((await sign(next.id, stranger, signSuccessor(signer, stranger))).state, 'running');
    assert.equal(deployments.signing()?.current.key_id, stranger.key_id);
    assert.equal(deployments.signing()?.rotations.length, 1);
  });

  /** Work that a timer began ends some turns later. */
  async function waitFor(fact: () => boolean): Promise<void> {
    for (let turn = 0; turn < 2000 && !fact(); turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(fact());
  }
});
