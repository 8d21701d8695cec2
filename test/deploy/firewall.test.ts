import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { systemClock } from '../../runtime/lib/clock.ts';
import { probeTurn } from '../../runtime/media/turn/probe.ts';
import { turnCredentials } from '../../runtime/media/whep/turn-credentials.ts';
import { temporaryFolder } from '../support/folders.ts';
import { freePorts } from '../support/ports.ts';
import { until } from '../support/until.ts';

const FOLDER = resolve(import.meta.dirname, '../../deploy');

describe('what stands between Redeye and the world', () => {
  it('the firewall list is understood by nftables, and a broken one is not', () => {
    const check = (text: string[]) => spawnSync('unshare', ['-rn', 'nft', '-c', ...text], { encoding: 'utf8' });
    const { status, stderr } = check(['-f', join(FOLDER, 'firewall/redeye.nft')]);
    if (status === 127 || /not permitted|No such file/.test(stderr)) {
      process.stdout.write('      nft, or a network of its own, is not to be had here: redeye.nft was not checked\n');
      return;
    }
    assert.deepEqual([status, stderr], [0, '']);
    assert.notEqual(check(['add rule inet nothing input accept']).status, 0);
  });

  it('coturn starts with the shipped configuration and takes our credentials, and no others', async function () {
    this.timeout(20_000);
    const [port = 0, tls = 0] = await freePorts(2);
    const folder = await temporaryFolder('turnserver');
    const here = {
      'listening-port': port,
      'tls-listening-port': tls,
      'listening-ip': '127.0.0.1',
      'relay-ip': '127.0.0.1',
      'static-auth-secret': 'a secret of this test',
      realm: 'redeye.test',
      pidfile: join(folder, 'pid'),
      userdb: join(folder, 'db'),
      'log-file': 'stdout',
    };
    const given = Object.entries(here).map(([name, value]) => `--${name}=${value}`);
    const args = ['-c', join(FOLDER, 'compose/turnserver.conf'), ...given];
    const child = spawn('turnserver', args, { cwd: folder, stdio: ['ignore', 'ignore', 'ignore'] });
    try {
      const url = `turn:127.0.0.1:${port}?transport=tcp`;
      const state = async (secret: string) =>
        (await probeTurn({ url, ...turnCredentials(secret, 'anna', Date.now() + 60_000) }, systemClock)).state;
      await until('it takes ours', async () => {
        assert.equal(child.exitCode, null, 'it runs');
        return (await state('a secret of this test')) === 'open';
      });
      assert.equal(await state('another'), 'refused');
    } finally {
      child.kill('SIGKILL');
    }
  });
});
