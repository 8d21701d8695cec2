import { delimiter } from 'node:path';
import type { Browser } from 'playwright-core';
import { watchedDelays } from './latency.ts';
import { p95AtMost, type Row } from './rows.ts';
import { DRAWN, type Setting } from './setting.ts';

const GOAL_MS = 120;
const DEVICE = 'bench-pi';
const CAMERA = 'bench-pi-cam';

/** The same delays for a camera of a device: the built server with its database, and the built edge, which sends the stream when somebody watches. */
export async function uplinkLatency(setting: Setting, browser: Browser): Promise<Row[]> {
  // What is started gets this process' PATH: the edge finds the camera that draws.
  process.env.PATH = `${setting.programs}${delimiter}${process.env.PATH}`;
  const { EdgeUnderTest, ServerUnderTest } = await import('../../test/support/servers.ts');
  const { until } = await import('../../test/support/until.ts');
  const server = await ServerUnderTest.start();
  const edge = await EdgeUnderTest.start(server, await server.device(DEVICE), DRAWN);
  try {
    const page = { url: server.url, token: await server.api.token() };
    const watch = () =>
      watchedDelays(page, browser, { camera: CAMERA, way: 'whep' }).catch((error: Error) => {
        // It has only just been started: the player would wait and try again, too.
        if (!/is offline/.test(error.message)) throw error;
        return undefined;
      });
    const { delays, unread } = await until('the device is there', watch, 120_000);
    const more = unread === 0 ? '' : `, ${unread} not readable`;
    return [p95AtMost('WHEP, the same through the uplink of a device', delays, GOAL_MS, more)];
  } finally {
    await edge.end();
    await server.end();
  }
}
