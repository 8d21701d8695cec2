import assert from 'node:assert/strict';
import { createMediamtxPorts, MEDIAMTX_PORTS } from '../../../runtime/http/mediamtx-ports.ts';
import { freePorts } from '../../support/ports.ts';

describe("MediaMTX' ports", () => {
  const stops: (() => Promise<void>)[] = [];

  async function open() {
    const free = await freePorts(MEDIAMTX_PORTS.length);
    const ports = MEDIAMTX_PORTS.map((one, index) => ({ ...one, port: free[index] ?? 0 }));
    const door = createMediamtxPorts({ host: '127.0.0.1', ports, app: (req, res) => res.end(`app ${req.url}`) });
    await door.start();
    stops.push(() => door.stop());
    const at = new Map(MEDIAMTX_PORTS.map(({ port }, index) => [port, free[index]]));
    const ask = async (port: number, path: string) => {
      const answer = await fetch(`http://127.0.0.1:${at.get(port)}${path}`);
      return `${answer.status} ${await answer.text()}`;
    };
    return { ask, free };
  }

  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  it('lead to our handlers, each to its own paths', async () => {
    const { ask } = await open();
    for (const [port, path] of [
      [8889, '/gate/whep'],
      [8889, '/gate/whep/Zm9v_-?token=x'],
      [8888, '/gate/index.m3u8?token=x'],
      [8888, '/gate/part-00ff-12.mp4'],
      [9997, '/v3/paths/list'],
    ] as const) {
      assert.equal(await ask(port, path), `200 app ${path}`);
    }
    assert.equal(await ask(9998, '/metrics'), '200 app /metrics?names=mediamtx');
  });

  it('show nothing else of the server', async () => {
    const { ask } = await open();
    for (const [port, path] of [
      [8889, '/api/v1/cameras'],
      [8889, '/gate/index.m3u8'],
      [8888, '/gate/whep'],
      [8888, '/gate/../api/v1/users/index.m3u8'],
      [9997, '/api/v1/users'],
      [9998, '/metrics/x'],
      [9998, '/'],
    ] as const) {
      assert.match(await ask(port, path), /^404 .*route\.not_found/, path);
    }
  });

  it('name the setting when one is taken', async () => {
    const { free } = await open();
    const [port = 0] = free;
    const door = createMediamtxPorts({ host: '127.0.0.1', ports: [{ port, paths: [] }], app: () => {} });
    stops.push(() => door.stop());
    await assert.rejects(door.start(), {
      code: 'setting.invalid',
      message: `MEDIAMTX_PORTS: 127.0.0.1:${port} is in use by another program`,
    });
  });
});
