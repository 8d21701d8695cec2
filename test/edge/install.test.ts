import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { temporaryFolder } from '../support/folders.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SCRIPT = join(ROOT, 'edge/install');

describe('edge/install', () => {
  let root: string;
  /** A release with nothing in it but what is looked for. */
  const release = async (version: string) => {
    const folder = join(await temporaryFolder('release'), `redeye-edge-${version}-arm64`);
    for (const part of ['dist/edge', 'node_modules/.bin', 'deploy', 'edge', 'docs'])
      await mkdir(join(folder, part), { recursive: true });
    await writeFile(join(folder, 'package.json'), `{\n  "name": "redeye",\n  "version": "${version}"\n}\n`);
    await writeFile(join(folder, 'dist/edge/main.js'), `// ${version}\n`);
    await writeFile(join(folder, 'node_modules/.bin/node'), '#!/bin/sh\n', { mode: 0o777 });
    await cp(join(ROOT, 'deploy/systemd'), join(folder, 'deploy/systemd'), { recursive: true });
    await cp(SCRIPT, join(folder, 'edge/install'));
    return folder;
  };
  const archive = async (version: string) => {
    const folder = await release(version);
    const file = `${folder}.tar.gz`;
    spawnSync('tar', ['-czf', file, '-C', join(folder, '..'), folder.split('/').pop() ?? '']);
    return file;
  };
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync('sh', [SCRIPT, ...args, '--destdir', root], { encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const read = (path: string) => readFile(join(root, path), 'utf8');
  const mode = async (path: string) => ((await stat(join(root, path))).mode & 0o777).toString(8);
  const runs = async () =>
    readFile(join(root, (await readlink(join(root, 'opt/redeye'))).slice(1), 'dist/edge/main.js'), 'utf8');

  beforeEach(async () => {
    root = await temporaryFolder('root');
  });

  it('and edge/release, and the check of both in a Debian of its own, are understood by a plain POSIX shell', () => {
    for (const file of [
      SCRIPT,
      join(ROOT, 'edge/release'),
      join(ROOT, 'edge/machine'),
      join(ROOT, 'test/deploy/debian-root'),
    ]) {
      const { status, stderr } = spawnSync('sh', ['-n', file], { encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, '']);
    }
  });

  it('brings every package that a part of the edge loads: what edge/release leaves out is loaded by the server only', async () => {
    const packages = new Set<string>();
    const seen = new Set<string>();
    const follow = async (file: string): Promise<void> => {
      if (seen.has(file)) return;
      seen.add(file);
      const text = await readFile(file, 'utf8');
      for (const [, name = ''] of text.matchAll(/(?:^import(?! type)[^;']*|^export [^;']*from |import\()'([^']+)'/gm)) {
        if (name.startsWith('.')) await follow(resolve(file, '..', name));
        else packages.add(name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
      }
    };
    for (const entry of ['edge/main.ts', 'edge/agent/run.ts', 'edge/runtime/main.ts']) await follow(join(ROOT, entry));
    for (const file of await readdir(join(ROOT, 'nodes'), { recursive: true }))
      if (file.endsWith('.ts')) await follow(join(ROOT, 'nodes', file));
    const left =
      /server_only='([^']+)'/.exec(await readFile(join(ROOT, 'edge/release'), 'utf8'))?.[1]?.split(' ') ?? [];
    const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    for (const found of ['mqtt', 'sharp', 'node-datachannel', 'node-red', 'typebox'])
      assert.ok(packages.has(found), `${found}: the imports are followed`);
    assert.deepEqual(
      left.filter((name) => packages.has(name) || !(name in dependencies)),
      [],
    );
  });

  it('puts a release, the unit, settings and itself in their places, and says what it would do to the machine', async () => {
    const done = run(
      'install',
      '--server',
      'https://redeye.example/here',
      '--camera',
      'rpicam:0',
      '--lan',
      await release('1.2.0'),
    );
    assert.deepEqual([done.status, done.stderr], [0, '']);
    assert.equal(await runs(), '// 1.2.0\n');
    assert.match(await readlink(join(root, 'opt/redeye')), /^\/opt\/redeye-releases\/1\.2\.0-\d{14}$/);
    const settings = await read('etc/redeye/edge.env');
    for (const line of [
      'SERVER_URL="https://redeye.example/here"',
      'CAMERA="rpicam:0"',
      'EDGE_HOST="0.0.0.0"',
      'TRUST_LAN="1"',
    ])
      assert.ok(settings.split('\n').includes(line), line);
    assert.deepEqual([await mode('etc/redeye/edge.env'), await mode('usr/local/sbin/redeye-edge')], ['600', '755']);
    assert.equal(
      await read('etc/systemd/system/redeye-edge.service'),
      await readFile(join(ROOT, 'deploy/systemd/redeye-edge.service'), 'utf8'),
    );
    for (const name of ['redeye-edge-machine.path', 'redeye-edge-machine.service']) {
      const place = `etc/systemd/system/${name}`;
      assert.deepEqual(
        [await read(place), await mode(place)],
        [await readFile(join(ROOT, 'deploy/systemd', name), 'utf8'), '644'],
      );
    }
    // Nobody but root may change what runs.
    assert.equal(
      await mode(
        join(
          'opt/redeye-releases',
          (await readdir(join(root, 'opt/redeye-releases')))[0] ?? '',
          'node_modules/.bin/node',
        ),
      ),
      '755',
    );
    for (const words of [
      /useradd --system .* redeye/,
      /usermod .*video redeye/,
      /systemctl enable redeye-edge/,
      /systemctl restart redeye-edge/,
      /apt-get install .*ffmpeg/,
    ])
      assert.match(done.stdout, words);
  });

  it('takes an archive for an update, keeps settings, and two releases', async () => {
    assert.equal(run('install', '--server', 'http://10.0.0.2:1880', await release('1.2.0')).status, 0);
    await writeFile(join(root, 'etc/redeye/edge.env'), `${await read('etc/redeye/edge.env')}LOG_LEVEL=debug\n`);
    for (const version of ['1.3.0', '1.4.0']) {
      const done = run('update', await archive(version));
      assert.deepEqual([done.status, done.stderr], [0, '']);
    }
    assert.equal(await runs(), '// 1.4.0\n');
    assert.match(await read('etc/redeye/edge.env'), /SERVER_URL="http:\/\/10\.0\.0\.2:1880"\nLOG_LEVEL=debug/);
    const kept = (await readdir(join(root, 'opt/redeye-releases'))).map((name) => name.split('-')[0]).sort();
    assert.deepEqual(kept, ['1.3.0', '1.4.0']);
    assert.equal(run('install', await release('1.5.0')).status, 0, 'a server that is known need not be given again');
    assert.equal((await read('etc/redeye/edge.env')).match(/SERVER_URL/g)?.length, 1);
  });

  it('updates itself while the shell reads it', async () => {
    assert.equal(run('install', '--server', 'http://10.0.0.2:1880', await release('1.2.0')).status, 0);
    const next = await release('1.3.0');
    const script = await readFile(SCRIPT, 'utf8');
    await writeFile(join(next, 'edge/install'), script.replace('\n', `\n${'# a longer one\n'.repeat(500)}`));
    const tool = join(root, 'usr/local/sbin/redeye-edge');
    const done = spawnSync('sh', [tool, 'update', next, '--destdir', root], { encoding: 'utf8' });
    assert.deepEqual([done.status, done.stderr], [0, '']);
    assert.match(done.stdout, /Redeye 1\.3\.0 runs/);
    assert.match(await readFile(tool, 'utf8'), /a longer one/);
  });

  it('takes itself away again: with --purge what it kept, too', async () => {
    run('install', '--server', 'http://10.0.0.2:1880', await release('1.2.0'));
    await mkdir(join(root, 'var/lib/redeye-edge/spool'), { recursive: true });
    assert.match(run('uninstall').stdout, /would run: systemctl disable --now redeye-edge/);
    for (const gone of [
      'opt/redeye',
      'opt/redeye-releases',
      'etc/systemd/system/redeye-edge.service',
      'etc/systemd/system/redeye-edge-machine.path',
      'etc/systemd/system/redeye-edge-machine.service',
      'usr/local/sbin/redeye-edge',
    ])
      await assert.rejects(stat(join(root, gone)), gone);
    await stat(join(root, 'var/lib/redeye-edge/spool'));
    await stat(join(root, 'etc/redeye/edge.env'));
    run('uninstall', '--purge');
    await assert.rejects(stat(join(root, 'var/lib/redeye-edge')));
    await assert.rejects(stat(join(root, 'etc/redeye/edge.env')));
  });

  it('refuses what it cannot do, in words, and touches nothing then', async () => {
    const good = await release('1.2.0');
    const cases: [string[], RegExp][] = [
      [['install', good], /where is the server/],
      [['install', '--server', 'ftp://x', good], /http:\/\/… or https/],
      [['install', '--server', 'http://x"\nCAMERA=evil', good], /no quotes/],
      [['install', '--server', 'http://$(reboot)', good], /no quotes/],
      [['install', '--server', 'http://x', await temporaryFolder('empty')], /is no release: package\.json is missing/],
      [['install', '--server', 'http://x', '/no/such.tar.gz'], /is not there/],
      [['update', good], /nothing is installed/],
      [['--wat'], /unknown option/],
    ];
    for (const [args, words] of cases) {
      const { status, stderr } = run(...args);
      assert.equal(status, 1, args.join(' '));
      assert.match(stderr, words);
    }
    assert.deepEqual(await readdir(root), []);
  });
});
