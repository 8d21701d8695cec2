import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { temporaryFolder } from '../support/folders.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'deploy/systemd');
const units = ['redeye-edge.service', 'redeye-server.service'];

describe('systemd units', () => {
  it('are there for both sides', () => {
    const machine = ['redeye-edge-machine.path', 'redeye-edge-machine.service'];
    assert.deepEqual(readdirSync(FOLDER).sort(), [...machine, ...units].sort());
  });

  for (const name of units) {
    const text = readFileSync(join(FOLDER, name), 'utf8');

    it(`${name} runs the built product with its own Node, and is held in`, () => {
      const [, program = ''] =
        /^ExecStart=\/opt\/redeye\/node_modules\/\.bin\/node (?:--[a-z-]+ )*dist\/(\S+)\.js$/m.exec(text) ?? [];
      assert.ok(readFileSync(join(ROOT, `${program}.ts`)).length > 0);
      for (const line of [
        /^User=redeye$/m,
        /^WorkingDirectory=\/opt\/redeye$/m,
        /^EnvironmentFile=-/m,
        /^Restart=always$/m,
        /^StartLimitIntervalSec=0$/m,
        /^NoNewPrivileges=yes$/m,
        /^ProtectSystem=strict$/m,
        /^ReadWritePaths=\/var\/lib\/redeye/m,
        /^MemoryMax=\d+[MG]$/m,
        /^CapabilityBoundingSet=$/m,
      ]) {
        assert.match(text, line);
      }
      // The agent answers to a watchdog (edge/agent/watchdog.ts), the server does not.
      assert.equal(/^WatchdogSec=\d+$/m.test(text), name === 'redeye-edge.service');
      assert.equal(/^NotifyAccess=all$/m.test(text), name === 'redeye-edge.service');
    });
  }

  for (const name of readdirSync(FOLDER)) {
    it(`${name} is understood by systemd`, async () => {
      const folder = await temporaryFolder('units');
      // The verifier looks for the program, which is not in /opt here.
      const node = join(folder, 'opt/node_modules/.bin/node');
      await mkdir(join(node, '..'), { recursive: true });
      await writeFile(node, '#!/bin/sh\n');
      await chmod(node, 0o755);
      for (const other of readdirSync(FOLDER))
        await writeFile(
          join(folder, other),
          readFileSync(join(FOLDER, other), 'utf8').replaceAll('/opt/redeye', join(folder, 'opt')),
        );
      const { status, error, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', join(folder, name)], {
        encoding: 'utf8',
      });
      if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
        process.stdout.write(`      systemd-analyze is not here: ${name} was not verified\n`);
        return;
      }
      const said = stderr.split('\n').filter((line) => line.includes(name));
      assert.deepEqual([status, said], [0, []], stderr);
    });
  }
});
