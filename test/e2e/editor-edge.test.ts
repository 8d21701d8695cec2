import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { DeviceRecord } from '../../runtime/contracts/api.ts';
import type { DeploymentRecord, DeviceFlows } from '../../runtime/contracts/deployments.ts';
import { openBrowser, screenshot, troublesOf } from '../support/browser.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { assertNoGap } from '../support/server-api.ts';
import { ADMIN_PASSWORD, EdgeUnderTest, ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

/** Ids of what ships. */
const EDGE_TAB = 'rdecapture00001';
const DEVICE_CONFIG = 'rdecapture00003';
const CAMERA_CAPTURE = 'rdecapture00004';
const SERVER_TAB_LABEL = 'Detection';
/** How the editor finds out that it has to ask for a login, and what a refused save leaves in the console. */
const EXPECTED = /401 \(Unauthorized\).*\/editor\/settings/;
/** Frames each device is watched for, after the switch. */
const FRAMES = 15;

describe('flows for devices, from the editor', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  const edges: EdgeUnderTest[] = [];
  let browser: Browser;
  let page: Page;
  let troubles: string[];

  const device = (id: string) => server.api.get<DeviceRecord>(`/devices/${id}`);
  const box = () => page.locator('dialog.redeye-edge-box');
  const dark = async (isDark: boolean) => {
    await page.evaluate((on) => document.documentElement.classList.toggle('nr-theme-dark', on), isDark);
  };

  before(async () => {
    server = await ServerUnderTest.start({ DATABASE_URL: (await startPostgres()).url() });
    for (const id of ['pi-a', 'pi-b']) {
      const made = await server.device(id);
      await server.api.put(`/devices/${id}/config`, { capture_interval_s: 2 });
      edges.push(await EdgeUnderTest.start(server, made, 'sim:gradient', { PROBATION_S: '1' }));
    }
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    troubles = troublesOf(page);
    await page.goto(`${server.url}/editor/`);
    await page.locator('#node-dialog-login-username').fill('admin');
    await page.locator('#node-dialog-login-password').fill(ADMIN_PASSWORD);
    await page.locator('#node-dialog-login-submit').click();
    await page.locator('.red-ui-tab-label', { hasText: 'Capture and upload' }).click();
    for (const id of ['pi-a', 'pi-b'])
      await server.program.while(`frames of ${id}`, async () => (await server.api.lastSeq(id)) > 1);
  });

  after(async () => {
    await browser?.close();
    for (const edge of edges) await edge.end();
    await server?.end();
  });

  afterEach(() => {
    assert.deepEqual(
      troubles.filter((trouble) => !EXPECTED.test(trouble)),
      [],
    );
  });

  it('marks the tabs of devices with where they run, and lists the devices in a sidebar', async () => {
    await page.locator(`#red-ui-tab-${EDGE_TAB}[data-runs-on="all devices"]`).waitFor();
    const marked = await page.locator('.redeye-edge-tab .red-ui-tab-label').allTextContents();
    assert.equal(
      marked.some((label) => label.includes(SERVER_TAB_LABEL)),
      false,
    );
    await page.evaluate(() =>
      (globalThis as unknown as { RED: { sidebar: { show(id: string): void } } }).RED.sidebar.show('redeye-edge'),
    );
    await page.locator('.redeye-edge [data-device="pi-a"] .dot.online').waitFor();
    await page.locator('.redeye-edge [data-device="pi-b"] .dot.online').waitFor();
    assert.equal(await page.locator('.redeye-edge select[name="runs-on"]').inputValue(), 'all');
  });

  it('saves a change, shows what it changes on one device, and sends it there: its frames come faster, those of the other do not', async () => {
    // The pace of its own, not the one that the server says.
    await page.locator(`g[id="${DEVICE_CONFIG}"]`).click();
    await page.keyboard.press('Delete');
    await page.locator(`g[id="${CAMERA_CAPTURE}"]`).dblclick();
    await page.locator('#node-input-interval_s').fill('0.2');
    await page.locator('#node-dialog-ok').click();
    await page.locator('.redeye-edge button.deploy').click();
    await box().locator('select[name="target"]').selectOption('device/pi-a');
    await box().getByRole('button', { name: 'Save', exact: true }).click();
    await box().getByRole('button', { name: 'Send to 1 device', exact: true }).waitFor();
    await screenshot(page, 'edge-deploy-light');
    const saved = JSON.parse(await readFile(join(server.flowsDir, 'edge/capture.json'), 'utf8')) as Record<
      string,
      unknown
    >[];
    assert.equal(
      saved.some((element) => Object.hasOwn(element, 'disabled') || Object.hasOwn(element, 'env')),
      false,
    );
    assert.equal(saved.find(({ id }) => id === CAMERA_CAPTURE)?.interval_s, '0.2');
    await box().locator('button.send').click();
    await page.locator('.redeye-edge .under-way [data-target="pi-a"]').waitFor();
    await screenshot(page, 'edge-under-way');
    const done = await server.program.while('the deployment ends', async () => {
      const [newest] = (await server.api.get<{ items: DeploymentRecord[] }>('/deployments')).items;
      return newest !== undefined && newest.state !== 'running' && newest;
    });
    assert.deepEqual(
      [done.state, done.devices.map(({ device: id, state }) => `${id} ${state}`)],
      ['done', ['pi-a active']],
    );
    await page.locator('.redeye-edge .history [data-target="pi-a"][data-state="active"]').waitFor();

    const from = { a: await server.api.lastSeq('pi-a'), b: await server.api.lastSeq('pi-b') };
    const [a, b] = await server.program.while('frames come after the switch', async () => {
      const counts = [(await server.api.lastSeq('pi-a')) - from.a, (await server.api.lastSeq('pi-b')) - from.b];
      return (counts[0] ?? 0) >= FRAMES && counts;
    });
    assert.ok((a ?? 0) > 3 * (b ?? 0), `${a} frames of pi-a, ${b} of pi-b`);
    const paces = await Promise.all(['pi-a', 'pi-b'].map(async (id) => paceOf(await server.api.captures(id))));
    assert.ok((paces[0] ?? 0) < 1000 && (paces[1] ?? 0) > 1500, `ms between frames: ${paces}`);
    const flows = await Promise.all(['pi-a', 'pi-b'].map(async (id) => (await device(id)).flow));
    assert.deepEqual(
      flows.map(({ phase, slot }) => `${phase} ${slot}`),
      ['active A', 'active own'],
    );
  });

  it('shows what runs on a device, and brings a flow that was changed there into the editor, as one change', async () => {
    const { nodes, slot } = await server.api.get<DeviceFlows>('/devices/pi-a/flows');
    assert.deepEqual([slot, nodes], ['A', []]);
    await page.locator('.redeye-edge [data-device="pi-b"] button.view').click();
    await box().locator('.changes li').first().waitFor();
    const changes = await box().locator('.changes li').allTextContents();
    assert.equal(changes.filter((text) => /^added\s*rdecapture00003/.test(text)).length, 1, `${changes}`);
    assert.equal(
      changes.filter((text) => /^changed\s*rdecapture00004.*interval_s"0\.2"0/s.test(text)).length,
      1,
      `${changes}`,
    );
    await box().locator('svg g[data-type="camera-capture"]').waitFor();
    await dark(true);
    await screenshot(page, 'edge-running-dark');
    await dark(false);
    await screenshot(page, 'edge-running-light');
    await box().locator('button.take').click();
    await box().waitFor({ state: 'detached' });
    const state = () =>
      page.evaluate((id) => {
        const { RED } = globalThis as unknown as {
          RED: {
            nodes: {
              node(id: string): { interval_s: unknown };
              dirty(): boolean;
              workspace(id: string): { disabled: boolean };
            };
            history: { pop(): void };
          };
        };
        const { interval_s } = RED.nodes.node('rdecapture00004');
        return { interval: String(interval_s), dirty: RED.nodes.dirty(), disabled: RED.nodes.workspace(id).disabled };
      }, EDGE_TAB);
    assert.deepEqual(await state(), { interval: '0', dirty: true, disabled: true });
    await page.evaluate(() => (globalThis as unknown as { RED: { history: { pop(): void } } }).RED.history.pop());
    assert.deepEqual(await state(), { interval: '0.2', dirty: false, disabled: true });
  });

  it('refuses a tab with a node that its devices cannot run, by name, and takes a deployment back', async () => {
    const headers = { Authorization: `Bearer ${await server.api.token()}`, 'Content-Type': 'application/json' };
    const url = `${server.url}/editor/flows`;
    const all = (await (await fetch(url, { headers })).json()) as object[];
    const body = JSON.stringify([
      ...all,
      { id: 'wrong', type: 'frame-queue', name: 'Q', z: EDGE_TAB, x: 1, y: 1, wires: [[]] },
    ]);
    const refused = await fetch(url, { method: 'POST', headers, body });
    assert.equal(refused.status, 400);
    assert.match(
      await refused.text(),
      /node \\?"Q\\?" \(frame-queue\) on tab \\?"Capture and upload\\?" runs on the server only/,
    );

    const history = page.locator('.redeye-edge .history .rollout').first();
    await history.locator('button.rollback').click();
    await history.locator('button.rollback', { hasText: 'Really?' }).click();
    await until(
      'pi-a is back',
      async () => {
        const { flow } = await device('pi-a');
        return flow.phase === 'active' && flow.revision === flow.desired_revision && flow.slot === 'B';
      },
      60_000,
    );
    await page.locator('.redeye-edge .history .rollout', { hasText: 'rolled back an earlier one' }).waitFor();
    await page.setViewportSize({ width: 1400, height: 1400 });
    await screenshot(page, 'edge-sidebar-light');
    await dark(true);
    await screenshot(page, 'edge-sidebar-dark');
  });

  it('goes on taking pictures over a deployment that leaves the camera alone: no number twice, none left out, no pause of a restart', async () => {
    const deploy = async () => {
      const { id } = await server.api.post<DeploymentRecord>('/deployments', { target: 'device/pi-a' });
      const ended = () => server.api.get<DeploymentRecord>(`/deployments/${id}`);
      const done = await server.program.while('the deployment ends', async () => {
        const now = await ended();
        return now.state !== 'running' && now;
      });
      assert.deepEqual([done.state, done.devices[0]?.state], ['done', 'active']);
    };
    await deploy();
    const first = (await server.api.lastSeq('pi-a')) + 1;
    await server.program.while('frames before', async () => (await server.api.lastSeq('pi-a')) > first + 3);
    const headers = { Authorization: `Bearer ${await server.api.token()}`, 'Content-Type': 'application/json' };
    const url = `${server.url}/editor/flows`;
    const all = (await (await fetch(url, { headers })).json()) as object[];
    const remark = { id: 'remark', type: 'comment', name: 'nothing more', z: EDGE_TAB, x: 80, y: 400, wires: [] };
    assert.equal((await fetch(url, { method: 'POST', headers, body: JSON.stringify([...all, remark]) })).status, 204);
    await deploy();
    const { nodes } = await server.api.get<DeviceFlows>('/devices/pi-a/flows');
    assert.deepEqual(nodes, [], 'the remark is there');
    const last = await server.api.lastSeq('pi-a');
    await server.program.while('frames after', async () => (await server.api.lastSeq('pi-a')) > last + 3);
    const taken = (await server.api.captures('pi-a')).filter(({ seq }) => seq >= first);
    assertNoGap(taken, first);
    const times = taken.map(({ captured_at }) => Date.parse(captured_at));
    const gaps = times.slice(1).map((at, n) => at - (times[n] ?? at));
    // Five a second; what is above that is the load of this machine.
    assert.ok(Math.max(...gaps) < 1000, `ms between frames: ${gaps}`);
  });

  it('shows of flows that were taken back why, and what the camera saw before, with them and afterwards', async () => {
    const headers = { Authorization: `Bearer ${await server.api.token()}`, 'Content-Type': 'application/json' };
    const url = `${server.url}/editor/flows`;
    const all = (await (await fetch(url, { headers })).json()) as object[];
    // Long enough after the start that pictures were taken.
    const initialize = 'setTimeout(() => { for (;;) {} }, 700)';
    const loop = { id: 'loop', type: 'function', name: 'Loop', func: 'return msg;', initialize, z: EDGE_TAB };
    const body = JSON.stringify([...all, { ...loop, x: 280, y: 400, wires: [[]] }]);
    assert.equal((await fetch(url, { method: 'POST', headers, body })).status, 204);
    const { id } = await server.api.post<DeploymentRecord>('/deployments', {
      target: 'device/pi-a',
      gates: { probation_s: 5 },
    });
    const card = page.locator(`.redeye-edge .history [data-deployment="${id}"]`);
    await card.locator('[data-target="pi-a"][data-state="rolled_back"]').waitFor({ timeout: 60_000 });
    for (const kind of ['before', 'during', 'after'])
      await card.locator(`[data-picture="${kind}"] img`).waitFor({ timeout: 60_000 });
    const sizes = await card
      .locator('.trial img')
      .evaluateAll((images) => images.map((image) => (image as unknown as { naturalWidth: number }).naturalWidth));
    assert.ok(sizes.length === 3 && sizes.every((width) => width > 0), `${sizes}`);
    await card.scrollIntoViewIfNeeded();
    await dark(false);
    await screenshot(page, 'edge-taken-back-light');
    await dark(true);
    await screenshot(page, 'edge-taken-back-dark');
    await dark(false);
  });
});

/** Middle of the times between the newest frames, ms. */
function paceOf(captures: readonly { captured_at: string }[]): number {
  const times = captures.slice(-8).map(({ captured_at }) => Date.parse(captured_at));
  const gaps = times.slice(1).map((at, n) => at - (times[n] ?? at));
  return gaps.sort((x, y) => x - y)[Math.floor(gaps.length / 2)] ?? 0;
}
