import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RpicamDriver } from '../../../../runtime/media/drivers/rpicam.ts';
import { readJpegHeader } from '../../../../runtime/media/jpeg-header.ts';
import { driverParts } from '../../../support/driver-parts.ts';
import { temporaryFolder } from '../../../support/folders.ts';

const STAND_IN = fileURLToPath(new URL('../../../support/rpicam-vid.ts', import.meta.url));

describe("the Raspberry Pi's camera", () => {
  const drivers: RpicamDriver[] = [];

  async function program(cameras = 1): Promise<string> {
    const script = join(await temporaryFolder(), 'libcamera-vid');
    await writeFile(script, `#!/bin/sh\nRPICAM_CAMERAS=${cameras} exec "${process.execPath}" "${STAND_IN}" "$@"\n`);
    await chmod(script, 0o755);
    return script;
  }

  async function driver(index: number, cameras: number, settleMs = 100): Promise<RpicamDriver> {
    const rpicamVid = ['/no/such/rpicam-vid', await program(cameras)];
    const made = new RpicamDriver(index, driverParts({ rpicamVid, limits: { settleMs } }));
    drivers.push(made);
    return made;
  }

  afterEach(async () => {
    for (const made of drivers.splice(0)) await made.close();
  });

  it('gives stills in the size and quality asked for, by the old name of the program too', async () => {
    const made = await driver(0, 1);
    await made.open();
    const picture = await made.capture({ width: 640, jpegQuality: 70 });
    assert.deepEqual(readJpegHeader(picture.jpeg), { width: 640, height: 360, quality: 70 });
    assert.deepEqual([picture.width, picture.height, picture.jpegQuality], [640, 360, 70]);
    assert.equal(made.status().state, 'live');
  });

  it('lets exposure settle before the first still', async () => {
    const made = await driver(0, 1, 600);
    await made.open();
    const startMs = performance.now();
    await made.capture({});
    assert.ok(performance.now() - startMs >= 600);
  });

  it('says that no camera is connected', async () => {
    const made = await driver(0, 0);
    await made.open();
    await assert.rejects(made.capture({}), { code: 'camera.unreachable', message: /rpicam:0: no camera is connected/ });
    assert.equal(made.status().state, 'failed');
  });

  it('says that there is no camera of that number', async () => {
    const made = await driver(1, 1);
    await made.open();
    await assert.rejects(made.capture({}), /there is no camera of this number/);
  });

  it('names what to install where the program is missing', async () => {
    const made = new RpicamDriver(0, driverParts());
    await assert.rejects(made.open(), { code: 'process.missing', message: /apt install rpicam-apps-lite/ });
    await assert.rejects(made.capture({}), { code: 'camera.unreachable' });
  });
});
