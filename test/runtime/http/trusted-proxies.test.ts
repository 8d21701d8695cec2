import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { trustedProxies } from '../../../runtime/http/trusted-proxies.ts';

describe('TRUST_PROXY', () => {
  it('believes as many proxies as there are, or those at the addresses named, and nobody else', async () => {
    const seen = async (setting: string | undefined) => {
      const app = express();
      if (setting !== undefined) app.set('trust proxy', trustedProxies(setting));
      app.get('/', (req, res) => void res.send(req.ip));
      const server = createServer(app).listen(0, '127.0.0.1');
      await once(server, 'listening');
      try {
        const headers = { 'X-Forwarded-For': '203.0.113.9, 198.51.100.7' };
        return await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { headers })).text();
      } finally {
        server.close();
        server.closeAllConnections();
      }
    };
    assert.match(await seen(undefined), /127\.0\.0\.1$/);
    assert.equal(await seen('1'), '198.51.100.7', 'what the client says of itself is not believed');
    assert.equal(await seen('2'), '203.0.113.9');
    assert.equal(await seen('loopback'), '198.51.100.7');
    assert.match(await seen('10.0.0.0/8'), /127\.0\.0\.1$/);
  });
});
