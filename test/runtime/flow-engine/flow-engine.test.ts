import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import type { FlowElement } from '../../../runtime/flow-engine/flow-files.ts';
import { type EngineProcess, putFlows, startEngineProcess } from '../../support/engine-process.ts';
import { temporaryFolder } from '../../support/folders.ts';

const at = { x: 100, y: 100 };
const HELLO: FlowElement[] = [
  { id: 't', type: 'tab', label: 'Hello' },
  { id: 'in', type: 'http in', z: 't', url: '/hello', method: 'post', ...at, wires: [['make']] },
  {
    id: 'make',
    type: 'function',
    z: 't',
    func: 'msg.payload = { got: msg.payload, asked: msg.req.query }; return msg;',
    outputs: 1,
    ...at,
    wires: [['out']],
  },
  { id: 'out', type: 'http response', z: 't', ...at, wires: [] },
];
const OTHER: FlowElement[] = [
  { id: 'u', type: 'tab', label: 'Other' },
  { id: 'x', type: 'change', z: 'u', rules: [], ...at, wires: [[]] },
];
const withUnknown: FlowElement[] = [...OTHER, { id: 'y', type: 'no-such-node', z: 'u', ...at, wires: [] }];

describe('the flow engine in an Express 5 host', () => {
  let folder: string;
  let engine: EngineProcess;
  let token: string;

  const request = (path: string, init: RequestInit & { token?: string } = {}) => {
    const headers = new Headers(init.headers);
    if (init.token) headers.set('Authorization', `Bearer ${init.token}`);
    if (init.body) headers.set('Content-Type', 'application/json');
    return fetch(`${engine.url}${path}`, { ...init, headers });
  };
  const login = (username: string, password: string) =>
    request('/editor/auth/token', {
      method: 'POST',
      body: JSON.stringify({ client_id: 'node-red-admin', grant_type: 'password', scope: '*', username, password }),
    });
  const deploy = (flows: FlowElement[]) =>
    request('/editor/flows', {
      method: 'POST',
      token,
      headers: { 'Node-RED-API-Version': 'v2', 'Node-RED-Deployment-Type': 'nodes' },
      body: JSON.stringify({ flows }),
    });
  const inodes = async () => {
    const names = await readdir(join(folder, 'flows/server'));
    return Promise.all(
      names.sort().map(async (name) => `${name} ${(await stat(join(folder, 'flows/server', name))).ino}`),
    );
  };

  before(async () => {
    folder = await temporaryFolder('engine');
    await putFlows(folder, { 'server/hello.json': HELLO, 'server/other.json': OTHER });
    engine = await startEngineProcess(folder);
    const answer = await login('admin', 'correct horse');
    assert.equal(answer.status, 200);
    token = ((await answer.json()) as { access_token: string }).access_token;
  });
  after(() => engine.kill());

  it('runs once it has started', async () => {
    assert.deepEqual(await engine.state(), { state: 'running' });
  });

  it('answers a request through http-in with an object, its body parsed by Node-RED, its query by the host', async () => {
    const answer = await request('/hello?a=1', { method: 'POST', body: '{"b":2}' });
    assert.equal(answer.status, 200);
    assert.deepEqual(await answer.json(), { got: { b: 2 }, asked: { a: '1' } });
  });

  it("falls through to the host's own routes and 404, with the host's own request and response", async () => {
    const after = await request('/after?q=1');
    assert.equal(after.status, 202);
    assert.deepEqual(await after.json(), { query: { q: '1' }, secure: false });
    const none = await request('/nowhere');
    assert.equal(none.status, 404);
    assert.deepEqual(await none.json(), { code: 'route.not_found' });
  });

  it('leaves parsers at the routes that want them', async () => {
    assert.deepEqual(await (await request('/api/echo', { method: 'POST', body: '{"c":3}' })).json(), { c: 3 });
  });

  it('serves the editor, as Redeye', async () => {
    const page = await request('/editor/');
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<title>Redeye<\/title>/);
    assert.equal((await request('/editor/red/red.min.js')).status, 200);
  });

  it('lets in who may edit flows, and nobody else', async () => {
    assert.equal((await request('/editor/flows')).status, 401);
    assert.equal((await request('/editor/settings')).status, 401);
    assert.equal((await request('/editor/flows', { token: 'wrong' })).status, 401);
    assert.notEqual((await login('admin', 'wrong')).status, 200);
    assert.notEqual((await login('viewer', 'correct horse')).status, 200);
    assert.equal((await request('/editor/flows', { token })).status, 200);
    assert.equal((await request('/editor/flows', { token: 'our-own-token' })).status, 200);
  });

  it('refuses a token in the address, however it is written', async () => {
    for (const query of [`access_token=${token}`, `access%5Ftoken=${token}`, `a=1&access_token[]=${token}`]) {
      const answer = await request(`/editor/flows?${query}`);
      assert.equal(answer.status, 400, query);
      assert.equal(((await answer.json()) as { code: string }).code, 'request.invalid');
    }
  });

  it('closes the editor to somebody whose right was withdrawn', async () => {
    await engine.call('grant', 'admin', false);
    assert.equal((await request('/editor/flows', { token })).status, 401);
    await engine.call('grant', 'admin', true);
    assert.equal((await request('/editor/flows', { token })).status, 200);
  });

  it('opens its WebSocket next to that of somebody else on the same server', async () => {
    const open = (path: string) =>
      new Promise<WebSocket>((resolve, reject) => {
        const socket = new WebSocket(`${engine.url.replace('http', 'ws')}${path}`);
        socket.once('open', () => resolve(socket)).once('error', reject);
      });
    const comms = await open('/editor/comms');
    const mqtt = await open('/mqtt');
    const answer = new Promise((resolve) => mqtt.once('message', (data) => resolve(String(data))));
    mqtt.send('hi');
    assert.equal(await answer, 'echo hi');
    comms.close();
    mqtt.close();
  });

  it('writes one file when one node is deployed, and says who did it', async () => {
    const before = await inodes();
    const flows = [...HELLO, ...OTHER].map((one) => (one.id === 'x' ? { ...one, name: 'new' } : one));
    assert.equal((await deploy(flows)).status, 200);
    const changed = (await inodes()).filter((entry) => !before.includes(entry)).map((entry) => entry.split(' ')[0]);
    assert.deepEqual(changed, ['other.json']);
    const audit = await engine.call<{ event: string; user?: string }[]>('audit');
    assert.ok(audit.some((entry) => entry.event === 'flows.set' && entry.user === 'admin'));
  });

  it('tells the later of two editors, and one whose file was changed on disk, and overwrites nothing', async () => {
    const load = async () =>
      (await (await request('/editor/flows', { token, headers: { 'Node-RED-API-Version': 'v2' } })).json()) as {
        flows: FlowElement[];
        rev: string;
      };
    const named = (flows: FlowElement[], name: string) => flows.map((one) => (one.id === 'x' ? { ...one, name } : one));
    const post = (body: object, type = 'nodes') =>
      request('/editor/flows', {
        method: 'POST',
        token,
        headers: { 'Node-RED-API-Version': 'v2', 'Node-RED-Deployment-Type': type },
        body: JSON.stringify(body),
      });
    const path = join(folder, 'flows/server/other.json');
    const { flows, rev } = await load();
    assert.equal((await post({ flows: named(flows, 'first'), rev })).status, 200);
    assert.equal((await post({ flows: named(flows, 'second'), rev })).status, 409);
    assert.match(await readFile(path, 'utf8'), /first/);

    const pulled = (await readFile(path, 'utf8')).replace('first', 'pulled');
    await writeFile(path, pulled);
    const refused = await post({ flows: named(flows, 'third'), rev: (await load()).rev });
    assert.equal(refused.status, 400);
    assert.match(await refused.text(), /server\/other\.json changed on disk .*Restart Flows/);
    assert.equal(await readFile(path, 'utf8'), pulled);
    assert.equal((await post({}, 'reload')).status, 200);
    const now = await load();
    assert.equal(now.flows.find(({ id }) => id === 'x')?.name, 'pulled');
    assert.equal((await post({ flows: named(now.flows, 'new'), rev: now.rev })).status, 200);
  });

  it('refuses a deploy with an unknown node on the operator’s screen, while the old flows go on', async () => {
    const answer = await deploy([...HELLO, ...withUnknown]);
    assert.equal(answer.status, 400);
    assert.match(await answer.text(), /node types not available here: no-such-node/);
    assert.deepEqual(await engine.state(), { state: 'running' });
    assert.equal((await request('/hello', { method: 'POST', body: '{}' })).status, 200);
    await assert.rejects(engine.call('deploy', [...HELLO, ...withUnknown]), { code: 'flow.invalid' });
    assert.deepEqual(await engine.state(), { state: 'running' });
  });

  it('has neither exec, file, tcp and udp nodes nor a palette that installs', async () => {
    const types = await engine.call<string[]>('types');
    for (const type of ['exec', 'file', 'tcp in', 'udp out']) assert.equal(types.includes(type), false, type);
    assert.ok(types.includes('mqtt in'));
    const install = await request('/editor/nodes', {
      method: 'POST',
      token,
      body: '{"module":"node-red-node-random"}',
    });
    assert.equal(install.status, 404);
  });

  it('keeps secrets out of the flows and readable by the owner only', async () => {
    const broker = {
      id: 'mq',
      type: 'mqtt-broker',
      broker: '127.0.0.1',
      port: '1',
      credentials: { user: 'u', password: 'hunter2' },
    };
    await engine.call('deploy', [...HELLO, ...OTHER, broker]);
    assert.doesNotMatch(await readFile(join(folder, 'flows/server/_global.json'), 'utf8'), /hunter2/);
    assert.doesNotMatch(await readFile(join(folder, 'user/credentials.json'), 'utf8'), /hunter2/);
    for (const name of ['credentials.json', 'credential-secret']) {
      assert.equal((await stat(join(folder, 'user', name))).mode & 0o777, 0o600, name);
    }
  });

  it('starts once per process, stops twice without harm, and has the same flows after a restart', async () => {
    await assert.rejects(engine.call('start'), /one flow engine/);
    await engine.call('stop');
    await engine.call('stop');
    assert.deepEqual(await engine.state(), { state: 'stopped' });
    assert.equal((await request('/hello', { method: 'POST', body: '{}' })).status, 404);
    await engine.kill();
    engine = await startEngineProcess(folder);
    const { flows } = await engine.call<{ flows: FlowElement[] }>('flows');
    assert.deepEqual(flows.map(({ id }) => id).sort(), ['in', 'make', 'mq', 'out', 't', 'u', 'x']);
    assert.equal((await request('/hello', { method: 'POST', body: '{}' })).status, 200);
    const session = await request('/editor/flows', { token });
    assert.equal(session.status, 200, 'a login outlives a restart');
  });
});

describe('a flow engine whose flows cannot run', () => {
  let folder: string;
  let engine: EngineProcess;
  beforeEach(async () => {
    folder = await temporaryFolder('engine');
  });
  afterEach(() => engine.kill());

  it('says which node types are missing, and runs once they are gone', async () => {
    await putFlows(folder, { 'server/other.json': withUnknown });
    engine = await startEngineProcess(folder);
    assert.deepEqual(await engine.state(), { state: 'failed', reason: 'node types not available: no-such-node' });
    assert.equal((await fetch(`${engine.url}/editor/`)).status, 200);
    await engine.call('deploy', OTHER);
    assert.deepEqual(await engine.state(), { state: 'running' });
  });

  it('is the editor alone after a crash loop, until somebody deploys', async () => {
    await putFlows(folder, { 'server/hello.json': HELLO });
    engine = await startEngineProcess(folder, { safeMode: 'crashed 3 times' });
    assert.deepEqual(await engine.state(), { state: 'stopped', reason: 'crashed 3 times' });
    assert.equal((await fetch(`${engine.url}/editor/`)).status, 200);
    assert.equal((await fetch(`${engine.url}/hello`, { method: 'POST' })).status, 404);
    await engine.call('deploy', HELLO);
    assert.deepEqual(await engine.state(), { state: 'running' });
    assert.equal((await fetch(`${engine.url}/hello`, { method: 'POST' })).status, 200);
  });
});

describe('a flow engine on a Pi', () => {
  let engine: EngineProcess;
  after(() => engine.kill());

  it('serves its flows and no editor', async () => {
    const folder = await temporaryFolder('engine');
    const csv = { id: 'csv', type: 'csv', z: 't', ...at, wires: [[]] };
    await putFlows(folder, { 'server/hello.json': [...HELLO, csv] });
    engine = await startEngineProcess(folder, { editor: false, slim: true, side: 'edge' });
    assert.deepEqual(await engine.state(), { state: 'running' });
    assert.equal((await fetch(`${engine.url}/editor/`)).status, 404);
    assert.equal((await fetch(`${engine.url}/hello`, { method: 'POST' })).status, 200);
    const types = await engine.call<string[]>('types');
    assert.equal(types.includes('http request'), false, 'heavy, and no flow uses it');
    assert.ok(types.includes('csv'), 'heavy, and a flow uses it');
  });
});
