import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cpuSeconds, median, percentile } from './cpu.ts';
import { atMost, printRows, type Row, show } from './media/rows.ts';

/** Begins a request every 10 ms for a second. */
async function atRate(into: Promise<number>[], request: () => Promise<number>): Promise<void> {
  const began = performance.now();
  for (let n = 1; n <= 100; n += 1) {
    into.push(request());
    await pause(Math.max(0, began + n * 10 - performance.now()));
  }
}

/** What the camera API must reach: what a capture costs above the camera's own time, captures one after the other, settings. */
const CAPTURES = Number(process.env.CAPTURES ?? 100);
const SETTINGS_S = Number(process.env.SECONDS ?? 10);

// The server's starter and the stand-in of the camera service are the tests' own; outside mocha nothing runs after them.
Object.assign(globalThis, { after: () => undefined });
const { ServerUnderTest } = await import('../test/support/servers.ts');
const { CameraService } = await import('../test/support/camera-service.ts');

const camera = await CameraService.open({ dialect: 'current' });
const proxy = spawn(process.execPath, [join(import.meta.dirname, 'peers/capture-proxy.ts'), camera.url], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const [port] = await once(proxy.stdout, 'data');
const server = await ServerUnderTest.start({ CAMERA_URL_ALLOW: '127.0.0.0/8' });
const rows: Row[] = [];
try {
  await server.api.post('/cameras', { id: 'service', name: 'Service', url: camera.url });
  await server.api.post('/cameras', { id: 'drawn', name: 'Drawn', url: 'sim:gradient' });
  const token = await server.api.token();
  const ask = async (url: string, method: string, more: Record<string, string> = {}) => {
    const began = performance.now();
    const body = method === 'POST' ? '{}' : undefined;
    const headers = { 'Content-Type': 'application/json', ...more };
    const response = await fetch(url, { method, headers, ...(body && { body }) });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return performance.now() - began;
  };
  const api = (path: string, method: string) =>
    ask(`${server.url}/api/v1${path}`, method, { Authorization: `Bearer ${token}` });
  const sides = {
    direct: () => ask(`${camera.url}/capture`, 'POST'),
    proxy: () => ask(`http://127.0.0.1:${String(port).trim()}/capture`, 'POST'),
    redeye: () => api('/cameras/service/capture', 'POST'),
  };
  const took: Record<keyof typeof sides, number[]> = { direct: [], proxy: [], redeye: [] };
  for (const side of Object.values(sides)) for (let n = 0; n < 20; n += 1) await side();
  for (let n = 0; n < CAPTURES; n += 1)
    for (const [name, side] of Object.entries(sides)) took[name as keyof typeof sides].push(await side());
  const own = median(took.direct);
  rows.push({ what: 'the camera service itself, p50', measured: `${show(own)} ms` });
  const above = (ms: number[], share: number) => percentile(ms, share) - own;
  const bare = `${show(above(took.proxy, 0.5))} / ${show(above(took.proxy, 0.95))} ms`;
  rows.push({ what: 'a bare Express + fetch proxy adds, p50 / p95 (keeps nothing)', measured: bare });
  rows.push(atMost('a capture that is kept durably adds, p50', above(took.redeye, 0.5), 15, 'ms'));
  rows.push(atMost('the same, p95', above(took.redeye, 0.95), 40, 'ms'));

  for (let n = 0; n < 10; n += 1) await api('/cameras/drawn/capture', 'POST');
  const began = performance.now();
  for (let n = 0; n < CAPTURES; n += 1) await api('/cameras/drawn/capture', 'POST');
  const rate = CAPTURES / ((performance.now() - began) / 1000);
  rows.push({
    what: 'captures of a drawn camera, one after the other',
    goal: '≥ 10 /s',
    measured: `${show(rate)} /s`,
    isMet: rate >= 10,
  });

  // In turns of a second: what else the machine does meets both.
  const asked: Record<'redeye' | 'proxy', Promise<number>[]> = { redeye: [], proxy: [] };
  let cpu = 0;
  for (let second = 0; second < SETTINGS_S; second += 1) {
    const before = cpuSeconds(server.program.pid);
    await atRate(asked.redeye, () => api('/cameras/service/settings', 'GET'));
    cpu += cpuSeconds(server.program.pid) - before;
    await atRate(asked.proxy, () => ask(`http://127.0.0.1:${String(port).trim()}/settings`, 'GET'));
  }
  const bareTimes = await Promise.all(asked.proxy);
  rows.push({
    what: 'settings at 100 requests a second through the bare proxy, p50 / p99',
    measured: `${show(median(bareTimes))} / ${show(percentile(bareTimes, 0.99))} ms`,
  });
  const times = await Promise.all(asked.redeye);
  rows.push({ what: 'the same by Redeye, p50', measured: `${show(median(times))} ms` });
  rows.push(atMost('the same by Redeye, p99', percentile(times, 0.99), 20, 'ms'));
  rows.push({ what: 'CPU of the server for one of them', measured: `${show((cpu * 1000) / times.length)} ms` });
} finally {
  await server.end();
  proxy.kill();
  await camera.stop();
}
printRows(rows);
console.log(`\nload ${loadavg().map(show).join(' ')}, ${CAPTURES} captures each`);
process.exit(rows.some(({ isMet }) => isMet === false) ? 1 : 0);
