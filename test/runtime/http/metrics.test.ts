import assert from 'node:assert/strict';
import { request } from 'node:http';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { EventMessage } from '../../../runtime/contracts/events.ts';
import type { MetricsAnswer, ServerState } from '../../../runtime/contracts/metrics.ts';
import type { HttpParts } from '../../../runtime/http/app.ts';
import { createFrameCounts } from '../../../runtime/http/frame-counts.ts';
import { createMetrics } from '../../../runtime/http/metrics.ts';
import { registerServerGauges } from '../../../runtime/http/server-gauges.ts';
import { createStageCounts } from '../../../runtime/http/stage-counts.ts';
import { systemMetrics } from '../../../runtime/http/system-metrics.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { openDoor } from '../../support/http-door.ts';
import { formOf, frameForm, jpegOf, metaOf, openIngest } from '../../support/ingest-door.ts';

const GB = 1e9;

function stateOf(more: Partial<ServerState> = {}): ServerState {
  return {
    disk: async () => ({ freeBytes: 100 * GB, totalBytes: 500 * GB }),
    segments: async () => ({ count: 3, bytes: 1234 }),
    database: {
      kind: 'pglite',
      ask: async () => undefined,
      figures: async () => ({ version: '17.2', sizeBytes: 8_000_000, tables: [] }),
    },
    jobCounts: async () => ({ queued: 2, running: 1, done: 40, failed: 1, dead: 0 }),
    devices: async () => ({ online: 1, total: 2 }),
    outboxWaiting: async () => 5,
    mqttConnections: () => 4,
    flows: () => ({ state: 'running' }),
    folders: [],
    background: async () => [],
    ...more,
  };
}

function build(state: Partial<ServerState> = {}) {
  const clock = new FakeClock();
  const metrics = createMetrics({ log: silentLog, process: false });
  const counts = createStageCounts({ metrics, clock });
  const whole = stateOf(state);
  registerServerGauges(metrics, whole, '1.2.3');
  return { clock, metrics, counts, state: whole };
}

describe('what is counted', () => {
  it('is shown to Prometheus under our prefix, measured when it asks', async () => {
    let depth = 2;
    const { metrics, counts } = build({
      jobCounts: async () => ({ queued: depth, running: 0, done: 0, failed: 0, dead: 0 }),
    });
    counts.frames.note({ outcome: 'stored', bytes: 1000, seconds: 0.004 });
    counts.frames.note({ outcome: 'refused', code: 'auth.invalid', bytes: 0, seconds: 0.001 });
    counts.onBatch({ frames: 3, seconds: 0.02 });
    counts.onAttempt('dead');
    for (const phase of ['start', 'end'] as const) {
      await counts.events.deliver({ phase, event: { type: 'camera_obstructed' } } as EventMessage);
    }
    depth = 7;
    const text = await metrics.text();
    for (const line of [
      'redeye_build_info{version="1.2.3"} 1',
      'redeye_ingest_frames_total{outcome="stored",code=""} 1',
      'redeye_ingest_frames_total{outcome="refused",code="auth.invalid"} 1',
      'redeye_ingest_bytes_total 1000',
      'redeye_ingest_seconds_bucket{le="0.005",outcome="stored"} 1',
      'redeye_ingest_batch_frames_sum 3',
      'redeye_job_attempts_total{outcome="dead"} 1',
      'redeye_events_total{type="camera_obstructed"} 1',
      'redeye_queue_jobs{state="queued"} 7',
      'redeye_devices_online 1',
      'redeye_segments 3',
      'redeye_segments_bytes 1234',
      'redeye_disk_free_bytes 100000000000',
      'redeye_database_up{kind="pglite"} 1',
      'redeye_outbox_waiting 5',
      'redeye_mqtt_connections 4',
      'redeye_flows_state{state="running"} 1',
      'redeye_flows_state{state="failed"} 0',
    ]) {
      assert.ok(text.split('\n').includes(line), `${line}\n${text}`);
    }
    assert.deepEqual(
      [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]).filter((name) => !name?.startsWith('redeye_')),
      [],
    );
  });

  it('leaves out what cannot be read, and says so, while the rest goes on', async () => {
    const away = async () => {
      throw new AppError('db.unavailable', 'gone');
    };
    const { metrics } = build({
      jobCounts: away,
      outboxWaiting: away,
      database: { kind: 'postgres', ask: away, figures: away },
    });
    await metrics.text();
    const text = await metrics.text();
    assert.ok(text.includes('redeye_database_up{kind="postgres"} 0'));
    assert.doesNotMatch(text, /^redeye_outbox_waiting/m);
    assert.doesNotMatch(text, /^redeye_queue_jobs/m);
    assert.match(text, /^redeye_scrape_failures_total\{metric="redeye_outbox_waiting"\} [12]$/m);
    assert.ok(text.includes('redeye_segments 3'));
  });

  it('holds memory, CPU and event loop of the process', async () => {
    const text = await createMetrics({ log: silentLog, process: true }).text();
    for (const name of ['process_resident_memory_bytes', 'process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds']) {
      assert.match(text, new RegExp(`^redeye_${name} `, 'm'));
    }
  });

  it('of frames is forgotten after an hour, for people', async () => {
    const clock = new FakeClock();
    const frames = createFrameCounts({ clock, metrics: createMetrics({ log: silentLog, process: false }) });
    frames.note({ outcome: 'stored', bytes: 10, seconds: 0.1 });
    frames.note({ outcome: 'conflict', code: 'frame.seq_taken', bytes: 0, seconds: 0.1 });
    await clock.advance(30 * 60_000);
    frames.note({ outcome: 'duplicate', bytes: 10, seconds: 0.1 });
    const { since, series, ...counted } = frames.lastHour();
    assert.equal(series.length, 12);
    assert.deepEqual(
      [5, 11].map((piece) => [series[piece]?.success, series[piece]?.failures]),
      [
        [1, 1],
        [1, 0],
      ],
    );
    assert.deepEqual(counted, {
      answer_ms: 100,
      success_total: 2,
      failures_total: 1,
      success: 2,
      failures: 1,
      duplicates: 1,
      failures_by_code: { 'frame.seq_taken': 1 },
      bytes: 10,
    });
    assert.equal(Date.parse(since), clock.now() - 30 * 60_000);
    await clock.advance(31 * 60_000);
    assert.deepEqual([frames.lastHour().success, frames.lastHour().failures], [1, 0]);
    await clock.advance(60 * 60_000);
    assert.equal(frames.lastHour().success, 0);
    assert.equal(Date.parse(frames.lastHour().since), clock.now() - 60 * 60_000);
  });

  it('is every answer to a frame, and nothing else', async () => {
    const reports: string[] = [];
    let outcome: 'stored' | 'duplicate' = 'stored';
    const door = await openIngest({
      accept: async () => ({ outcome, frameId: 'f', receivedAt: 1 }),
      onFrame: (report) => {
        assert.ok(report.seconds >= 0);
        reports.push([report.outcome, report.code ?? '', report.bytes > 0].join());
      },
    });
    const jpeg = await jpegOf();
    await door.post(frameForm(jpeg));
    outcome = 'duplicate';
    await door.post(frameForm(jpeg));
    await door.post(frameForm(jpeg, metaOf({ width: 5 })));
    await door.post(formOf([]), { 'X-DEVICE-KEY': 'nobody' });
    await door.postJson({ device_id: 'pi' }, {}, '/ingest/heartbeat');
    await door.close();
    assert.deepEqual(reports, [
      'stored,,true',
      'duplicate,,true',
      'refused,frame.malformed,false',
      'refused,auth.invalid,false',
    ]);
  });
});

describe('figures for people', () => {
  const machine = async () => ({
    cpuLoad: [0.5, 0.4, 0.3],
    cpus: 2,
    memoryTotalBytes: 8 * GB,
    memoryAvailableBytes: 4 * GB,
    temperatureC: 61,
  });
  const look = async (state: Partial<ServerState> = {}, failures = 0): Promise<MetricsAnswer> => {
    const { clock, counts, state: whole } = build(state);
    for (let n = 0; n < failures; n += 1) {
      counts.frames.note({ outcome: 'refused', code: 'auth.invalid', bytes: 0, seconds: 0 });
    }
    return systemMetrics({ state: whole, frames: counts.frames, clock, machine });
  };
  const levels = ({ alerts }: MetricsAnswer) => Object.fromEntries(alerts.map(({ metric, level }) => [metric, level]));

  it('come with a level each, and the worst of them', async () => {
    const fine = await look();
    assert.equal(fine.level, 'watch');
    assert.deepEqual(levels(fine), {
      temperature_c: 'watch',
      disk_free_bytes: 'ok',
      queue_depth: 'ok',
      ingest_failures_1h: 'ok',
      dead_jobs: 'ok',
    });
    assert.deepEqual(fine.queue, {
      depth: 3,
      by_state: { queued: 2, running: 1, done: 40, failed: 1, dead: 0 },
    });
    const poor = await look(
      {
        disk: async () => ({ freeBytes: 9 * GB, totalBytes: 500 * GB }),
        jobCounts: async () => ({ queued: 31, running: 0, done: 0, failed: 0, dead: 1 }),
      },
      8,
    );
    assert.deepEqual(levels(poor), {
      temperature_c: 'watch',
      disk_free_bytes: 'bad',
      queue_depth: 'watch',
      ingest_failures_1h: 'bad',
      dead_jobs: 'bad',
    });
    assert.deepEqual([poor.level, poor.ingest.failures_by_code], ['bad', { 'auth.invalid': 8 }]);
  });

  it('say what is down instead of failing', async () => {
    const away = async () => {
      throw new Error('gone');
    };
    const { database, queue, devices, level, flows } = await look({
      database: { kind: 'postgres', ask: away, figures: away },
      jobCounts: away,
      devices: away,
      flows: () => ({ state: 'stopped', reason: 'three crashes' }),
    });
    assert.deepEqual([queue, devices, level], [null, null, 'bad']);
    const unknown = { answer_ms: null, version: null, size_bytes: null, tables: null };
    assert.deepEqual(database, { kind: 'postgres', up: false, level: 'bad', ...unknown });
    assert.deepEqual(flows, { state: 'stopped', reason: 'three crashes', level: 'watch' });
  });
});

describe('the doors of operations', () => {
  let door: Awaited<ReturnType<typeof openDoor>> | undefined;
  afterEach(() => door?.close());
  const open = async (state: Partial<ServerState> = {}) => {
    const { clock, metrics, counts, state: whole } = build(state);
    const operations: HttpParts['operations'] = { metrics, frames: counts.frames, state: whole };
    door = await openDoor({ operations });
    return { ...door, clock };
  };
  /** As a program on this machine, but by another name or through a proxy. */
  const scrape = (url: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; authenticate: string | undefined; text: string }>((resolve, reject) => {
      request(`${url}/metrics`, { headers }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, authenticate: response.headers['www-authenticate'], text }),
        );
      })
        .on('error', reject)
        .end();
    });

  it('/metrics is open to this machine, and to nobody who comes through a proxy or by another name', async () => {
    const { url } = await open();
    assert.match((await scrape(url)).text, /^redeye_devices_online 1$/m);
    const strangers: Record<string, string>[] = [
      { Host: 'evil.example:1880' },
      { 'X-Forwarded-For': '203.0.113.9' },
      { Forwarded: 'for=203.0.113.9' },
    ];
    for (const headers of strangers) {
      const { status, authenticate, text } = await scrape(url, headers);
      assert.equal(status, 401, JSON.stringify(headers));
      assert.match(authenticate ?? '', /^Basic /);
      assert.equal(JSON.parse(text).code, 'auth.missing');
    }
  });

  it('/metrics takes a user, by token or by name and password', async () => {
    const { url, userToken, users } = await open();
    const token = await userToken('viewer');
    const name = users.users[0]?.name;
    const away = { Host: 'cameras.example' };
    const basic = (text: string) => ({ ...away, Authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    assert.equal((await scrape(url, { ...away, Authorization: `Bearer ${token}` })).status, 200);
    assert.equal((await scrape(url, basic(`${name}:correct horse battery`))).status, 200);
    for (const text of [`${name}:wrong horse`, 'nobody:x', 'no colon', ':x']) {
      assert.equal((await scrape(url, basic(text))).status, 401, text);
    }
    assert.equal((await scrape(url, { ...away, Authorization: 'Bearer x.y.z' })).status, 401);
  });

  it('GET /api/v1/metrics needs an operator', async () => {
    const { call, userToken } = await open();
    assert.equal((await call('GET', '/api/v1/metrics', { token: await userToken('viewer') })).status, 403);
    const { status, json } = await call('GET', '/api/v1/metrics', { token: await userToken('operator') });
    assert.equal(status, 200);
    assert.equal(json.alerts.length, 5);
    assert.equal(json.disk.segments, 3);
  });

  it('/health says 200 while database, folders and background work are fine', async () => {
    const folder = await temporaryFolder('health');
    const { call } = await open({
      folders: [{ name: 'data', path: folder }],
      background: async () => [{ name: 'outbox', ok: true, lastSuccess: null, lastError: null }],
    });
    const { status, json } = await call('GET', '/health');
    assert.equal(status, 200);
    assert.deepEqual(
      [json.status, json.ok, json.db],
      ['ok', true, { connected: true, kind: 'pglite', path: 'db', error: null }],
    );
    assert.deepEqual(json.directories, [{ name: 'data', path: 'data', exists: true, writable: true, error: null }]);
    assert.equal(json.background[0].name, 'outbox');
    assert.ok(!JSON.stringify(json).includes(folder), 'where the folder lies is nobody’s business');
  });

  const bad: Record<string, () => Partial<ServerState>> = {
    'the database is gone': () => ({
      database: {
        kind: 'postgres',
        async ask() {
          throw new Error('gone');
        },
        figures: () => Promise.reject(new Error('gone')),
      },
    }),
    'a folder is not there': () => ({ folders: [{ name: 'segments', path: '/nonexistent/segments' }] }),
    'something in the background fails': () => ({
      background: async () => [{ name: 'retention', ok: false, lastSuccess: null, lastError: 'no room' }],
    }),
    'the background cannot be looked at': () => ({
      async background() {
        throw new Error('gone');
      },
    }),
  };
  for (const [what, state] of Object.entries(bad)) {
    it(`/health says 503 when ${what}`, async () => {
      const { call } = await open(state());
      const { status, json } = await call('GET', '/health');
      assert.deepEqual([status, json.status, json.ok], [503, 'bad', false]);
    });
  }
});
