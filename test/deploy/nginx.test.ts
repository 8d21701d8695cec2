import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../support/folders.ts';
import { freePorts, isTaken } from '../support/ports.ts';
import { until } from '../support/until.ts';

const runFile = promisify(execFile);
const FOLDER = resolve(import.meta.dirname, '../../deploy/nginx');

describe("nginx's snippets", () => {
  it('are taken by nginx, know the prefix, upgrade WebSockets and hold nothing back', async () => {
    const seen: IncomingMessage[] = [];
    const server = createServer((incoming, response) => {
      seen.push(incoming);
      // A part of a stream that goes on: it must arrive before the answer is over.
      response.writeHead(200).write('first part');
    });
    server.on('upgrade', (incoming, socket) => {
      seen.push(incoming);
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const folder = await temporaryFolder('nginx');
    const [port = 0] = await freePorts(1);
    const behind = (server.address() as AddressInfo).port;
    const snippet = (await readFile(join(FOLDER, 'redeye.conf'), 'utf8'))
      .replaceAll('127.0.0.1:1880', `127.0.0.1:${behind}`)
      .replaceAll('/etc/nginx/snippets', FOLDER);
    await writeFile(join(folder, 'redeye.conf'), snippet);
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    const config = [
      `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;`,
      process.getuid?.() === 0 ? 'user root;' : '',
      `events {} http { access_log off; ${paths.join(' ')} include ${FOLDER}/redeye-map.conf;`,
      `server { listen 127.0.0.1:${port}; include ${folder}/redeye.conf; } }`,
    ].join('\n');
    const file = join(folder, 'nginx.conf');
    await writeFile(file, config);
    const args = ['-p', folder, '-c', file, '-e', join(folder, 'error.log')];
    await runFile('/usr/sbin/nginx', ['-t', ...args]);
    const nginx = spawn('/usr/sbin/nginx', args, { stdio: 'ignore' });
    const ending = new AbortController();
    try {
      await until('nginx listens', () => isTaken(port));
      for (const path of ['/secure/api/v1/cameras/gate/mjpeg?fps=5', '/cameras/a%20b?x=%2F']) {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          signal: ending.signal,
          headers: { 'X-Forwarded-For': '192.0.2.1' },
        });
        const { value } = (await response.body?.getReader().read()) ?? {};
        assert.equal(Buffer.from(value ?? []).toString(), 'first part');
      }
      const headers = { Upgrade: 'websocket', Connection: 'Upgrade' };
      const asked = request({ port, host: '127.0.0.1', path: '/secure/mqtt', headers }).end();
      const [answer] = await once(asked, 'upgrade');
      assert.equal(answer.statusCode, 101);
      asked.destroy();
      assert.deepEqual(
        seen.map(({ url }) => url),
        ['/api/v1/cameras/gate/mjpeg?fps=5', '/cameras/a%20b?x=%2F', '/mqtt'],
      );
      assert.equal(seen[0]?.headers['x-forwarded-proto'], 'http');
      assert.match(String(seen[0]?.headers['x-forwarded-for']), /^192\.0\.2\.1, 127\.0\.0\.1$/);
    } finally {
      ending.abort();
      const gone = once(nginx, 'exit');
      nginx.kill('SIGTERM');
      await gone;
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  });
});
