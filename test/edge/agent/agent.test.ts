import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Agent } from '../../../edge/agent/agent.ts';
import { childEnvironment, KEY_HASHES } from '../../../edge/agent/child-environment.ts';
import { hashOfKey } from '../../../edge/runtime/access.ts';
import { EdgeSettings, readSettings } from '../../../edge/settings.ts';
import { defaultDeviceConfig, type ServedConfig, withMilliseconds } from '../../../runtime/contracts/device-config.ts';
import { DeviceHealth } from '../../../runtime/contracts/mqtt-messages.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { parser } from '../../../runtime/lib/validate.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';
import { json, ScriptedServer } from './scripted-server.ts';

describe('the agent', () => {
  let server: ScriptedServer;
  let url: string;
  let folder: string;
  let lastSeq: number;
  let seqs: number[];
  const agents: Agent[] = [];

  const served = (): ServedConfig => ({
    ok: true,
    device_id: 'pi',
    version: 1,
    last_seq: lastSeq,
    mode: 'baseline',
    burst_until: null,
    mqtt: { url: '', root: 'redeye/v1/home' },
    config: withMilliseconds(defaultDeviceConfig()),
  });
  const make = async () => {
    const env = { DEVICE_ID: 'pi', SERVER_URL: url, EDGE_DATA_DIR: folder };
    const agent = new Agent({
      settings: readSettings(env),
      key: 'the-key',
      version: '1.2.3',
      clock: systemClock,
      log: silentLog,
      child: { entry: join(import.meta.dirname, 'children', 'camera.ts'), env: process.env },
    });
    agents.push(agent);
    await agent.start();
    return agent;
  };

  beforeEach(async () => {
    lastSeq = -1;
    seqs = [];
    folder = await temporaryFolder('agent');
    server = new ScriptedServer((request, response) => {
      if (request.path.startsWith('/api/v1/device/config')) return json(response, 200, served());
      if (request.path === '/api/v1/ingest/heartbeat') return json(response, 200, { ok: true, last_seen: '' });
      if (request.path === '/api/v1/device/pushes') return json(response, 404, { ok: false });
      const seq = Number(request.meta?.seq);
      seqs.push(seq);
      lastSeq = Math.max(lastSeq, seq);
      json(response, 201, { ok: true, frame_id: `f${seq}`, received_ts: '', duplicate: false });
    });
    url = await server.start();
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.stop();
    await server.stop();
  });

  it('brings pictures of its child to the server without a gap, though the child ends after every tenth', async () => {
    await make();
    await until('twenty frames of two children', () => seqs.length >= 20, 20_000);
    assert.deepEqual(
      seqs.slice(0, 20),
      Array.from({ length: 20 }, (_, seq) => seq),
    );
    assert.deepEqual(server.frames[0]?.image, Buffer.from([0xff, 0xd8, 1, 2, 3, 0xff, 0xd9]));
  });

  it('goes on with the next number after a restart', async () => {
    const first = await make();
    await until('some frames', () => seqs.length >= 3);
    await first.stop();
    const before = seqs.length;
    await make();
    await until('more frames', () => seqs.length >= before + 3);
    // The one that was on its way at the stop may come again, under its number: its answer was not heard.
    const [last = -1, next = -1] = [seqs[before - 1], seqs[before]];
    assert.ok(next === last || next === last + 1, `${last}, then ${next}`);
    const each = next === last ? seqs.toSpliced(before, 1) : seqs;
    assert.deepEqual(
      each,
      Array.from({ length: each.length }, (_, seq) => seq),
    );
  });

  it('keeps frames while the server is away and sends them when it is back, without a gap', async () => {
    await make();
    await until('some frames', () => seqs.length >= 3);
    const { port } = server;
    await server.stop();
    await systemClock.sleep(300);
    await server.start(port);
    const before = seqs.length;
    await until('more frames', () => seqs.length >= before + 5, 20_000);
    assert.deepEqual(
      [...new Set(seqs)],
      Array.from({ length: new Set(seqs).size }, (_, seq) => seq),
    );
  });

  it('says by HTTP how it is while there is no MQTT, within a kilobyte', async () => {
    await make();
    const beat = await until('a heartbeat', () => server.received.find(({ path }) => path.endsWith('/heartbeat')));
    assert.ok(beat.body.length <= 1024, `${beat.body.length}`);
    const body = JSON.parse(beat.body.toString());
    assert.equal(body.device_id, 'pi');
    assert.equal(body.fw_version, '1.2.3');
    const health = parser(DeviceHealth)(body.health);
    assert.ok((health.rss_mb ?? 0) > 10 && (health.disk_free_mb ?? 0) > 0);
    assert.equal(health.clock_ok, true);
    assert.equal(health.mode, 'baseline');
  });

  it('is the only one on its folder', async () => {
    await make();
    await assert.rejects(make(), { code: 'data_dir.locked' });
    agents.pop();
  });

  it('keeps its key and what else lies in the environment from the child', () => {
    const env = {
      PATH: '/bin',
      DEVICE_KEY: 'k',
      DEVICE_KEY_FILE: '/k',
      AUTHORIZED_API_KEYS: '["other"]',
      ADMIN_PASSWORD: 'p',
      CAMERA: 'sim:shelf',
      DEVICE_ID: 'pi',
    };
    const given = childEnvironment(env, Object.keys(EdgeSettings.properties), ['k', 'other']);
    assert.equal(given.CAMERA, 'sim:shelf');
    assert.equal(given.PATH, '/bin');
    const kept = ['DEVICE_KEY', 'DEVICE_KEY_FILE', 'AUTHORIZED_API_KEYS', 'ADMIN_PASSWORD'];
    for (const name of kept) assert.equal(given[name], undefined);
    // What it needs to know a key when it is shown one.
    assert.equal(given[KEY_HASHES], ['k', 'other'].map(hashOfKey).join(','));
  });
});

describe('npm run edge', () => {
  const main = join(import.meta.dirname, '..', '..', '..', 'edge', 'main.ts');
  const run = async (env: Record<string, string>) => {
    const child = spawn(process.execPath, [main], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const [code] = await once(child, 'close');
    return { code, said };
  };

  it('ends with one clear sentence with a key that is nobody’s, or with a camera that cannot be', async () => {
    const folder = await temporaryFolder('edge');
    const noName = await run({ DEVICE_KEY: 'secret-key', EDGE_DATA_DIR: folder });
    assert.equal(noName.code, 1);
    assert.match(noName.said, /^DEVICE_ID: is not set: give the id that DEVICE_KEY belongs to\n$/);
    const noCamera = await run({
      DEVICE_ID: 'pi',
      DEVICE_KEY: 'secret-key',
      EDGE_DATA_DIR: folder,
      CAMERA: 'gopher:x',
    });
    assert.equal(noCamera.code, 1);
    assert.match(noCamera.said, /^CAMERA: [^\n]+\n$/);
  });
});
