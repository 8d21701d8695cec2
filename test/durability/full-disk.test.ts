import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceWithKey } from '../../runtime/contracts/api.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { ServerApi } from '../support/server-api.ts';
import { ADMIN_PASSWORD, ServerUnderTest } from '../support/servers.ts';
import { broken, check } from './checker.ts';
import { Ledger, sha256 } from './ledger.ts';
import { marked, realPictures } from './pictures.ts';
import { postFrame } from './post-frame.ts';

const SIZE_MB = 160;
const MIB = 1024 * 1024;

describe('a server whose disk is full', function () {
  this.timeout(90_000);
  let disk: string | undefined;

  before(async () => {
    const folder = await temporaryFolder('full-disk');
    disk = mounted(folder) ? folder : undefined;
  });

  after(() => {
    if (disk) execFileSync('umount', ['-l', disk]);
  });

  it('promises nothing, still answers everything else, and goes on by itself once there is room', async () => {
    if (disk === undefined) {
      process.stdout.write('      (no small disk can be mounted here: disk.test.ts alone fills one, in the process)\n');
      return;
    }
    const dataDir = join(disk, 'data');
    const postgres = await startPostgres();
    const server = await ServerUnderTest.start({
      DATA_DIR: dataDir,
      DATABASE_URL: postgres.url(),
      RETENTION_MIN_FREE_GB: '0',
    });
    const ledger = new Ledger(join(await temporaryFolder('ledger'), 'ledger.jsonl'));
    const device = await server.device('shelf');
    const pictures = await realPictures();
    const send = async (seq: number) => {
      const picture = pictures.at(seq % pictures.length);
      assert.ok(picture);
      return sendOne(server.url, device, ledger, seq, { ...picture, jpeg: marked(picture, `frame ${seq}`) });
    };
    try {
      for (let seq = 0; seq < 10; seq += 1) assert.equal((await send(seq)).status, 201);
      const filler = join(disk, 'filler');
      await fill(filler);
      for (let seq = 10; seq < 20; seq += 1) {
        const { status, body } = await send(seq);
        assert.equal(status, 503, body);
        assert.match(body, /disk\.full/);
      }
      const api = new ServerApi(server.url, 'admin', ADMIN_PASSWORD);
      const captures = await api.captures('shelf');
      assert.equal(captures.length, 10);
      for (const { image } of captures) await api.picture(image);
      assert.equal((await fetch(`${server.url}/readyz`)).status, 503);
      assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
      await rm(filler);
      for (let seq = 10; seq < 30; seq += 1) assert.equal((await send(seq)).status, 201);
      assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
      const verdict = await check({ ledger, api, devices: ['shelf'], dataDir });
      assert.equal(broken(verdict), 0, JSON.stringify(verdict));
      assert.equal(verdict.rows, 30);
    } finally {
      ledger.close();
      await server.end('SIGKILL');
      await postgres.close();
    }
  });
});

async function sendOne(
  url: string,
  device: DeviceWithKey,
  ledger: Ledger,
  seq: number,
  { jpeg, width, height }: { jpeg: Buffer; width: number; height: number },
) {
  const attempt = ledger.send(device.id, seq, sha256(jpeg));
  const answer = await postFrame(url, device, { seq, jpeg, width, height, captureTs: Date.now() });
  attempt.answered(answer.status);
  return answer;
}

function mounted(folder: string): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m`, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch (error) {
    // Root in a container may not.
    return !(error instanceof Error);
  }
}

/** Writes until not a byte goes in any more. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (let size = MIB; size >= 1; ) {
      try {
        await file.write(Buffer.alloc(size));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        size = Math.floor(size / 16);
      }
    }
  } finally {
    await file.close();
  }
}
