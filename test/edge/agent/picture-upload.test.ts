import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { OwnCaptures } from '../../../edge/agent/own-captures.ts';
import { picturePost } from '../../../edge/agent/picture-post.ts';
import { CALL_WAIT_MS, PictureUpload } from '../../../edge/agent/picture-upload.ts';
import { ServerHttp } from '../../../edge/agent/server-http.ts';
import type { ToChild } from '../../../edge/ipc.ts';
import type { Outbox } from '../../../edge/outbox/outbox.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';
import { idOf, outboxIn, picture } from '../outbox/support.ts';
import { noting } from '../spool/support.ts';
import { json, type Reply, ScriptedServer } from './scripted-server.ts';

const S = 1000;
const MIN = 60 * S;

describe("the device's own captures", () => {
  let clock: FakeClock;
  let data: string;
  let server: ScriptedServer;
  let http: ServerHttp;
  let outbox: Outbox;
  let upload: PictureUpload;
  let lines: Parameters<typeof noting>[0];
  /** by key, as a server that takes each once */
  let stored: Map<string, number>;

  const store: Reply = ({ headers }, response) => {
    const key = String(headers['idempotency-key']);
    const known = stored.get(key);
    if (known === undefined) stored.set(key, stored.size + 1);
    json(response, known === undefined ? 201 : 200, { ok: true, image_id: stored.get(key), duplicate: !!known });
  };
  const refuse = (status: number, code: string, headers = {}): Reply => {
    return (_request, response) => json(response, status, { ok: false, error: `it is ${code}`, code }, headers);
  };
  const away = refuse(503, 'server.starting');
  const page: Reply = (_request, response) => response.writeHead(404).end('<html>not here</html>');
  let judged: number;
  const tries = () => server.received.map(({ headers }) => String(headers['idempotency-key']));
  const begin = async () => {
    http = new ServerHttp({ url: `http://127.0.0.1:${server.port}`, key: 'the-key', clock });
    outbox = outboxIn(data, { log: noting(lines) });
    await outbox.start();
    upload = new PictureUpload({
      outbox,
      async post(...asked) {
        const verdict = await picturePost({ call: http.call, now: () => clock.now() })(...asked);
        judged += 1;
        return verdict;
      },
      clock,
      log: noting(lines),
    });
    await upload.start();
  };
  const end = async () => {
    await upload.stop();
    await outbox.stop();
    http.close();
  };
  const bring = (label: string) => upload.bring(idOf(label), picture(label));
  /** Waits for the answers to so many tries in all: what comes of them is then decided, and time may pass. */
  const tried = async (count: number) => {
    await until(`${count} tries`, () => judged === count);
    await new Promise((resolve) => setImmediate(resolve));
  };

  beforeEach(async () => {
    clock = new FakeClock();
    data = await temporaryFolder('captures');
    stored = new Map();
    lines = [];
    judged = 0;
    server = new ScriptedServer(store);
    await server.start();
    await begin();
  });
  afterEach(async () => {
    await end();
    await server.stop();
  });

  it('is with the server at once, with its key and all that was said of it, and nothing of it stays', async () => {
    assert.deepEqual(await bring('one'), { status: 'uploaded', image: 1 });
    const [request] = server.received;
    assert.deepEqual(
      [request?.method, request?.path, request?.headers['x-device-key'], request?.headers['idempotency-key']],
      ['POST', '/api/v1/ingest/picture', 'the-key', idOf('one')],
    );
    assert.deepEqual([request?.meta, request?.image], [picture('one').meta, picture('one').jpeg]);
    assert.deepEqual(outbox.counts(), { waiting: 0, dead: 0, bytes: 0, dropped: 0 });
    assert.deepEqual(upload.status(), { sent: 1 });
  });

  it('waits while the server is away: after 5 s, 30 s, 5 min, 30 min and 2 h it is tried, then given up and said', async () => {
    server.reply = away;
    assert.deepEqual(await bring('one'), { status: 'queued' });
    for (const [at, ms] of [5 * S, 30 * S, 5 * MIN, 30 * MIN, 120 * MIN].entries()) {
      await tried(at + 1);
      assert.equal(outbox.waiting()[0]?.step, at);
      await clock.advance(ms - 1);
      assert.equal(tries().length, at + 1, `not before ${ms} ms`);
      await clock.advance(1);
    }
    await until('it is given up', () => outbox.counts().dead === 1);
    assert.deepEqual([tries().length, outbox.counts().waiting], [6, 0]);
    assert.deepEqual(
      outbox.dead().map(({ id, why }) => [id, why]),
      [[idOf('one'), 'http_503']],
    );
    assert.ok(lines.some(({ level, message }) => level === 'warn' && message.includes('given up')));
    await clock.advance(24 * 60 * MIN);
    assert.equal(tries().length, 6, 'it is left alone');
    server.reply = store;
    await outbox.revive();
    upload.hurry();
    await until('an operator had it tried again', () => stored.size === 1);
  });

  it('goes in the order of the captures, and nobody ahead of who waits for the server', async () => {
    const { port } = server;
    await server.stop();
    for (const label of ['one', 'two', 'three']) assert.deepEqual(await bring(label), { status: 'queued' });
    assert.match(upload.status().reason ?? '', /ECONNREFUSED/);
    await server.start(port);
    await clock.advance(5 * S);
    await until('all are there', () => stored.size === 3);
    assert.deepEqual(tries(), [idOf('one'), idOf('two'), idOf('three')]);
    await until('nothing waits', () => outbox.counts().waiting === 0);
    assert.deepEqual(upload.status(), { sent: 3 });
  });

  it('a new capture, or a server that was heard of, has the oldest tried at once, without counting', async () => {
    server.reply = away;
    await bring('one');
    await clock.advance(5 * S);
    await tried(2);
    await clock.advance(S);
    for (let n = 0; n < 9; n += 1) upload.hurry();
    await tried(3);
    await bring('two');
    assert.deepEqual([outbox.waiting()[0]?.step, outbox.waiting()[1]?.step], [1, 0]);
    // The pause that had begun goes on.
    const before = tries().length;
    await clock.advance(29 * S);
    await tried(before + 1);
    assert.equal(outbox.waiting()[0]?.step, 2);
    server.reply = store;
    assert.deepEqual(await bring('three'), { status: 'uploaded', image: 3 });
    assert.deepEqual([...stored.keys()], [idOf('one'), idOf('two'), idOf('three')]);
  });

  it('is one picture at the server when its answer was lost, also to a device that was killed meanwhile', async () => {
    server.reply = (request, response) => {
      store(request, { writeHead: () => ({ end: () => undefined }) } as unknown as ServerResponse);
      response.destroy();
    };
    assert.deepEqual(await bring('one'), { status: 'queued' });
    assert.equal(stored.size, 1);
    // As after kill -9: nothing is ended, another process begins on the same folder.
    const killed = { upload, outbox, http };
    server.reply = store;
    await begin();
    await until('it is told', () => upload.status().sent === 1);
    assert.deepEqual([stored.size, outbox.counts().waiting], [1, 0]);
    await killed.upload.stop();
    killed.http.close();
  });

  it('goes on with the pause that was cut by an end: starts use none up', async () => {
    server.reply = away;
    await bring('one');
    await clock.advance(5 * S);
    await tried(2);
    for (let start = 0; start < 4; start += 1) {
      await end();
      await begin();
      await tried(3 + start);
      assert.equal(outbox.waiting()[0]?.step, 1);
    }
    await clock.advance(30 * S - 1);
    assert.equal(tries().length, 6);
    await clock.advance(1);
    await tried(7);
    assert.equal(outbox.waiting()[0]?.step, 2);
  });

  it('that the server will never take is said to who captures, and given up at once when nobody waits any more', async () => {
    for (const [status, code] of [
      [404, 'product.not_found'],
      [400, 'frame.malformed'],
      [413, 'frame.too_large'],
      [400, 'request.invalid'],
    ] as const) {
      server.reply = refuse(status, code);
      await assert.rejects(bring(code), { code, message: `it is ${code}` });
    }
    assert.deepEqual(outbox.counts(), { waiting: 0, dead: 0, bytes: 0, dropped: 0 });
    server.reply = away;
    await bring('one');
    await bring('two');
    server.reply = (request, response) =>
      request.headers['idempotency-key'] === idOf('one')
        ? refuse(404, 'product.not_found')(request, response)
        : store(request, response);
    await clock.advance(5 * S);
    await until('the other one is there', () => stored.size === 1);
    assert.deepEqual(
      outbox.dead().map(({ id, why }) => [id, why]),
      [[idOf('one'), 'product.not_found']],
    );
  });

  it('a page in between, a refused key and a server that is too old cost no picture', async () => {
    for (const [reply, reason] of [
      [page, "404, not in the server's own words"],
      [refuse(401, 'auth.invalid'), '401 it is auth.invalid'],
      [refuse(403, 'device.disabled'), '403 it is device.disabled'],
      [refuse(403, 'picture.not_asked'), '403 it is picture.not_asked'],
    ] as const) {
      server.reply = reply;
      assert.deepEqual(await bring(reason), { status: 'queued' });
      assert.equal(upload.status().reason, reason);
    }
    assert.equal(outbox.counts().waiting, 4);
    // A key that stays revoked ends it, the oldest first, each by its own pauses.
    server.reply = refuse(401, 'auth.invalid');
    for (const ms of [5 * S, 30 * S, 5 * MIN, 30 * MIN, 120 * MIN]) {
      const before = judged;
      await clock.advance(ms);
      await tried(before + (ms === 120 * MIN ? 2 : 1));
    }
    await until('the oldest is given up', () => outbox.counts().dead === 1);
    assert.deepEqual([outbox.dead()[0]?.why, outbox.counts().waiting], ['auth.invalid', 3]);
    server.reply = store;
    await clock.advance(5 * S);
    await until('the key is good again', () => stored.size === 3);
  });

  it('one that the server stumbles over holds up no other', async () => {
    server.reply = (request, response) =>
      request.headers['idempotency-key'] === idOf('one')
        ? refuse(500, 'internal.error')(request, response)
        : store(request, response);
    assert.deepEqual(await bring('one'), { status: 'queued' });
    assert.deepEqual(await bring('two'), { status: 'uploaded', image: 1 });
    assert.equal(tries().length, 2, 'it waits for its time');
    await clock.advance(5 * S);
    await tried(3);
    server.reply = store;
    await clock.advance(30 * S);
    await until('it is there', () => stored.size === 2);
  });

  it('is `queued` for who captures after 10 s, and arrives when the answer comes', async () => {
    const held: (() => void)[] = [];
    server.reply = (request, response) => held.push(() => store(request, response) as undefined);
    const waiting = bring('one');
    await until('it is under way', () => held.length === 1);
    await clock.advance(CALL_WAIT_MS);
    assert.deepEqual(await waiting, { status: 'queued' });
    held[0]?.();
    await until('it is there', () => upload.status().sent === 1);
    assert.deepEqual([tries().length, outbox.counts().waiting], [1, 0]);
  });

  it('are answered to the flows, listed and tried again by the command, and told in the heartbeat', async () => {
    await end();
    const told: ToChild[] = [];
    const captures = new OwnCaptures({
      folder: `${data}/other`,
      maxBytes: 1_000_000,
      call: http.call,
      clock,
      log: noting(lines),
      toChild: (message) => told.push(message),
      onChange: () => undefined,
    });
    await captures.start();
    const hear = (label: string) => captures.hear({ type: 'picture', id: idOf(label), picture: picture(label) });
    const run = (args: Record<string, unknown>) => captures.command(args, {} as never) as Promise<object>;
    hear('one');
    await until('it is answered', () => told.length === 1);
    server.reply = refuse(404, 'product.not_found');
    hear('two');
    await until('it is refused', () => told.length === 2);
    server.reply = away;
    hear('three');
    await until('it is kept', () => told.length === 3);
    assert.deepEqual(told, [
      { type: 'picture-answer', id: idOf('one'), delivery: { status: 'uploaded', image: 1 } },
      { type: 'picture-refusal', id: idOf('two'), code: 'product.not_found', message: 'it is product.not_found' },
      { type: 'picture-answer', id: idOf('three'), delivery: { status: 'queued' } },
    ]);
    server.reply = refuse(404, 'product.not_found');
    captures.hurry();
    await until('it is given up', () => captures.view().dead === 1);
    assert.deepEqual(captures.health(), { captures_waiting: 0, captures_dead: 1, captures_dropped: 0 });
    const { bytes: _bytes, ...list } = (await run({})) as { bytes: number };
    assert.deepEqual(list, {
      retried: 0,
      deleted: 0,
      waiting: 0,
      dead: 1,
      dropped: 0,
      sent: 1,
      waiting_images: [],
      dead_images: [{ image: idOf('three'), why: 'product.not_found' }],
    });
    server.reply = store;
    assert.deepEqual(((await run({ dead: 'retry' })) as { retried: number }).retried, 1);
    await until('it is there', () => stored.size === 2);
    await captures.stop();
    await begin();
  });
});
