import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { diffOf, flowsFor, readEdgeFlows } from '../../../../runtime/fleet/deployments/edge-tabs.ts';
import { isMeant, ringsOf } from '../../../../runtime/fleet/deployments/rings.ts';
import { parseSigningKeyFile } from '../../../../runtime/fleet/deployments/signing-keys.ts';
import { asLoaded, flowFileText, partsOf, targetsOf } from '../../../../runtime/flow-engine/flow-files.ts';
import { canonicalJson, contentHash } from '../../../../runtime/lib/canonical-json.ts';
import { ensureFolder } from '../../../../runtime/lib/files.ts';
import { isBundleSigned, isSuccessor } from '../../../../runtime/lib/signatures.ts';
import { temporaryFolder } from '../../../support/folders.ts';

describe('where a tab runs', () => {
  const tab = (value?: string) => ({
    id: 't',
    type: 'tab',
    label: 'T',
    ...(value && { env: [{ name: 'RUNS_ON', value, type: 'str' }] }),
  });

  it('is read from its variable, kept in its file when it names somebody, and shown in the editor', () => {
    for (const [value, targets] of [
      [undefined, ['all']],
      ['edge: group/gate, device/pi-7', ['group/gate', 'device/pi-7']],
    ] as const) {
      const [shown] = asLoaded([tab(value)], 'edge');
      assert.ok(shown);
      assert.equal(shown.disabled, true);
      assert.deepEqual(targetsOf(shown), targets);
      const [part] = partsOf([shown]);
      assert.equal(part?.side, 'edge');
      assert.deepEqual(JSON.parse(flowFileText(part?.elements ?? [])), [tab(value)], 'the file is as it was');
    }
    assert.throws(() => targetsOf(tab('edge: everybody')), { code: 'flow.invalid' });
    assert.equal(partsOf([tab('server')])[0]?.side, 'server');
  });

  it('brings each device its tabs, and the subflows that they use', async () => {
    const folder = await temporaryFolder('tabs');
    for (const side of ['edge', 'server']) await ensureFolder(join(folder, side));
    const put = (name: string, elements: object[]) => writeFile(join(folder, name), JSON.stringify(elements));
    await put('edge/one.json', [tab(), { id: 'n', type: 'subflow:s1', z: 't' }]);
    await put('edge/_global.json', [{ id: 'g', type: 'mqtt-broker' }]);
    await put('server/sub.json', [
      { id: 's1', type: 'subflow', name: 'S' },
      { id: 'i', type: 'subflow:s2', z: 's1' },
    ]);
    await put('server/sub2.json', [{ id: 's2', type: 'subflow', name: 'S2' }]);
    await put('server/sub3.json', [{ id: 's3', type: 'subflow', name: 'unused' }]);
    const flows = flowsFor(await readEdgeFlows(folder), { id: 'pi', groups: [] });
    assert.deepEqual(
      flows.map(({ id }) => id),
      ['t', 'n', 'g', 's1', 'i', 's2'],
    );
    await put('edge/two.json', [{ id: 'n', type: 'comment' }]);
    await assert.rejects(readEdgeFlows(folder), /two files in edge\/ hold the node n/);
  });

  it('tells what changes by the names of tabs', () => {
    const before = [tab(), { id: 'n', type: 'comment', z: 't' }, { id: 'u', type: 'tab', label: 'U' }];
    const after = [tab(), { id: 'n', type: 'comment', z: 't', name: 'new' }, { id: 'v', type: 'tab', label: 'V' }];
    assert.deepEqual(diffOf(before, after), { added: ['V'], changed: ['T'], removed: ['U'] });
    assert.deepEqual(diffOf(before, before), { added: [], changed: [], removed: [] });
    assert.deepEqual(diffOf(undefined, [tab()]), { added: ['T'], changed: [], removed: [], first: true });
  });
});

describe('rings', () => {
  const devices = Array.from({ length: 10 }, (_, n) => ({ id: `pi-${n}`, groups: n === 7 ? ['gate'] : [] }));
  it('hold each device once, targets first, then shares, then the rest', () => {
    const rings = ringsOf(devices, ['group/gate', 'group/none', 0.5]);
    const sizes = [0, 1, 2].map((ring) => [...rings.values()].filter((one) => one === ring).length);
    assert.deepEqual([rings.get('pi-7'), sizes], [0, [1, 4, 5]]);
    assert.deepEqual(new Set(ringsOf(devices).values()), new Set([0]));
    assert.ok(isMeant('all', { id: 'x', groups: [] }) && !isMeant('device/y', { id: 'x', groups: ['y'] }));
  });
});

describe('canonical JSON', () => {
  it('is one text for one value, as RFC 8785 has it', () => {
    const value = {
      b: [1e21, 0.000001, -0, 4.5],
      a: { '\u20ac': 1, '\r': 2, '1': 3, ö: 4, '\ud83d\ude00': 5, '\ufb33': 6 },
    };
    assert.equal(
      canonicalJson(value),
      '{"a":{"\\r":2,"1":3,"ö":4,"€":1,"😀":5,"\ufb33":6},"b":[1e+21,0.000001,0,4.5]}',
    );
    assert.equal(contentHash({ a: 1, b: undefined, c: [] }), contentHash({ c: [], a: 1 }));
    for (const bad of [Number.NaN, [undefined], '\ud800', 1n, () => 1])
      assert.throws(() => canonicalJson(bad), TypeError);
  });
});

describe('npm run sign', () => {
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [resolve(import.meta.dirname, '../../../../runtime/cli/sign.ts'), ...args]);

  it('makes a key, another that the first vouches for, and signs what it has looked at', async () => {
    const folder = await temporaryFolder('sign');
    const [one, two, input, output] = ['one', 'two', 'in', 'out'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ];
    await run('--new', one);
    assert.equal((await stat(one)).mode & 0o777, 0o600);
    await assert.rejects(run('--new', one), /EEXIST/);
    await run('--rotate', one, two);
    const old = parseSigningKeyFile(await readFile(one, 'utf8'), one);
    const next = parseSigningKeyFile(await readFile(two, 'utf8'), two);
    assert.ok(next.successorOf && isSuccessor(old.signer, next.successorOf));
    const { makeBundle, ID } = await import('../../../edge/agent/rollout/bundles.ts');
    const { message, text } = makeBundle(old.signer, { generation: 3 });
    const statement = { device: 'pi', generation: 3, id: ID, sha256: message.sha256, size: message.size };
    const request = (bundle: string) =>
      writeFile(input, JSON.stringify({ v: 1, deployment: ID, bundles: [{ statement, bundle }] }));
    await request(text);
    const { stdout } = await run('--key', two, input, output);
    assert.match(stdout, /pi: Tab \(\d+ bytes\)/);
    const { key, signatures } = JSON.parse(await readFile(output, 'utf8'));
    assert.deepEqual(key, next.successorOf);
    assert.ok(isBundleSigned(next.signer.public_key, statement, signatures[0].signature));
    await request(text.replace('Tab', 'Bat'));
    await assert.rejects(run('--key', two, input, output), /is something else/);
  });
});
