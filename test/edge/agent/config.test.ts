import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Config } from '../../../edge/agent/config.ts';
import { ServerHttp } from '../../../edge/agent/server-http.ts';
import { ServerTime } from '../../../edge/agent/server-time.ts';
import { defaultDeviceConfig, type ServedConfig, withMilliseconds } from '../../../runtime/contracts/device-config.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';
import { json, ScriptedServer } from './scripted-server.ts';

describe('the configuration of the device', () => {
  let clock: FakeClock;
  let file: string;
  let server: ScriptedServer;
  let http: ServerHttp;
  let served: ServedConfig;
  let refusal: number | undefined;
  /** how far the server's clock is ahead */
  let ahead: number;
  let answers: number[];
  const parts: Config[] = [];

  const make = (log = silentLog) => {
    const config = new Config({
      file,
      device: 'pi',
      call: http.call,
      time: new ServerTime(clock),
      clock,
      log,
      random: () => 0.5,
      onAnswer: async ({ last_seq }) => {
        answers.push(last_seq);
      },
    });
    parts.push(config);
    const told: string[] = [];
    config.watch(({ version, mode }) => told.push(`${version} ${mode}`));
    return { config, told };
  };
  const asked = (count: number) => until(`${count} questions`, () => server.received.length >= count);
  const burst = (ms: number) => ({
    mode: 'burst' as const,
    burst_until: new Date(clock.now() + ahead + ms).toISOString(),
  });

  beforeEach(async () => {
    clock = new FakeClock();
    file = join(await temporaryFolder('config'), 'config.json');
    refusal = undefined;
    ahead = 0;
    answers = [];
    served = {
      ok: true,
      device_id: 'pi',
      version: 1,
      last_seq: 4,
      mode: 'baseline',
      burst_until: null,
      mqtt: { url: 'mqtt://127.0.0.1:1883', root: 'redeye/v1/home' },
      config: withMilliseconds(defaultDeviceConfig()),
    };
    server = new ScriptedServer((request, response) => {
      const etag = `"${served.version}-${served.mode}"`;
      const headers = { etag, date: new Date(clock.now() + ahead).toUTCString() };
      if (refusal !== undefined) return json(response, refusal, { ok: false, error: 'no' });
      if (request.headers['if-none-match'] === etag) return response.writeHead(304, headers).end();
      json(response, 200, served, headers);
    });
    http = new ServerHttp({ url: await server.start(), key: 'k', clock });
  });
  afterEach(async () => {
    for (const part of parts.splice(0)) await part.stop();
    http.close();
    await server.stop();
  });

  it('is fetched at the start with the key, put in force and told to the spool', async () => {
    const { config, told } = make();
    await config.start();
    await until('it is in force', () => config.current());
    assert.equal(server.received[0]?.path, '/api/v1/device/config?device_id=pi');
    assert.equal(server.received[0]?.headers['x-device-key'], 'k');
    assert.deepEqual(config.current(), served);
    assert.deepEqual(told, ['1 baseline']);
    assert.deepEqual(answers, [4]);
  });

  it('is asked for at its own interval, by ETag, and nobody is told what they know', async () => {
    const { config, told } = make();
    await config.start();
    await until('in force', () => config.current());
    await until('it pauses', () => clock.timers === 1);
    await clock.advance(14_900);
    assert.equal(server.received.length, 1);
    await clock.advance(200);
    await asked(2);
    assert.equal(server.received[1]?.headers['if-none-match'], '"1-baseline"');
    served = { ...served, version: 2, config: { ...served.config, config_poll_interval_s: 2 } };
    await until('the change is in force', async () => {
      await clock.advance(1000);
      return config.current()?.version === 2;
    });
    assert.deepEqual(told, ['1 baseline', '2 baseline']);
    const before = { count: server.received.length, at: clock.now() };
    await until('a question by the new interval', async () => {
      await clock.advance(100);
      return server.received.length > before.count;
    });
    assert.ok(clock.now() - before.at < 10_000, `${clock.now() - before.at}`);
  });

  it('is asked for at once when told to, also while a question is under way', async () => {
    const { config } = make();
    await config.start();
    config.refresh();
    await asked(2);
    await until('in force', () => config.current());
    config.refresh();
    await asked(3);
  });

  it('switches to burst and back by itself, though the server is gone by then', async () => {
    served = { ...served, ...burst(15_000) };
    const { config, told } = make();
    await config.start();
    await until('a burst', () => config.current()?.mode === 'burst');
    await server.stop();
    await clock.advance(13_000);
    assert.equal(config.current()?.mode, 'burst');
    await clock.advance(3_000);
    assert.equal(config.current()?.mode, 'baseline');
    assert.equal(config.current()?.burst_until, null);
    assert.deepEqual(told, ['1 burst', '1 baseline']);
    await server.start();
  });

  it("ends a burst by the server's time when the device's clock is wrong, and when it is set right meanwhile", async () => {
    ahead = 56 * 365 * 86_400_000;
    served = { ...served, ...burst(15_000) };
    const { config } = make();
    await config.start();
    await until('a burst', () => config.current()?.mode === 'burst');
    clock.jump(ahead);
    await clock.advance(13_000);
    assert.equal(config.current()?.mode, 'burst');
    await clock.advance(3_000);
    assert.equal(config.current()?.mode, 'baseline');
  });

  it('is used from disk when there is no network, a burst that has ended meanwhile left out', async () => {
    served = { ...served, version: 7, ...burst(15_000) };
    const first = make();
    await first.config.start();
    await until('kept', () =>
      readFile(file, 'utf8').then(
        (text) => text.includes('"version": 7'),
        () => false,
      ),
    );
    await first.config.stop();
    await server.stop();
    await clock.advance(60_000);
    const { config, told } = make();
    await config.start();
    assert.equal(config.current()?.version, 7);
    assert.equal(config.current()?.mode, 'baseline');
    assert.equal(config.current()?.mqtt.url, 'mqtt://127.0.0.1:1883');
    assert.deepEqual(told, ['7 baseline']);
    await until('it says why', () => config.trouble());
    await server.start();
  });

  it('spares the disk when only last_seq moved', async () => {
    const { config } = make();
    await config.start();
    await until('kept', () => stat(file).catch(() => false));
    const { mtimeNs, ino } = await stat(file, { bigint: true });
    served = { ...served, last_seq: 99 };
    server.reply = (_request, response) => json(response, 200, served);
    config.refresh();
    await until('heard', () => answers.includes(99));
    await until('in force', () => config.current()?.last_seq === 99);
    const after = await stat(file, { bigint: true });
    assert.deepEqual([after.mtimeNs, after.ino], [mtimeNs, ino]);
  });

  it('goes on with what it has when the answer is nonsense, for another device, or a refusal', async () => {
    const { config } = make();
    await config.start();
    await until('in force', () => config.current());
    for (const reply of ['<html>', '{"ok":true}', JSON.stringify({ ...served, device_id: 'other' })]) {
      const count = server.received.length;
      server.reply = (_request, response) => response.writeHead(200).end(reply);
      config.refresh();
      await asked(count + 1);
      await until('it says why', () => config.trouble());
      assert.equal(config.current()?.version, 1);
    }
    server.reply = (_request, response) => json(response, 401, { ok: false, error: 'unknown key' });
    config.refresh();
    await until('it names the refusal', () => config.trouble()?.startsWith('401'));
    const count = server.received.length;
    await clock.advance(59_000);
    assert.equal(server.received.length, count);
    await clock.advance(1_500);
    await asked(count + 1);
  });

  it('starts without a kept copy when that is torn, and fills in what an older server does not say', async () => {
    await writeFile(file, '{"ok":tr');
    server.reply = (_request, response) =>
      json(response, 200, { ...served, later: 1, config: { capture_interval_s: 3 } });
    const { config } = make();
    await config.start();
    await until('in force', () => config.current());
    assert.equal(config.current()?.config.capture_interval_s, 3);
    assert.equal(config.current()?.config.capture_interval_ms, 3000);
    assert.equal(config.current()?.config.jpeg_quality, 80);
  });
});
