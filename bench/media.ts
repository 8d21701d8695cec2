import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Browser } from 'playwright-core';
import { endChildren } from './media/child.ts';
import { firstPicture } from './media/first-picture.ts';
import { hubCost } from './media/hub-cost.ts';
import { hlsLatency, mjpegLatency, whepLatency } from './media/latency.ts';
import { printRows, type Row } from './media/rows.ts';
import { type Server, Setting } from './media/setting.ts';
import { uplinkLatency } from './media/uplink.ts';
import { viewerLoad } from './media/viewers.ts';

/**
 * What live pictures must reach, in one table: delays by a counter that the camera draws and Chromium reads back, the time from a click to
 * the first picture, the server's CPU with many viewers and with many cameras. `--only whep,uplink,hls,mjpeg,first,viewers,hub` takes some of it.
 */
const PARTS = {
  viewers: (setting: Setting, server: Server) => viewerLoad(setting, server),
  hub: (setting: Setting, server: Server) => hubCost(setting, server),
  whep: async (_setting: Setting, server: Server) => whepLatency(server, await chromium()),
  uplink: async (setting: Setting) => uplinkLatency(setting, await chromium()),
  mjpeg: async (_setting: Setting, server: Server) => mjpegLatency(server, await chromium()),
  hls: async (_setting: Setting, server: Server) => hlsLatency(server, await chromium()),
  first: async (setting: Setting, server: Server) => firstPicture(setting, server, await chromium()),
};
type Name = keyof typeof PARTS;

const names = Object.keys(PARTS) as Name[];
const { values } = parseArgs({ options: { only: { type: 'string' } } });
const only = values.only?.split(',') ?? names;
const unknown = only.filter((name) => !names.includes(name as Name));
if (unknown.length > 0) {
  console.error(`no such part: ${unknown.join(', ')}; there are ${names.join(', ')}`);
  process.exit(2);
}

// What starts Chromium, the server and the edge are the tests' own: outside mocha somebody else has to run what they leave for the end.
const atEnd: (() => unknown)[] = [];
Object.assign(globalThis, { after: (run: () => unknown) => atEnd.push(run) });

let browser: Promise<Browser> | undefined;
const setting = new Setting();
const rows: Row[] = [];
const loads = [load()];
try {
  for (const name of names.filter((one) => only.includes(one))) {
    const begin = performance.now();
    // Each part has a server of its own: what one leaves behind is not the next one's.
    const server = await setting.server();
    try {
      rows.push(...(await PARTS[name](setting, server)));
    } catch (error) {
      rows.push({ what: name, goal: 'runs', measured: (error as Error).message.split('\n')[0] ?? '', isMet: false });
      console.error(error);
    }
    await server.child.end();
    loads.push(load());
    process.stderr.write(`${name}: ${((performance.now() - begin) / 1000).toFixed(0)} s\n`);
  }
} finally {
  await (await browser)?.close();
  await endChildren();
  for (const run of atEnd) await run();
  setting.close();
}
console.log(
  [
    'Camera and Chromium on this machine, over loopback. Delays: from when the camera draws a picture (640 × 360, 30 a second; then x264, the',
    'driver of the Pi’s own camera, the server) to when its counter is read back from what Chromium has drawn. CPU: of the server’s process.',
    `Load of the machine (mean of the last minute) before and after each part: ${loads.join(', ')}\n`,
  ].join('\n'),
);
printRows(rows);
process.exit(rows.some(({ isMet }) => isMet === false) ? 1 : 0);

function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

function chromium(): Promise<Browser> {
  browser ??= (async () => {
    const { openBrowser } = await import('../test/support/browser.ts');
    return openBrowser();
  })();
  return browser;
}
