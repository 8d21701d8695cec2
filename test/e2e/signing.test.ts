import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandRecord } from '../../runtime/contracts/commands.ts';
import type { DeploymentRecord } from '../../runtime/contracts/deployments.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { ROOT } from '../support/programs.ts';
import { EdgeUnderTest, ServerUnderTest } from '../support/servers.ts';

describe('a server that holds no signing key, and a device', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  let edge: EdgeUnderTest;
  let folder: string;
  const file = (name: string) => join(folder, name);
  /** The command line on the machine that has the key. */
  const sign = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'dist/runtime/cli/sign.js'), ...args], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
  };
  const deploy = async (env: Record<string, string>) => {
    const made = await server.api.post<DeploymentRecord>('/deployments', { target: 'device/pi', env });
    assert.equal(made.state, 'unsigned');
    return made.id;
  };
  const signed = async (id: string, key: string) => {
    const request = await server.api.get<object>(`/deployments/${id}/signing-request`);
    await writeFile(file('in.json'), JSON.stringify(request));
    sign('--key', file(key), file('in.json'), file('out.json'));
    return JSON.parse(await readFile(file('out.json'), 'utf8')) as object;
  };
  const active = (id: string) =>
    server.program.while('the device runs it', async () => {
      const now = await server.api.get<DeploymentRecord>(`/deployments/${id}`);
      assert.notEqual(now.state, 'failed', now.devices[0]?.reason ?? '');
      return now.state === 'done' && now.devices[0]?.state === 'active';
    });

  before(async () => {
    folder = await temporaryFolder('signing');
    server = await ServerUnderTest.start({ DATABASE_URL: (await startPostgres()).url(), SIGNING_KEY_FILE: '' });
    const made = await server.device('pi');
    await server.api.put('/devices/pi/config', { capture_interval_s: 0.5 });
    const late = await server.api.post<CommandRecord>('/devices/pi/commands', { name: 'restart', ttl_s: 1 });
    const kept = await server.api.post<CommandRecord>('/devices/pi/commands', { name: 'logs', args: { seconds: 3 } });
    assert.deepEqual([late.state, kept.state], ['queued', 'queued']);
    const stateOf = async ({ id }: CommandRecord) => (await server.api.get<CommandRecord>(`/commands/${id}`)).state;
    await server.program.while('the late one is told', async () => (await stateOf(late)) === 'expired');
    edge = await EdgeUnderTest.start(server, made, 'sim:gradient', { PROBATION_S: '1' });
    await server.program.while('the kept one is done', async () => (await stateOf(kept)) === 'done');
    assert.equal(await stateOf(late), 'expired');
    await server.program.while('frames', async () => (await server.api.lastSeq('pi')) > 1);
  });
  after(async () => {
    await edge?.end();
    await server?.end();
  });

  it('deploys what was signed elsewhere, from the first key on to one that the first vouches for', async () => {
    sign('--new', file('first.json'));
    sign('--rotate', file('first.json'), file('second.json'));
    const one = await deploy({ N: '1' });
    await server.api.post(`/deployments/${one}/signatures`, await signed(one, 'first.json'));
    await active(one);
    const two = await deploy({ N: '2' });
    await server.api.post(`/deployments/${two}/signatures`, await signed(two, 'second.json'));
    await active(two);
  });

  it('takes no signature of a key that nobody vouches for, and what waits can be called off', async () => {
    sign('--new', file('stranger.json'));
    const id = await deploy({ N: '3' });
    const answer = await signed(id, 'stranger.json');
    await assert.rejects(
      server.api.post(`/deployments/${id}/signatures`, answer),
      /signature_invalid|not the one that/,
    );
    assert.equal((await server.api.get<DeploymentRecord>(`/deployments/${id}`)).state, 'unsigned');
    const after = await server.api.post<DeploymentRecord>(`/deployments/${id}/abort`, {});
    assert.deepEqual([after.state, after.devices[0]?.state], ['aborted', 'aborted']);
  });

  it('refuses a reboot that the settings of the device do not allow, and says what a command brought', async () => {
    const { id } = await server.api.post<CommandRecord>('/devices/pi/commands', { name: 'reboot' });
    const done = await server.program.while('the device refused', async () => {
      const now = await server.api.get<CommandRecord>(`/commands/${id}`);
      return now.state === 'failed' && now;
    });
    assert.equal(done.code, 'command.forbidden');
  });
});
