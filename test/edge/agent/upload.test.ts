import assert from 'node:assert/strict';
import { framePost } from '../../../edge/agent/frame-post.ts';
import { ServerHttp } from '../../../edge/agent/server-http.ts';
import { Upload } from '../../../edge/agent/upload.ts';
import type { Spool } from '../../../edge/spool/spool.ts';
import type { UploadStatus } from '../../../runtime/contracts/host.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';
import { frame, noting, spoolIn } from '../spool/support.ts';
import { json, type Reply, ScriptedServer } from './scripted-server.ts';

const stored: Reply = (request, response) =>
  json(response, 201, { ok: true, frame_id: `f${request.meta?.seq}`, received_ts: '', duplicate: false });

describe('the upload', () => {
  const clock = new FakeClock();
  let server: ScriptedServer;
  let spool: Spool;
  let upload: Upload;
  let http: ServerHttp;
  let lines: Parameters<typeof noting>[0];
  let states: UploadStatus['state'][];

  /** A script of answers, one a frame; the last one stays. */
  const answer = (...replies: Reply[]) => {
    server.reply = (request, response) =>
      ((replies.length > 1 ? replies.shift() : replies[0]) ?? stored)(request, response);
  };
  const refuse = (status: number, body: unknown = { ok: false, error: 'no' }, headers = {}): Reply => {
    return (_request, response) => json(response, status, body, headers);
  };
  const seqs = () => server.frames.map((received) => received.meta?.seq);
  const empty = () => until('the spool is empty', () => spool.counts().frames === 0);
  /** Waits until the upload rests, then lets the time pass. */
  const rest = async (ms: number, state: UploadStatus['state'] = 'waiting') => {
    await until(`the upload is ${state}`, () => upload.status().state === state);
    await clock.advance(ms);
  };

  beforeEach(async () => {
    server = new ScriptedServer(stored);
    http = new ServerHttp({ url: await server.start(), key: 'the-key', clock });
    spool = spoolIn(await temporaryFolder('upload'));
    await spool.start();
    await spool.settle(-1);
    lines = [];
    states = [];
    const post = framePost({ call: http.call, device: 'pi', firmware: '1.2.3', now: () => clock.now() });
    upload = new Upload({ spool, post, clock, log: noting(lines), random: () => 0.5 });
    upload.watch(({ state }) => {
      if (states.at(-1) !== state) states.push(state);
    });
    await upload.start();
  });
  afterEach(async () => {
    await upload.stop();
    await spool.stop();
    http.close();
    await server.stop();
  });

  it('sends what the contract asks for, oldest first, and empties the spool', async () => {
    await spool.add(frame('a'));
    await spool.add(frame('b'));
    await empty();
    const [first] = server.frames;
    assert.equal(first?.headers['x-device-key'], 'the-key');
    assert.deepEqual(first?.meta, {
      device_id: 'pi',
      camera: 'pi-cam',
      capture_ts: '2023-11-14T22:13:20.000Z',
      seq: 0,
      width: 4,
      height: 3,
      jpeg_quality: 80,
      fw_version: '1.2.3',
    });
    assert.deepEqual(first?.image, frame('a').jpeg);
    assert.deepEqual(seqs(), [0, 1]);
    await until('idle', () => upload.status().state === 'idle');
    assert.equal(upload.status().sent, 2);
    assert.equal(upload.status().lastSentAt, clock.now());
  });

  it('takes the answer for a repetition as an answer', async () => {
    answer(refuse(200, { ok: true, frame_id: 'first', received_ts: '', duplicate: true }));
    await spool.add(frame('a'));
    await empty();
  });

  it('renumbers on 409 from the last number the server knows, keeps the order, and says so', async () => {
    server.reply = (request, response) => {
      if (Number(request.meta?.seq) > 40) return stored(request, response);
      json(response, 409, { ok: false, error: 'duplicate device seq', frame_id: 'x', last_seq: 40 });
    };
    await Promise.all(['a', 'b', 'c'].map((label) => spool.add(frame(label))));
    await empty();
    assert.deepEqual(seqs().slice(-3), [41, 42, 43]);
    assert.deepEqual(
      server.frames.slice(-3).map((received) => received.image?.toString().slice(0, 1)),
      ['a', 'b', 'c'],
    );
    assert.equal(lines.filter((line) => line.message.includes('renumbered')).length, 1);
    assert.deepEqual(await spool.add(frame('d')), { seq: 44 });
  });

  it('gives a server that contradicts every number time to come to itself', async () => {
    let last = 0;
    server.reply = (request, response) => {
      last = Number(request.meta?.seq);
      json(response, 409, { ok: false, error: 'duplicate device seq', frame_id: 'x', last_seq: last });
    };
    await spool.add(frame('a'));
    await until('it waits', () => upload.status().state === 'waiting');
    assert.equal(server.frames.length, 3);
  });

  for (const status of [400, 413]) {
    it(`puts a frame that gets ${status} aside and goes on with the next`, async () => {
      answer(refuse(status), stored);
      await spool.add(frame('bad'));
      await spool.add(frame('good'));
      await empty();
      assert.equal(upload.status().rejected, 1);
      assert.equal(upload.status().sent, 1);
    });
  }

  for (const status of [401, 403]) {
    it(`keeps everything on ${status} and tries once a minute`, async () => {
      answer(refuse(status), refuse(status), stored);
      await spool.add(frame('a'));
      await rest(59_000, 'refused');
      upload.hurry();
      assert.equal(server.frames.length, 1);
      await clock.advance(1000);
      await until('a second try', () => server.frames.length === 2);
      await until('at rest', () => lines.length >= 1 && upload.status().state === 'refused');
      await until('the third try', async () => {
        await clock.advance(60_000);
        return spool.counts().frames === 0;
      });
      assert.deepEqual(seqs(), [0, 0, 0]);
    });
  }

  for (const status of [429, 503]) {
    it(`honours Retry-After of ${status}, in seconds and as a date`, async () => {
      const inAMinute = new Date(clock.now() + 60_000).toUTCString();
      answer(
        refuse(status, undefined, { 'retry-after': '7' }),
        refuse(status, undefined, { 'retry-after': inAMinute }),
        stored,
      );
      await spool.add(frame('a'));
      await rest(6_900);
      assert.equal(server.frames.length, 1);
      await clock.advance(1000);
      await until('a second try', () => server.frames.length === 2);
      await rest(45_000);
      assert.equal(server.frames.length, 2);
      await clock.advance(25_000);
      await empty();
    });
  }

  it('backs off from one second to a minute on 404, 5xx and nonsense, and starts over after a success', async () => {
    const portal: Reply = (_request, response) => response.writeHead(200).end('<h1>Please log in</h1>');
    const badGateway: Reply = (_request, response) => response.writeHead(400).end('Bad Request');
    answer(
      refuse(404),
      refuse(500),
      portal,
      badGateway,
      refuse(409, 'odd'),
      refuse(502),
      refuse(503),
      refuse(500),
      stored,
    );
    await spool.add(frame('a'));
    await until('delivered', async () => {
      await clock.advance(upload.status().state === 'waiting' ? 60_000 : 0);
      return spool.counts().frames === 0;
    });
    assert.equal(server.frames.length, 9);
    const waits = lines.filter((line) => line.message.includes('wait')).map((line) => line.fields?.retry_ms);
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    assert.equal(upload.status().rejected, 0);
    answer(refuse(500), stored);
    await spool.add(frame('b'));
    await rest(1100);
    await empty();
  });

  it('gives up a silent server after a minute and a reset connection at once, and loses nothing', async () => {
    answer(
      () => undefined,
      (_request, response) => response.destroy(),
      (_request, response) => {
        response.writeHead(201, { 'content-length': '100' });
        response.write('{"ok":tr');
        setImmediate(() => response.destroy());
      },
      stored,
    );
    await spool.add(frame('a'));
    await until('the first try', () => server.frames.length === 1);
    await clock.advance(60_000);
    await rest(1500);
    await until('the next try', () => server.frames.length >= 2);
    await until('delivered', async () => {
      await clock.advance(5000);
      return spool.counts().frames === 0;
    });
    assert.equal(upload.status().sent, 1);
  });

  it('goes on by itself when the server comes back, at once when told so', async () => {
    const { port } = server;
    await server.stop();
    await spool.add(frame('a'));
    await until('it waits', () => upload.status().state === 'waiting');
    await server.start(port);
    upload.hurry();
    await empty();
    assert.deepEqual(seqs(), [0]);
    assert.ok(states.includes('waiting'));
  });

  it('replaces a kept connection that the server has closed, unseen', async () => {
    await spool.add(frame('a'));
    await empty();
    const { port } = server;
    await server.stop();
    await server.start(port);
    await spool.add(frame('b'));
    await empty();
    assert.equal(states.includes('waiting'), false);
  });

  it('sends nothing before the numbers are known', async () => {
    const fresh = spoolIn(await temporaryFolder('upload'));
    await fresh.start();
    const post = framePost({ call: http.call, device: 'pi', firmware: '1', now: () => clock.now() });
    const second = new Upload({ spool: fresh, post, clock, log: noting([]) });
    await second.start();
    await fresh.add(frame('a'));
    await until('it waits', () => second.status().state === 'waiting');
    assert.equal(server.frames.length, 0);
    await fresh.settle(6);
    await until('sent', () => fresh.counts().frames === 0);
    assert.deepEqual(seqs(), [7]);
    await second.stop();
    await fresh.stop();
  });

  it('ends in the middle of a silence', async () => {
    answer(() => undefined);
    await spool.add(frame('a'));
    await until('the first try', () => server.frames.length === 1);
    await upload.stop();
    assert.equal(spool.counts().frames, 1);
  });
});
