import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import { until } from '../../support/until.ts';
import { at, BrokerBench, inboxOf } from './broker-bench.ts';

const D1 = 'redeye/v1/home/d/pi-1';

/** How the server answered the upgrade: `open`, or the status that it gave instead. */
async function upgrade(url: string, headers: Record<string, string> = {}): Promise<string | number> {
  const socket = new WebSocket(url, 'mqtt', { headers });
  try {
    return await new Promise((resolve, reject) => {
      socket.once('open', () => resolve('open'));
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
      socket.once('error', reject);
    });
  } finally {
    socket.on('error', () => socket.terminate());
    socket.terminate();
  }
}

describe('MQTT over WebSocket', () => {
  let bench: BrokerBench;
  let server: Server;
  let port: number;

  beforeEach(async () => {
    bench = await new BrokerBench({ port: 0 }).start();
    server = createServer((_request, response) => response.end('page'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    await bench.stop();
    server.closeAllConnections();
    server.close();
  });

  const options = { clientId: 'pi-1', username: 'pi-1', password: 'key-1' };

  it('serves a device like the port does, and refuses a wrong key', async () => {
    bench.broker.attachWebSocket(server);
    const url = `ws://127.0.0.1:${port}/mqtt`;
    const client = await bench.connect(options, url);
    const inbox = inboxOf(client);
    await client.subscribeAsync(`${D1}/cfg/desired`, { qos: 1 });
    await bench.broker.publish(`${D1}/cfg/desired`, { v: 1, ts: at, version: 1, pad: 'x'.repeat(100_000) });
    await until('it came', () => inbox.length === 1);
    await assert.rejects(bench.connect({ ...options, password: 'no' }, url), { code: 4 });
    await assert.rejects(client.subscribeAsync('#'));
  });

  it('keeps to the same limit of bytes', async () => {
    bench.broker.attachWebSocket(server);
    const client = await bench.connect(options, `ws://127.0.0.1:${port}/mqtt`);
    client.publish(`${D1}/rsp/x`, JSON.stringify({ id: 'a', status: 'ok', pad: 'x'.repeat(300_000) }), { qos: 0 });
    await until('cut', () => !client.connected);
    assert.deepEqual(bench.toldOf('onMessage', 'pi-1'), []);
  });

  it('lives below any path, and leaves upgrades to other paths to others', async () => {
    bench.broker.attachWebSocket(server, '/cameras/mqtt');
    server.on('upgrade', (request, socket) => {
      if (request.url === '/other') socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n');
    });
    assert.equal(await upgrade(`ws://127.0.0.1:${port}/cameras/mqtt?x=1`), 'open');
    assert.equal(await upgrade(`ws://127.0.0.1:${port}/other`), 418);
  });

  it('refuses pages of other origins, and lets its own and programs in', async () => {
    bench.broker.attachWebSocket(server);
    const url = `ws://127.0.0.1:${port}/mqtt`;
    assert.equal(await upgrade(url, { origin: 'https://evil.example' }), 403);
    assert.equal(await upgrade(url, { origin: 'null' }), 403);
    assert.equal(await upgrade(url, { origin: `http://127.0.0.1:${port}` }), 'open');
    assert.equal(await upgrade(url), 'open');
  });

  it('asks whoever it was told to ask about origins', async () => {
    bench.broker.attachWebSocket(server, '/mqtt', { allowOrigin: (origin) => origin === 'https://friend.example' });
    assert.equal(await upgrade(`ws://127.0.0.1:${port}/mqtt`, { origin: 'https://friend.example' }), 'open');
    assert.equal(await upgrade(`ws://127.0.0.1:${port}/mqtt`, { origin: `http://127.0.0.1:${port}` }), 403);
  });

  it('answers 503 while the broker does not run, and nothing once it is released', async () => {
    const release = bench.broker.attachWebSocket(server);
    await bench.broker.stop();
    assert.equal(await upgrade(`ws://127.0.0.1:${port}/mqtt`), 503);
    release();
    assert.equal(server.listenerCount('upgrade'), 0);
  });

  it('cuts a socket that sends no MQTT', async () => {
    bench.broker.attachWebSocket(server);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, 'mqtt');
    socket.on('error', () => socket.terminate());
    await once(socket, 'open');
    socket.send('hello');
    await once(socket, 'close');
  });
});
