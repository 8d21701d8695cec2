import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { NODE_TYPES } from '../../runtime/contracts/node-types.ts';
import { temporaryFolder } from '../support/folders.ts';
import { freePorts, Program, ROOT } from '../support/programs.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const STILL = [
  { id: 'tab', type: 'tab', label: 'Still' },
  { id: 'in', type: 'http in', z: 'tab', url: '/still', method: 'get', wires: [['cam']] },
  { id: 'cam', type: 'camera-capture', z: 'tab', version: 1, camera: '', interval_s: 0, wires: [['seen']] },
  { id: 'seen', type: 'delta-detect', z: 'tab', version: 1, wires: [['out'], []] },
  { id: 'up', type: 'frame-upload', z: 'tab', version: 1, wires: [] },
  { id: 'out', type: 'http response', z: 'tab', wires: [] },
];

describe('the nodes as a package, in a Node-RED that is not ours', function () {
  this.timeout(60_000);
  let program: Program;
  let url: string;
  let modules: string;

  before(async () => {
    const folder = await temporaryFolder('packed');
    const userDir = join(folder, '.node-red');
    modules = join(userDir, 'node_modules/node-red-contrib-redeye');
    await mkdir(modules, { recursive: true });
    await run(process.execPath, [join(ROOT, 'dist/runtime/cli/pack-nodes.js'), '--out', folder]);
    const [packed = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
    await run('tar', ['xzf', join(folder, packed), '-C', modules, '--strip-components=1']);
    // What npm would install is here already.
    const { dependencies } = JSON.parse(await readFile(join(modules, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) {
      const link = join(modules, 'node_modules', name);
      await mkdir(dirname(link), { recursive: true });
      await symlink(join(ROOT, 'node_modules', name), link);
    }
    const [port = 0] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    await writeFile(
      join(userDir, 'settings.js'),
      `module.exports = { uiPort: ${port}, uiHost: '127.0.0.1', flowFile: 'flows.json', telemetry: { enabled: false } };`,
    );
    await writeFile(join(userDir, 'flows.json'), JSON.stringify(STILL));
    program = new Program({
      name: 'node-red',
      file: '../node_modules/node-red/red.js',
      env: { HOME: folder, CAMERA: 'sim:gradient?width=160&height=90' },
      folder,
    });
    await program.while('its flows run', async () => {
      const answer = await fetch(`${url}/nodes`, { headers: { Accept: 'application/json' } }).catch(() => undefined);
      return answer?.ok === true;
    });
  });

  after(() => program?.end());

  it('registers every type, none of them with an error', async () => {
    const answer = await fetch(`${url}/nodes`, { headers: { Accept: 'application/json' } });
    const sets = (
      (await answer.json()) as { module: string; types: string[]; err?: string; enabled: boolean }[]
    ).filter(({ module }) => module === 'node-red-contrib-redeye');
    assert.deepEqual(
      sets.filter(({ err, enabled }) => err !== undefined || !enabled),
      [],
    );
    assert.deepEqual(sets.flatMap(({ types }) => types).sort(), Object.keys(NODE_TYPES).sort());
  });

  it('takes stills of the camera that the environment names', async () => {
    let still: Buffer = Buffer.alloc(0);
    await until(
      'a still',
      async () => {
        const answer = await fetch(`${url}/still`);
        still = Buffer.from(await answer.arrayBuffer());
        return answer.ok;
      },
      20_000,
    );
    const { format, width, height } = await sharp(still).metadata();
    assert.deepEqual([format, width, height], ['jpeg', 160, 90]);
  });

  it('holds nothing but what its nodes need, and its licence', async () => {
    const { scripts, private: isPrivate, license } = JSON.parse(await readFile(join(modules, 'package.json'), 'utf8'));
    assert.deepEqual([scripts, isPrivate, license], [undefined, undefined, 'Apache-2.0']);
    assert.deepEqual(
      (await readdir(join(modules, 'runtime'))).filter((name) => ['http', 'db', 'console'].includes(name)),
      [],
    );
  });
});
