import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { commitOf, createCommitWatch } from '../../runtime/lib/git-commit.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/folders.ts';
import { until } from '../support/until.ts';

const HOOK = resolve(import.meta.dirname, '../../deploy/git/pre-commit');
const FLOW = resolve(import.meta.dirname, '../../flows/edge/capture.json');

describe('flows under git', () => {
  let folder: string;
  const git = (...args: string[]) => {
    const own = ['-c', 'user.name=anna', '-c', 'user.email=anna@example.com', '-c', 'commit.gpgsign=false'];
    const { status, stdout, stderr } = spawnSync('git', ['-C', folder, ...own, ...args], { encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const commit = async (name: string, text: string) => {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
    git('add', '-A');
    const done = git('commit', '-m', name);
    if (done.status !== 0) {
      git('reset', '-q', '--', name);
      git('clean', '-fdq');
    }
    return done;
  };

  beforeEach(async () => {
    folder = await temporaryFolder('flows-git');
    git('init', '-q');
    await mkdir(join(folder, '.git/hooks'), { recursive: true });
    await cp(HOOK, join(folder, '.git/hooks/pre-commit'));
    await mkdir(join(folder, 'edge'));
  });

  it('are committed as they are shipped', async () => {
    const done = await commit('edge/capture.json', await readFile(FLOW, 'utf8'));
    assert.deepEqual([done.status, done.stderr], [0, '']);
  });

  it('are not committed with a credential, which is named by its place and not shown', async () => {
    const secrets: [string, string][] = [
      ['device key', `rdk_0a1b2c3d_${'x'.repeat(43)}`],
      ['app password', `rap_0a1b2c3d_${'x'.repeat(43)}`],
      ['camera key', `CAM_${'y'.repeat(30)}`],
      ['private key', '-----BEGIN PRIVATE KEY-----'],
      ['address with a password', 'rtsp://admin:geheim42@10.0.0.9/stream'],
      ['token', `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`],
    ];
    for (const [what, secret] of secrets) {
      const done = await commit('edge/a.json', `[\n {"id":"n","type":"comment"},\n {"id":"m","info":"${secret}"}\n]\n`);
      assert.equal(done.status, 1, what);
      assert.match(done.stderr, /^edge\/a\.json:3: looks like a credential$/m, what);
      assert.ok(!done.stderr.includes(secret), what);
    }
    for (const field of [
      '"credentials":{"user":"anna"}',
      '"password": "correct horse"',
      '"streamKey":"abcd-efgh-ijkl"',
    ])
      assert.equal((await commit('edge/a.json', `{${field}}\n`)).status, 1, field);
    for (const name of ['secrets.json', 'signing-key.json', 'flows_cred.json', 'edge.env', 'tls.key'])
      assert.match(
        (await commit(name, '{}\n')).stderr,
        new RegExp(`^${name.replace('.', '\\.')}: a file of secrets`, 'm'),
      );
  });

  it('may be committed with what only looks a little like one', async () => {
    const harmless = [
      '"url":"rtsp://10.0.0.9/stream"',
      '"password":""',
      '"token":"${TOKEN_OF_ENV}"',
      '"info":"a key: turn it"',
    ];
    for (const text of harmless) assert.deepEqual((await commit('edge/a.json', `{${text}}\n`)).stderr, '', text);
    // What stands there already is not its business.
    await writeFile(join(folder, 'old.json'), `{"password":"from long ago"}\n`);
    git('add', '-A');
    git('commit', '-q', '--no-verify', '-m', 'old');
    assert.equal((await commit('edge/b.json', '{}\n')).status, 0);
  });

  it('tell their commit, a minute late at most, and none where there is no checkout', async () => {
    assert.equal(await commitOf(folder), undefined, 'nothing was committed yet');
    await commit('edge/a.json', '{}\n');
    const first = git('rev-parse', 'HEAD').stdout.trim();
    assert.equal(await commitOf(join(folder, 'edge')), first);
    assert.equal(await commitOf(await temporaryFolder('plain')), undefined);
    const clock = new FakeClock();
    const watch = createCommitWatch({ folder, clock });
    await watch.start();
    assert.equal(watch.current(), first);
    await commit('edge/a.json', '{"a":1}\n');
    const second = git('rev-parse', 'HEAD').stdout.trim();
    assert.equal(watch.current(), first);
    await clock.advance(60_000);
    await until('the new commit', () => watch.current() === second);
    await watch.stop();
  });
});
