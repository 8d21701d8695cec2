import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { NODE_TYPES } from '../../runtime/contracts/node-types.ts';
import { openBrowser, screenshot, troublesOf } from '../support/browser.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { ROOT } from '../support/programs.ts';
import { ADMIN_PASSWORD, EdgeUnderTest, ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

/** Ids of nodes that ship. */
const FRAME_QUEUE = 'rdsdetect000003';
const DELTA_DETECT = 'rdsdetect000004';
const CAMERA_CAPTURE = 'rdecapture00004';
/** How the editor finds out that it has to ask for a login. */
const NOT_LOGGED_IN = /401 \(Unauthorized\).*\/editor\/settings/;

/** What a function node finds of the machine by plain words. */
const REACHING = `msg.payload = {
  require: typeof require,
  process: typeof process,
  fs: typeof fs,
  settings: typeof RED.settings,
};
return msg;`;

describe('the flow editor in a browser', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  let edge: EdgeUnderTest;
  let browser: Browser;
  let page: Page;
  let troubles: string[];

  before(async () => {
    server = await ServerUnderTest.start({ DATABASE_URL: (await startPostgres()).url() });
    const device = await server.device('pi');
    await server.api.put('/devices/pi/config', { capture_interval_s: 1 });
    edge = await EdgeUnderTest.start(server, device, 'sim:shelf');
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    troubles = troublesOf(page);
  });

  after(async () => {
    await browser?.close();
    await edge?.end();
    await server?.end();
  });

  afterEach(() => {
    assert.deepEqual(
      troubles.filter((trouble) => !NOT_LOGGED_IN.test(trouble)),
      [],
    );
  });

  it('takes no token from an address, and no wrong password', async () => {
    const token = await server.api.token();
    const byAddress = await fetch(`${server.url}/editor/flows?access_token=${token}`);
    assert.ok([400, 401].includes(byAddress.status), `${byAddress.status} for a token in the address`);
    const byHeader = await fetch(`${server.url}/editor/flows`, { headers: { Authorization: `Bearer ${token}` } });
    assert.equal(byHeader.status, 200);
    for (const [username, password] of [
      ['admin', 'not the password of admin'],
      ['viewer', ADMIN_PASSWORD],
    ]) {
      const refused = await fetch(`${server.url}/editor/auth/token`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ client_id: 'node-red-editor', grant_type: 'password', scope: '', username, password }),
      });
      assert.equal(refused.ok, false, `${username} was let in`);
    }
  });

  it('has no nodes that reach into the machine, and nothing that would bring them, whatever is sent to its API', async () => {
    const login = await fetch(`${server.url}/editor/auth/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        client_id: 'node-red-editor',
        grant_type: 'password',
        scope: '*',
        username: 'admin',
        password: ADMIN_PASSWORD,
      }),
    });
    const { access_token } = (await login.json()) as { access_token: string };
    const ask = async (method: string, path: string, body?: object) => {
      const headers = {
        Authorization: `Bearer ${access_token}`,
        Accept: 'application/json',
        'Node-RED-API-Version': 'v2',
        'Content-Type': 'application/json',
      };
      const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
      const answer = await fetch(`${server.url}/editor${path}`, init);
      const text = await answer.text();
      return {
        status: answer.status,
        text,
        json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : {},
      };
    };
    const sets = (await ask('GET', '/nodes')).json as { types: string[] }[];
    const there = new Set(sets.flatMap(({ types }) => types));
    assert.ok(there.has('function') && there.has('delta-detect'));
    const unsafe = 'exec,file,file in,tcp in,tcp out,tcp request,udp in,udp out'.split(',');
    assert.deepEqual(
      unsafe.filter((type) => there.has(type)),
      [],
    );
    const { flows } = (await ask('GET', '/flows')).json as { flows: object[] };
    const tab = { id: 'a7e0000000000001', type: 'tab', label: 'Reaching out' };
    const at = { z: tab.id, x: 100, y: 100, wires: [[]] };
    const node = { id: 'a7e0000000000002', ...at };
    const refused = async (nodes: object[], why: RegExp) => {
      const { status, json } = await ask('POST', '/flows', { flows: [...flows, tab, ...nodes] });
      assert.deepEqual([status, json.code], [400, 'flow.invalid'], JSON.stringify(nodes));
      assert.match(json.message, why);
    };
    for (const type of unsafe)
      await refused(
        [{ ...node, type, command: 'id', filename: '/etc/passwd' }],
        new RegExp(`not available here: ${type}$`),
      );
    const asking = { ...node, type: 'function', func: 'return msg;', outputs: 1, libs: [{ var: 'fs', module: 'fs' }] };
    await refused([asking], /a7e0000000000002 asks for modules, which no function node gets here/);
    for (const [method, path, body] of [
      ['POST', '/nodes', { module: 'node-red-node-random' }],
      ['PUT', '/nodes/node-red/exec', { enabled: true }],
      ['GET', '/nodes/node-red/exec', undefined],
      ['GET', '/diagnostics', undefined],
      ['GET', '/projects', undefined],
    ] as const) {
      const { status } = await ask(method, path, body);
      assert.ok([400, 403, 404].includes(status), `${method} ${path}: ${status}`);
    }
    const after = (await ask('GET', '/flows')).json as { flows: object[] };
    assert.equal(JSON.stringify(after).includes('a7e000'), false, 'nothing was kept');
    const reaching = [
      {
        ...node,
        id: 'a7e0000000000003',
        type: 'http in',
        url: '/reaching',
        method: 'get',
        wires: [['a7e0000000000002']],
      },
      { ...node, type: 'function', outputs: 1, func: REACHING, wires: [['a7e0000000000004']] },
      { ...node, id: 'a7e0000000000004', type: 'http response', wires: [] },
    ];
    assert.equal((await ask('POST', '/flows', { flows: [...flows, tab, ...reaching] })).status, 200);
    const headers = { Authorization: `Bearer ${await server.api.token()}` };
    const reached = await until('the flow answers', async () => {
      const answer = await fetch(`${server.url}/reaching`, { headers });
      return answer.status === 200 && ((await answer.json()) as object);
    });
    assert.deepEqual(reached, { require: 'undefined', process: 'undefined', fs: 'undefined', settings: 'undefined' });
    assert.equal((await ask('POST', '/flows', { flows })).status, 200);
  });

  it('asks for the login of the product, and shows the tabs of server and edge', async () => {
    await page.goto(`${server.url}/editor/`);
    await page.locator('#node-dialog-login-username').fill('admin');
    await page.locator('#node-dialog-login-password').fill(ADMIN_PASSWORD);
    await page.locator('#node-dialog-login-submit').click();
    await page.locator('.red-ui-tab-label', { hasText: 'Detection' }).click();
    await page.locator(nodeOf(FRAME_QUEUE)).waitFor();
    const labels = (await page.locator('.red-ui-tab-label').allTextContents()).map((label) => label.trim());
    const own = ['Cameras', 'Capture and upload', 'Detection', 'Events', 'Frames in', 'Retention'];
    const dialects = [
      'CompuCyto backend',
      'CompuCyto camera service',
      'MediaMTX',
      'PiVision',
      'RELab Pi camera',
      'RELab platform',
      'uuplastination',
    ];
    assert.deepEqual(labels.sort(), [...own, ...dialects].sort());
  });

  it('its palette has every node of ours', async () => {
    const shown = await page
      .locator('#red-ui-palette-container-redeye .red-ui-palette-node')
      .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('data-palette-type') ?? ''));
    assert.deepEqual(shown.sort(), await paletteTypes());
    await onlyOurPalette(page);
    await page.locator(`${nodeOf(DELTA_DETECT)} .red-ui-flow-node-status-label`, { hasText: /\w/ }).waitFor();
    await page.locator('.red-ui-notification').first().waitFor({ state: 'detached' });
    await screenshot(page, 'editor');
  });

  it('the help of delta-detect opens', async () => {
    await page.locator(nodeOf(DELTA_DETECT)).click();
    await page.keyboard.press('Control+g');
    await page.keyboard.press('h');
    await page
      .locator('.red-ui-help', { hasText: 'Compares a picture with what its camera usually shows' })
      .first()
      .waitFor();
    await screenshot(page, 'editor-help');
  });

  it('the form of camera-capture opens, with every field labelled', async () => {
    await page.locator('.red-ui-tab-label', { hasText: 'Capture and upload' }).click();
    await page.locator(nodeOf(CAMERA_CAPTURE)).dblclick();
    const form = page.locator('#dialog-form');
    await form.locator('#node-input-interval_s').waitFor();
    const labels = (await form.locator('.form-row > label').allTextContents()).map((label) => label.trim());
    // An empty one stands before a box to be ticked, whose label comes after it.
    const boxes = [
      ['', 'all cameras of this device'],
      ['', 'in this size by the camera itself; interrupts a running stream'],
    ] as const;
    const fields = ['Name', 'Camera', ...boxes[0], 'Every (s)', 'Width', 'Height', ...boxes[1], 'JPEG quality'];
    assert.deepEqual(labels, fields);
    await screenshot(page, 'editor-form');
    await page.locator('#node-dialog-cancel').click();
    await form.waitFor({ state: 'detached' });
  });

  it('deploying a change of one node writes one file, and frames go on', async () => {
    const before = await filesBelow(server.flowsDir);
    await page.locator('.red-ui-tab-label', { hasText: 'Detection' }).click();
    await page.locator(nodeOf(FRAME_QUEUE)).dblclick();
    await page.locator('#node-input-name').fill('every camera');
    await page.locator('#node-dialog-ok').click();
    await page.locator('#red-ui-header-button-deploy:not(.disabled)').click();
    const changed = await until('the deploy has reached the files', async () => {
      const now = await filesBelow(server.flowsDir);
      const names = [...new Set([...before.keys(), ...now.keys()])].filter(
        (name) => before.get(name) !== now.get(name),
      );
      return names.length > 0 && names;
    });
    await page.locator('#red-ui-header-button-deploy.disabled').waitFor();
    assert.deepEqual(changed, ['server/detection.json']);
    assert.match(await readFile(join(server.flowsDir, 'server/detection.json'), 'utf8'), /"name": "every camera"/);
    const seq = await server.api.lastSeq('pi');
    await server.program.while('frames go on', async () => (await server.api.lastSeq('pi')) > seq + 1);
  });
});

function nodeOf(id: string): string {
  return `g[id="${id}"]`;
}

/** Types with a place in the palette; the others are config nodes. */
async function paletteTypes(): Promise<string[]> {
  const types: string[] = [];
  for (const type of Object.keys(NODE_TYPES)) {
    const html = await readFile(join(ROOT, 'nodes', type, `${type}.html`), 'utf8');
    if (html.includes("category: 'redeye'")) types.push(type);
  }
  return types.sort();
}

/** Closes what Node-RED brings itself, so that ours is seen. */
async function onlyOurPalette(page: Page): Promise<void> {
  await page.locator('.red-ui-footer-button[aria-label="collapse all categories" i]').first().click();
  await page.locator('#red-ui-palette-header-redeye').click();
  await page.locator('.red-ui-help-tips-buttons .fa-times').click();
  await page.locator('#red-ui-palette-container-redeye .red-ui-palette-node').last().scrollIntoViewIfNeeded();
}

/** Every file below the folder, by what it holds and when it was written. */
async function filesBelow(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    // What is just being written has another name, and is gone at the next look.
    if (!name.endsWith('.json')) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path);
    files.set(name, `${mtimeMs} ${await readFile(path, 'utf8')}`);
  }
  return files;
}
