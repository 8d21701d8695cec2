import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import express from 'express';
import { createEditorPort, toEditorPort } from '../../../runtime/http/editor-port.ts';
import { errorHandler } from '../../../runtime/http/errors.ts';
import { HttpServer } from '../../../runtime/http/server.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { freePorts } from '../../support/ports.ts';

describe("the editor's own port", () => {
  const stops: (() => Promise<void>)[] = [];
  let port: number;
  let main: EventEmitter;
  let url: string;

  const open = async (product?: RequestListener) => {
    const door = createEditorPort({
      host: '127.0.0.1',
      port,
      accounts: { endEditorSession: async () => undefined },
      editor: (req, res) => res.send(`editor ${req.url}`),
      main,
      product,
      log: silentLog,
    });
    stops.push(() => door.stop());
    await door.start();
  };

  beforeEach(async () => {
    [port = 0] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    main = new EventEmitter();
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  /** What comes back for a request to be upgraded; '' when the connection is cut. */
  async function upgrade(path: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    let heard = '';
    socket.on('data', (bytes) => {
      heard += bytes.toString();
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    await once(socket, 'close');
    return heard;
  }

  it('shows the editor, and nothing else of the server', async () => {
    await open();
    assert.equal(await (await fetch(`${url}/editor/red/main.js`)).text(), 'editor /red/main.js');
    assert.equal((await fetch(url)).url, `${url}/editor/`);
    for (const path of ['/api/v1/users', '/metrics', '/assets/x.js']) {
      const answer = await fetch(url + path);
      assert.deepEqual([answer.status, (await answer.json()).code], [404, 'route.not_found'], path);
    }
    assert.equal((await fetch(`${url}/editor/%2e%2e%2fsecret`)).status, 400);
  });

  it("lets the sidebar's script through, and the API for the editor's session without the console's cookie", async () => {
    await open((req, res) => res.end(`product ${req.url} ${req.headers.cookie}`));
    const get = async (path: string, headers = {}) =>
      (await fetch(url + path, { headers: { Cookie: 'redeye_session=x', ...headers } })).text();
    assert.equal(await get('/assets/redeye-edge-sidebar.js'), 'product /assets/redeye-edge-sidebar.js undefined');
    const session = { Authorization: 'Bearer red_abc' };
    assert.equal(await get('/api/v1/devices?limit=1', session), 'product /api/v1/devices?limit=1 undefined');
    for (const [path, headers] of [
      ['/api/v1/devices', {}],
      ['/api/v1/devices', { Authorization: 'Bearer eyJ.of.console' }],
      ['/metrics', session],
      ['/assets/../index.html', {}],
    ] as const)
      assert.match(await get(path, headers), /route\.not_found/, path);
  });

  it("hands the editor's WebSocket to where Node-RED listens, and cuts any other", async () => {
    await open();
    main.on('upgrade', (_req, socket) => socket.end('HTTP/1.1 101 Here\r\n\r\n'));
    assert.match(await upgrade('/editor/comms'), /^HTTP\/1\.1 101 Here/);
    assert.equal(await upgrade('/mqtt'), '');
  });

  it('is where /editor at the product’s port leads, with the page that was asked for', async () => {
    await open();
    const product = new HttpServer({ host: '127.0.0.1', port: 0 });
    const app = express();
    app.use('/editor', toEditorPort(port));
    app.use(errorHandler(silentLog));
    product.serve(app);
    stops.push(() => product.stop());
    const at = `http://127.0.0.1:${await product.start()}`;
    const answer = await fetch(`${at}/editor/?theme=dark`);
    assert.deepEqual([answer.url, await answer.text()], [`${url}/editor/?theme=dark`, 'editor /?theme=dark']);
    assert.equal((await fetch(`${at}/editor/flows`, { method: 'POST' })).status, 404);
  });

  it('names the setting when it is taken', async () => {
    await open();
    await assert.rejects(open(), {
      code: 'setting.invalid',
      message: new RegExp(`^EDITOR_PORT: 127.0.0.1:${port} is in use`),
    });
  });
});
