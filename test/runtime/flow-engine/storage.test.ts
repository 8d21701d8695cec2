import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../../runtime/contracts/host.ts';
import type { FlowElement } from '../../../runtime/flow-engine/flow-files.ts';
import { createFlowStorage, type FlowStorage } from '../../../runtime/flow-engine/storage.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { temporaryFolder } from '../../support/folders.ts';

const tab = (id: string, label: string, more = {}): FlowElement => ({ id, type: 'tab', label, ...more });
const node = (id: string, z: string, more = {}): FlowElement => ({
  id,
  type: 'change',
  z,
  name: '',
  x: 1,
  y: 1,
  wires: [[]],
  ...more,
});

const FLOWS: FlowElement[] = [
  tab('t1', 'Front door'),
  tab('t2', 'Yard & Garden'),
  { id: 's1', type: 'subflow', name: 'Blur', in: [], out: [] },
  { id: 'c1', type: 'mqtt-broker', name: 'broker' },
  { id: 'g1', type: 'group', z: 't1', nodes: ['a'], x: 0, y: 0, w: 9, h: 9 },
  node('a', 't1'),
  node('b', 't1', { wires: [['a']] }),
  { id: 'c2', type: 'camera', z: 't2', camera: 'yard' },
  node('d', 't2'),
  node('e', 's1'),
];

describe('flow storage', () => {
  let root: string;
  let flowsDir: string;
  let lines: string[];
  let storage: FlowStorage;

  const log: Log = { ...silentLog, error: (text) => lines.push(text), warn: (text) => lines.push(text) };
  const open = async (check?: (flows: FlowElement[]) => void) => {
    const opened = createFlowStorage({ flowsDir, userDir: root, log, ...(check ? { check } : {}) });
    await opened.init();
    return opened;
  };
  const read = (file: string) => readFile(join(flowsDir, file), 'utf8');
  const times = async () => {
    const names = (await readdir(flowsDir, { recursive: true })).filter((name) => name.endsWith('.json'));
    return new Map(
      await Promise.all(names.map(async (name) => [name, (await stat(join(flowsDir, name))).ino] as const)),
    );
  };
  /** Files that were written anew (a durable write makes a new inode) or are gone. */
  const changedBy = async (work: () => Promise<void>) => {
    const before = await times();
    await work();
    const after = await times();
    return [...new Set([...before.keys(), ...after.keys()])]
      .filter((name) => before.get(name) !== after.get(name))
      .sort();
  };
  const change = (id: string, more: Partial<FlowElement>) =>
    FLOWS.map((one) => (one.id === id ? { ...one, ...more } : one));
  const byId = (flows: FlowElement[]) => new Map(flows.map((one) => [one.id, one]));

  beforeEach(async () => {
    root = await temporaryFolder('storage');
    flowsDir = join(root, 'flows');
    lines = [];
    storage = await open();
    await storage.getFlows();
    await storage.saveFlows(FLOWS);
  });

  it('keeps one file a tab, one a subflow, one for the rest, and the order', async () => {
    assert.deepEqual((await readdir(join(flowsDir, 'server'))).sort(), [
      '_global.json',
      '_index.json',
      'front-door.json',
      'subflow-blur.json',
      'yard-garden.json',
    ]);
    assert.deepEqual(JSON.parse(await read('server/_index.json')), {
      order: ['front-door.json', 'yard-garden.json', 'subflow-blur.json'],
    });
    const ids = (JSON.parse(await read('server/front-door.json')) as FlowElement[]).map(({ id }) => id);
    assert.deepEqual(ids, ['t1', 'g1', 'a', 'b']);
  });

  it('changes exactly one file when one node was changed', async () => {
    assert.deepEqual(await changedBy(() => storage.saveFlows(change('b', { name: 'new' }))), [
      'server/front-door.json',
    ]);
    assert.deepEqual(await changedBy(() => storage.saveFlows(change('b', { name: 'new' }))), []);
    assert.deepEqual(await changedBy(() => storage.saveFlows(change('c1', { name: 'other' }))), [
      'server/_global.json',
      'server/front-door.json',
    ]);
  });

  it('changes only the lines of the node, whatever order the editor sends nodes and keys in', async () => {
    const before = (await read('server/front-door.json')).split('\n');
    const turned = change('b', { name: 'new' })
      .toReversed()
      .map((one) => Object.fromEntries(Object.entries(one).toReversed()) as FlowElement);
    await storage.saveFlows(turned);
    const after = (await read('server/front-door.json')).split('\n');
    assert.equal(after.length, before.length);
    assert.deepEqual(
      after.filter((line, at) => line !== before[at]).map((line) => line.trim()),
      ['"name": "new",'],
    );
  });

  it('gives back after a restart what was saved', async () => {
    const again = await (await open()).getFlows();
    assert.deepEqual(byId(again), byId(FLOWS));
    assert.deepEqual(
      again.filter(({ type }) => type === 'tab').map(({ id }) => id),
      ['t1', 't2'],
    );
  });

  it('keeps the file of a tab that was renamed', async () => {
    assert.deepEqual(await changedBy(() => storage.saveFlows(change('t1', { label: 'Back door' }))), [
      'server/front-door.json',
    ]);
  });

  it('removes the file of a deleted tab and gives a new one of the same name a name of its own', async () => {
    const without = FLOWS.filter(({ id, z }) => id !== 't2' && z !== 't2');
    assert.deepEqual(await changedBy(() => storage.saveFlows(without)), [
      'server/_index.json',
      'server/yard-garden.json',
    ]);
    await storage.saveFlows([...without, tab('t3', 'Front door')]);
    assert.match(await read('server/front-door-2.json'), /"t3"/);
  });

  it('remembers the order of tabs', async () => {
    const [first, second, ...rest] = FLOWS;
    assert.ok(first && second);
    assert.deepEqual(await changedBy(() => storage.saveFlows([second, first, ...rest])), ['server/_index.json']);
    const tabs = (await (await open()).getFlows()).filter(({ type }) => type === 'tab');
    assert.deepEqual(
      tabs.map(({ id }) => id),
      ['t2', 't1'],
    );
  });

  it('never writes credentials among the flows, and keeps them, settings and sessions to the owner', async () => {
    await storage.saveFlows(change('c1', { credentials: { password: 'hunter2' } }));
    await storage.saveCredentials({ $: 'encrypted' });
    await storage.saveSettings({ nodes: {} });
    await storage.saveSessions({ abc: { user: 'admin' } });
    assert.doesNotMatch(await read('server/_global.json'), /hunter2|credentials/);
    for (const name of ['credentials.json', 'settings.json', 'sessions.json']) {
      assert.equal((await stat(join(root, name))).mode & 0o777, 0o600, name);
    }
    assert.deepEqual(await (await open()).getCredentials(), { $: 'encrypted' });
  });

  it('leaves a file that was formatted by hand as it is until something in it changes', async () => {
    const own =
      '[{"type":"tab","id":"t9","label":"Mine","wires":[]},\n {"wires":[[]],"id":"z","type":"change","z":"t9","y":1,"x":1}]';
    await writeFile(join(flowsDir, 'server/mine.json'), own);
    const again = await open();
    const flows = await again.getFlows();
    await again.saveFlows(flows.map((one) => (one.id === 'a' ? { ...one, name: 'x' } : one)));
    assert.equal(await read('server/mine.json'), own);
  });

  it('loads after a crash between two files: unknown ones come last, missing ones are forgotten', async () => {
    await writeFile(join(flowsDir, 'server/another.json'), JSON.stringify([tab('t8', 'Another')]));
    await rm(join(flowsDir, 'server/front-door.json'));
    await writeFile(join(flowsDir, 'server/.x.json.0123456789ab.tmp'), '[{');
    const again = await open();
    const flows = await again.getFlows();
    assert.deepEqual(
      flows.filter(({ type }) => type === 'tab').map(({ id }) => id),
      ['t2', 't8'],
    );
    assert.equal(
      (await readdir(join(flowsDir, 'server'))).some((name) => name.endsWith('.tmp')),
      false,
    );
  });

  it('loads without an index, and with a broken one', async () => {
    await rm(join(flowsDir, 'server/_index.json'));
    assert.equal((await (await open()).getFlows()).length, FLOWS.length);
    await writeFile(join(flowsDir, 'server/_index.json'), '{"order":');
    assert.equal((await (await open()).getFlows()).length, FLOWS.length);
    assert.match(lines.join(), /order of the tabs/);
  });

  it('sets a broken file aside, says so, and loads the rest', async () => {
    await writeFile(join(flowsDir, 'server/front-door.json'), '<<<<<<< HEAD\n[]');
    const again = await open();
    const flows = await again.getFlows();
    assert.deepEqual(
      flows.filter(({ type }) => type === 'tab').map(({ id }) => id),
      ['t2'],
    );
    assert.match(await read('server/front-door.json.aside-1'), /HEAD/);
    assert.match(lines.join(), /front-door\.json is not JSON/);
    await again.saveFlows(flows);
    assert.match(await read('server/front-door.json.aside-1'), /HEAD/);
  });

  it('sets a copy with the same nodes aside', async () => {
    await cp(join(flowsDir, 'server/front-door.json'), join(flowsDir, 'server/zz-copy.json'));
    assert.equal((await (await open()).getFlows()).length, FLOWS.length);
    assert.match(lines.join(), /zz-copy\.json holds node t1/);
  });

  it('refuses to overwrite or delete what somebody else wrote meanwhile, and takes it once it was loaded', async () => {
    const theirs = '[{"id":"t1","type":"tab","label":"theirs"}]';
    await writeFile(join(flowsDir, 'server/front-door.json'), theirs);
    const both = change('b', { name: 'ours' }).map((one) => (one.id === 'd' ? { ...one, name: 'ours too' } : one));
    for (const flows of [both, FLOWS.filter(({ id, z }) => id !== 't1' && z !== 't1')])
      assert.deepEqual(
        await changedBy(() =>
          assert.rejects(storage.saveFlows(flows), (error: Error & { code: string }) => {
            assert.equal(error.code, 'flow.conflict');
            assert.match(error.message, /server\/front-door\.json changed on disk .*Restart Flows/);
            return true;
          }),
        ),
        [],
      );
    assert.equal(await read('server/front-door.json'), theirs);
    await storage.saveFlows(change('d', { name: 'ours too' }));
    assert.equal(await read('server/front-door.json'), theirs, 'another tab is saved meanwhile');
    const loaded = await storage.getFlows();
    assert.equal(byId(loaded).get('t1')?.label, 'theirs');
    await storage.saveFlows(loaded.map((one) => (one.id === 't1' ? { ...one, label: 'merged' } : one)));
    assert.match(await read('server/front-door.json'), /merged/);
  });

  it('cuts a file that holds several tabs into one a tab', async () => {
    await writeFile(
      join(flowsDir, 'server/two.json'),
      JSON.stringify([tab('t5', 'Five'), tab('t6', 'Six'), node('f', 't6')]),
    );
    const again = await open();
    await again.saveFlows(await again.getFlows());
    assert.match(await read('server/six.json'), /"f"/);
    assert.doesNotMatch(await read('server/two.json'), /"f"/);
    assert.deepEqual(lines, []);
  });

  it('refuses what is no list of nodes, and writes nothing', async () => {
    for (const flows of [{}, [{ type: 'tab' }], ['x'], null]) {
      assert.deepEqual(
        await changedBy(() => assert.rejects(storage.saveFlows(flows as never), { code: 'flow.invalid' })),
        [],
      );
    }
  });

  it('lets a check refuse flows before anything is written', async () => {
    const strict = await open(() => {
      throw new Error('not on my watch');
    });
    await strict.getFlows();
    assert.deepEqual(await changedBy(() => assert.rejects(strict.saveFlows([]), /not on my watch/)), []);
  });

  describe('with tabs of the edge', () => {
    beforeEach(async () => {
      await mkdir(join(flowsDir, 'edge'), { recursive: true });
      const edge = [tab('e1', 'Pi'), { id: 'cam', type: 'camera', camera: 'gate' }, node('p', 'e1')];
      await writeFile(join(flowsDir, 'edge/pi.json'), JSON.stringify(edge));
      storage = await open();
    });

    it('shows them disabled, with their config nodes scoped to them', async () => {
      const flows = byId(await storage.getFlows());
      assert.equal(flows.get('e1')?.disabled, true);
      assert.equal(flows.get('cam')?.z, 'e1');
    });

    it('writes them without the mark of the server', async () => {
      const flows = await storage.getFlows();
      const changed = await changedBy(() =>
        storage.saveFlows(flows.map((one) => (one.id === 'p' ? { ...one, name: 'edited' } : one))),
      );
      assert.deepEqual(changed, ['edge/pi.json']);
      const [written] = JSON.parse(await read('edge/pi.json')) as FlowElement[];
      assert.deepEqual(written, { id: 'e1', type: 'tab', label: 'Pi' });
    });

    it('keeps the config nodes that only they name from running on the server, in a file of the edge', async () => {
      const flows = [
        ...(await storage.getFlows()),
        { id: 'own', type: 'camera', name: 'of one tab' },
        { id: 'deep', type: 'camera', name: 'named by a config node' },
        { id: 'both', type: 'camera', deep: 'deep', name: 'of two tabs' },
        { id: 'used', type: 'camera', name: 'of both sides' },
        { id: 'free', type: 'camera', name: 'of nobody' },
        tab('e2', 'Pi 2', { disabled: true, env: [{ name: 'RUNS_ON', value: 'edge', type: 'str' }] }),
        node('q', 'e1', { camera: 'own', other: 'both' }),
        node('r', 'e2', { camera: { nested: ['both', 'used'] } }),
        node('s', 't1', { camera: 'used' }),
      ];
      await storage.saveFlows(flows);
      const ids = async (file: string) => (JSON.parse(await read(file)) as FlowElement[]).map(({ id }) => id);
      assert.deepEqual(await ids('edge/_global.json'), ['deep', 'both']);
      assert.deepEqual(await ids('server/_global.json'), ['c1', 'used', 'free']);
      assert.ok((await ids('edge/pi.json')).includes('own'));
      const again = await open();
      const loaded = byId(await again.getFlows());
      assert.deepEqual([loaded.get('both')?.d, loaded.get('deep')?.d], [true, true]);
      assert.deepEqual(
        [loaded.get('own')?.z, loaded.get('used')?.d, loaded.get('free')?.d],
        ['e1', undefined, undefined],
      );
      assert.deepEqual(await changedBy(() => again.saveFlows([...loaded.values()])), []);
      assert.doesNotMatch(await read('edge/_global.json'), /"d"/);
    });

    it('refuses to run one on the server', async () => {
      const flows = (await storage.getFlows()).map((one) => (one.id === 'e1' ? { ...one, disabled: false } : one));
      await assert.rejects(storage.saveFlows(flows), /"Pi" runs on the edge/);
    });

    it('moves a tab to the side its variable RUNS_ON names', async () => {
      const mark = [{ name: 'RUNS_ON', value: 'edge', type: 'str' }];
      const flows = (await storage.getFlows()).map((one) =>
        one.id === 't1' ? { ...one, disabled: true, env: mark } : one.id === 'e1' ? { ...one, env: [] } : one,
      );
      await storage.saveFlows(flows);
      assert.match(await read('edge/front-door.json'), /"t1"/);
      assert.match(await read('server/pi.json'), /"e1"/);
      const again = byId(await (await open()).getFlows());
      assert.equal(again.get('t1')?.disabled, true);
      assert.equal(again.size, flows.length);
    });
  });

  it('keeps what people put into the library, inside its folder', async () => {
    await storage.saveLibraryEntry('functions', 'mine/sum.js', { outputs: 1 }, 'return msg;');
    assert.deepEqual(await storage.getLibraryEntry('functions', ''), ['mine']);
    assert.deepEqual(await storage.getLibraryEntry('functions', 'mine'), [{ outputs: 1, fn: 'sum.js' }]);
    assert.equal(await storage.getLibraryEntry('functions', 'mine/sum.js'), 'return msg;');
    assert.deepEqual(await storage.getLibraryEntry('flows', ''), []);
    await assert.rejects(storage.saveLibraryEntry('functions', '../../x', {}, ''), { code: 'flow.invalid' });
    await assert.rejects(storage.getLibraryEntry('..', 'x'), { code: 'flow.invalid' });
  });
});
