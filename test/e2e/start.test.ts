import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import type { EventRecord } from '../../runtime/contracts/events.ts';
import type { LiveWays } from '../../runtime/contracts/live.ts';
import type { Roi } from '../../runtime/contracts/rois.ts';
import { temporaryFolder } from '../support/folders.ts';
import { putMigratedPglite } from '../support/pglite-image.ts';
import { freePorts, isTaken, Program, processesOf } from '../support/programs.ts';
import { ServerApi } from '../support/server-api.ts';
import { until } from '../support/until.ts';

const CLIP = process.env.TEST_CLIP;
const run = promisify(execFile);
const CAMERA = 'demo-pi-cam';
const OWN_PASSWORD = 'shelf and hand and bottle';
/** The welcome comes after the database was made, which takes long on a busy machine. */
const READY_MS = 90_000;

describe('npm start', function () {
  this.timeout(150_000);
  let folder: string;
  let ports: number[];
  let password: string;

  before(async () => {
    folder = await temporaryFolder('redeye-e2e-start');
    ports = await freePorts(3);
  });

  it('says in plain words what it started, where, and the first password, then tells each event as it happens', async () => {
    const program = start({});
    await program.printed(/^Starting Redeye: the server and one simulated Pi/);
    await program.printed(/Ctrl-C stops everything/, READY_MS);
    assert.ok(program.lines.some((line) => line.includes(`Redeye is at      ${url()}`)));
    assert.ok(program.lines.some((line) => line.includes(`${url()}/editor/`)));
    assert.ok(program.lines.some((line) => line.includes('demo-pi, camera demo-pi-cam plays sim:shelf')));
    const login = program.lines.find((line) => line.includes('First login')) ?? '';
    password = /admin \/ (\S+)/.exec(login)?.[1] ?? '';
    const { user, access_token } = await new ServerApi(url(), 'admin', password).login();
    assert.equal(user.name, 'admin');
    // The first thing that the product asks for.
    const changed = await fetch(`${url()}/api/v1/auth/password`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${access_token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ current_password: password, new_password: OWN_PASSWORD }),
    });
    assert.equal(changed.status, 204, await changed.text());
    password = OWN_PASSWORD;
    await program.printed(/^\d\d:\d\d:\d\d {2}server {2}event started .*camera=demo-pi-cam/, 40_000);
    await program.printed(/^\d\d:\d\d:\d\d {2}server {2}event ended .*seconds=/, 20_000);
    const jsonLines = program.lines.filter((line) => line.startsWith('{'));
    assert.deepEqual(jsonLines, [], 'nothing is printed as JSON');
    await endsWhole(program, 'SIGINT');
  });

  it('started again on the same folder, shows no password and keeps what was there', async () => {
    const program = start({});
    await program.printed(/Ctrl-C stops everything/, READY_MS);
    assert.deepEqual(
      program.lines.filter((line) => line.includes('First login')),
      [],
    );
    const api = new ServerApi(url(), 'admin', password);
    const { length } = await api.captures('demo-pi');
    assert.ok(length > 0);
    assert.ok((await api.events('interaction_detected')).length > 0);
    await program.while('frames go on', async () => (await api.captures('demo-pi')).length > length);
    await seesThePiLive(program, api);
    // As the backend of seed 002 asks its camera service (S2.9).
    const { status, camera_connected, timestamp } = (await (
      await fetch(`http://127.0.0.1:${ports[2]}/health`)
    ).json()) as Record<string, unknown>;
    assert.deepEqual([status, camera_connected], ['healthy', true]);
    assert.ok(Math.abs(Date.parse(String(timestamp)) - Date.now()) < 60_000);
    assert.deepEqual(
      program.lines.filter((line) => line.includes('command failed')),
      [],
      'the Pi was asked for nothing before its flows ran',
    );
    await endsWhole(program, 'SIGTERM');
  });

  it('killed by the machine, leaves nothing behind', async () => {
    const program = start({});
    await program.printed(/the edge runs/, READY_MS);
    await program.end('SIGKILL');
    await nothingIsLeft();
  });

  it('plays real footage: interactions with pictures from before, during and after', async () => {
    if (CLIP === undefined) {
      process.stdout.write('      (TEST_CLIP is not set: no real footage was played)\n');
      return;
    }
    folder = await temporaryFolder('redeye-e2e-clip');
    // The first test has the database made; here it lies ready.
    await mkdir(join(folder, 'data'), { mode: 0o700 });
    await putMigratedPglite(join(folder, 'data', 'db'));
    const program = start({ CAMERA: `file:${CLIP}`, ADMIN_PASSWORD: password });
    await program.printed(/the edge runs/, READY_MS);
    const api = new ServerApi(url(), 'admin', password);
    const { version } = await api.put<{ version: number }>(`/cameras/${CAMERA}/rois`, { rois: await clipRois(CLIP) });
    assert.equal(version, 1);
    const events = await program.while(
      'two interactions have ended',
      async () => {
        const closed = (await api.events('interaction_detected')).filter(({ state }) => state === 'closed');
        return closed.length >= 2 && closed;
      },
      60_000,
    );
    for (const event of events) await hasPictures(api, event);
    await endsWhole(program, 'SIGINT');
  });

  /** As an HLS player does: the Pi's camera, asked for at the server, which has it sent by the Pi. */
  async function seesThePiLive(program: Program, api: ServerApi): Promise<void> {
    const headers = { Authorization: `Bearer ${await api.token()}` };
    const index = await program.while(
      'the Pi is live on the server',
      async () => {
        const answer = await fetch(`${url()}/${CAMERA}/index.m3u8`, { headers });
        return answer.ok && answer.text();
      },
      30_000,
    );
    assert.match(index, /RESOLUTION=1280x720/);
    const { token } = await api.post<{ token: string }>(`/cameras/${CAMERA}/stream-token`, {});
    const shown = ['-v', 'error', '-show_entries', 'frame=width,height', '-read_intervals', '%+#5', '-of', 'json'];
    const { stdout } = await run('ffprobe', [...shown, `${url()}/${CAMERA}/index.m3u8?token=${token}`]);
    const { frames } = JSON.parse(stdout) as { frames: { width: number; height: number }[] };
    assert.ok(frames.length >= 5, `${frames.length} pictures decoded`);
    for (const { width, height } of frames) assert.deepEqual([width, height], [1280, 720]);
    const ways = await api.get<LiveWays>(`/cameras/${CAMERA}/live`);
    assert.equal(ways.state, 'live');
  }

  function url(): string {
    return `http://127.0.0.1:${ports[0]}`;
  }

  function start(env: Record<string, string>): Program {
    const [port, mqttPort, edgePort] = ports;
    return new Program({
      name: 'npm start',
      file: 'runtime/cli/start.js',
      folder,
      env: {
        DATA_DIR: join(folder, 'data'),
        PORT: `${port}`,
        MQTT_PORT: `${mqttPort}`,
        EDGE_PORT: `${edgePort}`,
        ...env,
      },
    });
  }

  async function endsWhole(program: Program, signal: NodeJS.Signals): Promise<void> {
    const pids = (await processesOf(folder)).map(({ pid }) => pid);
    assert.ok(pids.length >= 4, `starter, server, agent and its child run: ${pids}`);
    assert.equal(await program.end(signal), 0);
    assert.deepEqual(await processesOf(folder), [], 'no process is left');
    for (const port of ports) assert.equal(await isTaken(port), false, `port ${port} is free again`);
  }

  async function nothingIsLeft(): Promise<void> {
    await until('every process is gone', async () => (await processesOf(folder)).length === 0, 20_000);
    for (const port of ports) assert.equal(await isTaken(port), false, `port ${port} is free again`);
  }
});

async function hasPictures(api: ServerApi, event: EventRecord): Promise<void> {
  for (const role of ['pre', 'during', 'post'] as const) {
    const picture = await api.picture(event.images[role] ?? `event ${event.id} has no picture "${role}"`);
    const { format, width, height } = await sharp(picture).metadata();
    assert.equal(format, 'jpeg');
    assert.ok(width > 0 && height > 0);
  }
}

/** The ROIs that were annotated with the clip (pixel rectangles, beside it) as polygons in shares of the picture. */
async function clipRois(clip: string): Promise<Roi[]> {
  const text = await readFile(join(dirname(clip), 'bottle.events.json'), 'utf8');
  const { frame, rois } = JSON.parse(text) as {
    frame: [number, number];
    rois: Record<string, [number, number, number, number]>;
  };
  return Object.entries(rois).map(([name, [left, top, width, height]]) => {
    const point = (x: number, y: number): [number, number] => [x / frame[0], y / frame[1]];
    const [right, bottom] = [left + width, top + height];
    return {
      name,
      kind: 'inventory',
      points: [point(left, top), point(right, top), point(right, bottom), point(left, bottom)],
    };
  });
}
