import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
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
import { until } from '../../../support/until.ts';

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
  /** what devices answer to the command `flows` */
  const answers = new Map<string, object | Promise<object>>();
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
      askFlows: async (device) => answers.get(device) ?? {},
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
    assert.deepEqual(made.devices[1]?.diff, { added: ['Capture', 'Gate'], changed: [], removed: [], first: true });
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

  it('that a device took back show what its cameras saw before, with them and afterwards, whenever those pictures come', async () => {
    const { id } = await deployments.create({ target: 'all' }, ANNA);
    const pictures = async () => (await deployments.get(id)).devices.map((one) => one.pictures);
    const about = { v: 1 as const, ts: 1, phase: 'rolled_back' as const, revision: null, reason: 'too dark' };
    for (const [device, frames] of [
      ['pi-1', { before: 4, until: 6 }],
      ['pi-2', { before: 4, until: 4 }],
      ['pi-3', undefined],
    ] as const)
      await deployments.hear(device, { ...about, generation: last(device).generation, ...(frames && { frames }) });
    const none = { before: null, during: null, after: null };
    assert.deepEqual(await pictures(), [none, none, null], 'no picture came yet');
    const capture = (device: string, seq: number) => `0198c000-0000-7000-8000-00000000${device.slice(-1)}00${seq}`;
    for (const device of ['pi-1', 'pi-2', 'pi-3'])
      for (const seq of [3, 4, 5, 6, 7, 8])
        await db.query(
          `insert into captures (id, device_id, camera_id, seq, captured_at, received_at, width, height, jpeg_quality, size, crc32,
             node_id, segment, segment_offset) values ($1, $2, 'cam', $3, now(), now(), 4, 3, 80, 9, 1, 'n', 1, $3)`,
          [capture(device, seq), device, seq],
        );
    const seen = (device: string, before: number, during: number | null, after: number) => ({
      before: capture(device, before),
      during: during === null ? null : capture(device, during),
      after: capture(device, after),
    });
    assert.deepEqual(await pictures(), [seen('pi-1', 4, 6, 7), seen('pi-2', 4, null, 5), null]);
    assert.deepEqual(
      (await deployments.list({ limit: 1 })).items[0]?.devices.map((one) => one.pictures),
      await pictures(),
    );
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
    assert.equal((await deployments.list({ limit: 1 })).items[0]?.devices[0]?.diff.shipped, true);
    const { items, next } = await deployments.list({ limit: 3 });
    assert.equal(items.length, 3);
    assert.deepEqual(
      (await deployments.list({ limit: 3, cursor: next ?? '' })).items.map(({ id }) => id),
      [first.id],
    );
  });

  it('are looked at before they are sent, node by node, and leave out who runs just that already', async () => {
    const made = await deployments.create({ target: 'device/pi-1' }, ANNA);
    await reach('pi-1', last('pi-1').generation, 'active', made.devices[0]?.revision ?? null);
    const before = told.length;
    assert.deepEqual(
      (await deployments.preview({ target: 'all' })).devices.map(({ device, unchanged }) => `${device} ${unchanged}`),
      ['pi-1 true', 'pi-2 false', 'pi-3 false'],
    );
    await assert.rejects(deployments.create({ target: 'device/pi-1', only_changed: true }, ANNA), {
      code: 'deployment.nothing_new',
    });
    await write('edge/capture.json', [
      { ...tab('t1', 'Capture'), disabled: true },
      { id: 'n1', type: 'camera-capture', z: 't1', interval_s: 2, x: 40, y: 60, wires: [[]] },
    ]);
    const [one] = (await deployments.preview({ target: 'device/pi-1' })).devices;
    assert.deepEqual(one?.diff, { added: [], changed: ['Capture'], removed: [] });
    assert.deepEqual(one?.nodes, [
      {
        id: 'n1',
        type: 'camera-capture',
        name: 'n1',
        tab: 'Capture',
        change: 'changed',
        fields: [
          { field: 'interval_s', before: '', after: '2' },
          { field: 'place', before: '()', after: '(40 60)' },
        ],
      },
    ]);
    await write('edge/odd.json', [tab('t4', 'Odd', 'edge: device/pi-2'), { id: 'n4', type: 'exec', z: 't4' }]);
    const problems = (await deployments.preview({ target: 'all' })).devices.map(({ problem }) => problem);
    assert.deepEqual(problems, [null, 'node n4 (exec) on tab "Odd" is not available on pi-2', null]);
    assert.equal(told.length, before, 'nobody was told');
    await write('edge/odd.json', [tab('t4', 'Odd', 'edge: device/pi-2')]);
    const all = await deployments.create({ target: 'all', only_changed: true }, ANNA);
    assert.equal(all.counts.total, 3);
    assert.equal(
      (await fetched('pi-1')).content.flows?.some((element) => Object.hasOwn(element, 'disabled')),
      false,
    );
  });

  it('say at the first one too what changed against what the device ran, or that nobody knows', async () => {
    const shipped = [tab('t1', 'Capture'), { id: 'n1', type: 'camera-capture', z: 't1', interval_s: 9, wires: [[]] }];
    const old = [...shipped, tab('t0', 'Shipped with it')];
    answers.set('pi-1', { flows_gz: gzipSync(JSON.stringify(old)).toString('base64'), slot: 'own', revision: null });
    answers.set('pi-3', new Promise(() => undefined));
    await write('edge/more.json', [tab('t5', 'More')]);
    const making = deployments.create({ target: 'all' }, ANNA);
    // One that says nothing is not waited for longer than that.
    let isMade = false;
    const noted = making.then(() => {
      isMade = true;
    });
    await until('it is made', async () => {
      await clock.advance(1000);
      return isMade;
    });
    await noted;
    answers.clear();
    assert.deepEqual(
      (await making).devices.map(({ diff }) => diff),
      [
        { added: ['More'], changed: ['Capture'], removed: ['Shipped with it'] },
        { added: ['Capture', 'More'], changed: [], removed: [], first: true },
        { added: ['Capture', 'More'], changed: [], removed: [], first: true },
      ],
    );
  });

  it('are brought to a device that comes later, as they were made, once, and to one that joins the group', async () => {
    const come = async (id: string, groups: string[] = []) => {
      // They come one after the other: of a crowd each waits for the rest.
      await clock.advance(200);
      await fleet.createDevice({ id, name: id }, ANNA);
      if (groups.length > 0) await fleet.patchDevice(id, { groups }, ANNA);
      await deployments.deviceCame(id);
      assert.equal(
        told.some(({ device }) => device === id),
        false,
        'not before it said what it can run',
      );
      const info = {
        v: 1 as const,
        ts: 1,
        version: '1',
        node: '24',
        platform: 'linux',
        node_types: TYPES,
        cameras: [],
      };
      await fleet.noteInfo(id, info);
      await deployments.deviceCame(id);
    };
    const all = await deployments.create({ target: 'all', env: { SHOP: '7' } }, ANNA);
    await clock.advance(5);
    const gate = await deployments.create({ target: 'group/gate' }, ANNA);
    for (const id of ['pi-1', 'pi-2', 'pi-3'])
      await reach(id, last(id).generation, 'active', (await deployments.get(all.id)).devices[0]?.revision ?? null);
    await clock.advance(5);
    await write('edge/capture.json', [tab('t1', 'Saved, and not deployed yet')]);

    await come('pi-4');
    const first = await fetched('pi-4');
    assert.equal((first.content.flows?.[0] as { label?: string } | undefined)?.label, 'Capture');
    assert.deepEqual(first.content.env, { SHOP: '7' });
    const record = await deployments.get(first.manifest.id);
    assert.deepEqual([record.follows, record.actor, record.target], [all.id, 'server', 'device/pi-4']);
    const count = told.length;
    await deployments.deviceCame('pi-4');
    await deployments.deviceCame('pi-1');
    assert.equal(told.length, count, 'once, and not to who was there');

    await come('pi-5', ['gate']);
    assert.equal((await deployments.get((await fetched('pi-5')).manifest.id)).follows, gate.id);
    await clock.advance(5);
    await reach('pi-4', last('pi-4').generation, 'active', first.manifest.revision);
    await fleet.patchDevice('pi-4', { groups: ['gate'] }, ANNA);
    await clock.advance(5);
    const again = await deployments.create({ target: 'group/gate', gates: { min_fps: 1 } }, ANNA);
    assert.deepEqual(
      again.devices.map(({ device }) => device),
      ['pi-3', 'pi-4', 'pi-5'],
    );

    await reach('pi-4', last('pi-4').generation, 'active', null);
    const back = await deployments.rollback(again.id, ANNA);
    await clock.advance(5);
    await come('pi-6', ['gate']);
    const sixth = await deployments.get((await fetched('pi-6')).manifest.id);
    assert.equal(back.rollback_of, again.id);
    assert.equal(sixth.follows, gate.id, 'not what was taken back');
  });

  it('reach who came while their rings were told only after the last ring, and are taken back there too', async () => {
    const info = { v: 1 as const, ts: 1, version: '1', node: '24', platform: 'linux', node_types: TYPES, cameras: [] };
    const { id } = await deployments.create({ target: 'all', rings: [0.3] }, ANNA);
    await clock.advance(5);
    await fleet.createDevice({ id: 'pi-0', name: 'pi-0' }, ANNA);
    await fleet.noteInfo('pi-0', info);
    await deployments.deviceCame('pi-0');
    assert.deepEqual(
      told.map(({ device }) => device),
      ['pi-1'],
    );
    const { revision = null } = (await deployments.get(id)).devices[0] ?? {};
    await reach('pi-1', last('pi-1').generation, 'active', revision);
    await waitFor(() => told.some(({ device }) => device === 'pi-0'));
    assert.deepEqual(told.map(({ device }) => device).sort(), ['pi-0', 'pi-1', 'pi-2', 'pi-3']);
    await reach('pi-0', last('pi-0').generation, 'active', revision);
    const back = await deployments.rollback(id, ANNA);
    assert.deepEqual(back.devices.map(({ device }) => device).sort(), ['pi-0', 'pi-1']);
  });

  it('are compared with what a device says that it runs', async () => {
    const pack = (flows: object[]) => ({ flows_gz: gzipSync(JSON.stringify(flows)).toString('base64'), slot: 'own' });
    answers.set(
      'pi-1',
      pack([
        { ...tab('t1', 'Capture'), disabled: false },
        { id: 'n1', type: 'camera-capture', z: 't1', wires: [[]], interval_s: 5 },
        { id: 'rdeenvironment01', type: 'global-config', env: [] },
      ]),
    );
    const { diff, flows, nodes, revision, slot } = await deployments.running('pi-1');
    assert.deepEqual([slot, revision, flows.map(({ id }) => id)], ['own', null, ['t1', 'n1']]);
    assert.deepEqual(diff.changed, ['Capture']);
    assert.deepEqual(
      nodes.map(({ id, fields }) => [id, fields]),
      [['n1', [{ field: 'interval_s', before: '', after: '5' }]]],
    );
    await assert.rejects(deployments.running('nobody'), { code: 'device.not_found' });
    for (const bad of [{}, { flows_gz: 'AAAA' }, { flows_gz: gzipSync('{}').toString('base64') }]) {
      answers.set('pi-2', bad);
      await assert.rejects(deployments.running('pi-2'), { code: 'flow.invalid' });
    }
  });

  it('are refused when a changed tab is saved that a device it is meant for cannot run', async () => {
    const shown = (runsOn: string, type = 'exec') => [
      { ...tab('t9', 'Odd', runsOn), disabled: true },
      { id: 'n9', type, name: 'Danger', z: 't9' },
    ];
    const changed = new Set(['t9']);
    await assert.rejects(deployments.checkTabs(shown('edge: group/gate'), changed), {
      code: 'flow.invalid',
      message: 'node "Danger" (exec) on tab "Odd" is not available on pi-3',
    });
    await assert.rejects(deployments.checkTabs(shown('edge: everybody'), changed), /RUNS_ON names "everybody"/);
    await deployments.checkTabs(shown('edge'), new Set(['another tab']));
    await deployments.checkTabs(shown('edge: device/pi-99'), changed);
    await deployments.checkTabs(shown('edge', 'function'), changed);
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
    await until('what a timer began is done', async () => fact());
  }
});
