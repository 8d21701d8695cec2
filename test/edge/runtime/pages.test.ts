import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createEdgeStorage } from '../../../edge/runtime/flow-storage.ts';
import { type DeviceHealthPage, Pages } from '../../../edge/runtime/pages.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';

const HEALTH: DeviceHealthPage = {
  status: 'degraded',
  device: 'pi',
  version: '1',
  uptime_s: 5,
  mode: 'baseline',
  camera: { id: 'pi-cam', driver: 'sim', state: 'failed', last_frame: null, reason: '<script>alert(1)</script>' },
  spool: { state: 'idle', frames: 0, bytes: 0, sent: 0, dropped: 0, rejected: 0 },
  link: { mqtt: 'disconnected', server: 'not reached', reason: 'refused' },
  flows: { state: 'running' },
  publisher: { ts: 0, status: 'missing', detail: null, pid: 1 },
};

describe("the device's HTTP port", () => {
  const clock = new FakeClock();
  let pages: Pages;
  const base = async () => {
    await until('it listens', () => pages.server.listening);
    return `http://127.0.0.1:${(pages.server.address() as AddressInfo).port}`;
  };
  const open = async (port: number) => {
    pages = new Pages({ port, host: '127.0.0.1', clock, log: silentLog, health: () => HEALTH });
    await pages.start();
  };
  afterEach(async () => {
    await pages.stop();
    await pages.stop();
  });

  it('answers /health with 200 even when not all is well', async () => {
    await open(0);
    const response = await fetch(`${await base()}/health`);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), HEALTH);
  });

  it('shows a page that cannot be made to run anything', async () => {
    await open(0);
    const response = await fetch(`${await base()}/?x=1`);
    const text = await response.text();
    assert.match(text, /Redeye on pi/);
    assert.equal(text.includes('<script>'), false);
    assert.match(String(response.headers.get('content-security-policy')), /default-src 'none'/);
  });

  it('has nothing else, in the shape of our errors', async () => {
    await open(0);
    const url = await base();
    assert.equal((await fetch(`${url}/camera/status`)).status, 404);
    const response = await fetch(`${url}/health`, { method: 'POST' });
    assert.equal(response.status, 405);
    assert.equal(((await response.json()) as { code: string }).code, 'route.method_not_allowed');
  });

  it('tries a port that is taken again, without harm to the rest', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await open(port);
    await new Promise((resolve) => other.close(resolve));
    await until('it listens', async () => {
      await clock.advance(10_000);
      return pages.server.listening;
    });
  });
});

describe("the device's flows", () => {
  it('are the tabs in edge/, enabled, and one that cannot be read does not stop the others', async () => {
    const flowsDir = await temporaryFolder('flows');
    const tab = [
      { id: 't', type: 'tab', label: 'One' },
      { id: 'n', type: 'inject', z: 't' },
    ];
    for (const side of ['edge', 'server']) await mkdir(join(flowsDir, side));
    await writeFile(join(flowsDir, 'edge', 'one.json'), JSON.stringify(tab));
    await writeFile(join(flowsDir, 'edge', 'torn.json'), '[{');
    await writeFile(join(flowsDir, 'edge', '_index.json'), '{"order":[]}');
    await writeFile(join(flowsDir, 'server', 'two.json'), JSON.stringify(tab));
    const storage = createEdgeStorage({ flowsDir, userDir: flowsDir, log: silentLog });
    await storage.init();
    assert.deepEqual(await storage.getFlows(), tab);
    await assert.rejects(storage.saveFlows([]), { code: 'flow.invalid' });
    const empty = createEdgeStorage({ flowsDir: join(flowsDir, 'none'), userDir: flowsDir, log: silentLog });
    assert.deepEqual(await empty.getFlows(), []);
  });
});
