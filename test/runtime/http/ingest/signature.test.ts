import assert from 'node:assert/strict';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FORM, frameForm, jpegOf, metaOf, openIngest } from '../../../support/ingest-door.ts';

const SECRET = Buffer.alloc(32, 7);
const KEY_ID = '0123abcd';

describe('signed requests', () => {
  let door: Awaited<ReturnType<typeof openIngest>>;
  let clock: FakeClock;
  let form: Buffer;

  before(async () => {
    form = frameForm(await jpegOf());
  });
  beforeEach(async () => {
    clock = new FakeClock();
    await clock.advance(1000);
    door = await openIngest({
      clock,
      signerOf: async (id) =>
        id === KEY_ID ? { device: { id: 'pi', cameras: ['pi-cam'], disabled: false }, secret: SECRET } : undefined,
    });
  });
  afterEach(() => door.close());

  interface Wrong {
    body?: Buffer;
    method?: string;
    path?: string;
    key?: string;
    ts?: number;
    nonce?: string;
    secret?: Buffer;
  }
  const sign = ({
    body = form,
    method = 'POST',
    path = '/api/v1/ingest/frame',
    key = KEY_ID,
    ts = Math.floor(clock.now() / 1000),
    nonce = randomUUID(),
    secret = SECRET,
  }: Wrong = {}) => {
    const hash = createHash('sha256').update(body).digest('hex');
    const text = ['v1', method, path, key, ts, nonce, hash].join('\n');
    const sig = createHmac('sha256', secret).update(text).digest('hex');
    return { 'X-DEVICE-SIGNATURE': `v1 key=${key} ts=${ts} nonce=${nonce} body=${hash} sig=${sig}` };
  };
  const post = (signature: Record<string, string>, body = form) =>
    door.post(body, { ...FORM, 'X-DEVICE-KEY': '', ...signature });

  it('are taken without a key: frames, heartbeats, the configuration', async () => {
    assert.deepEqual([(await post(sign())).status, door.frames.length], [201, 1]);
    const beat = Buffer.from(JSON.stringify({ device_id: 'pi', rssi: -40 }));
    const headers = { 'Content-Type': 'application/json', 'X-DEVICE-KEY': '' };
    const beaten = await door.post(
      beat,
      { ...headers, ...sign({ body: beat, path: '/api/v1/ingest/heartbeat' }) },
      '/ingest/heartbeat',
    );
    assert.deepEqual([beaten.status, door.beats.length], [200, 1]);
    const path = '/api/v1/device/config?device_id=pi';
    const signature = sign({ method: 'GET', path, body: Buffer.alloc(0) });
    assert.equal((await fetch(`${door.url}/device/config?device_id=pi`, { headers: signature })).status, 200);
  });

  it('are taken once: a repetition is refused', async () => {
    const once = sign();
    assert.equal((await post(once)).status, 201);
    const again = await post(once);
    assert.deepEqual([again.status, again.body.code], [401, 'auth.invalid']);
    assert.equal(door.frames.length, 1);
  });

  it('are refused when anything of them was changed: body, path, method, time, nonce, key, secret', async () => {
    const other = frameForm(await jpegOf(64, 48, '#000'), metaOf({ seq: 2 }));
    const wrong: [string, Record<string, string>, Buffer?][] = [
      ['body', sign(), other],
      ['path', sign({ path: '/api/v1/ingest/heartbeat' })],
      ['method', sign({ method: 'PUT' })],
      ['key', sign({ key: 'ffffffff' })],
      ['secret', sign({ secret: Buffer.alloc(32) })],
      ['time', { 'X-DEVICE-SIGNATURE': sign()['X-DEVICE-SIGNATURE'].replace(/ts=\d/, 'ts=2') }],
      ['nonce', { 'X-DEVICE-SIGNATURE': sign()['X-DEVICE-SIGNATURE'].replace(/nonce=./, 'nonce=_') }],
      ['shape', { 'X-DEVICE-SIGNATURE': 'v1' }],
    ];
    for (const [what, signature, body] of wrong) {
      const { status, body: answer } = await post(signature, body);
      assert.deepEqual([status, answer.code], [401, 'auth.invalid'], what);
    }
    assert.equal(door.frames.length, 0);
  });

  it('hold for five minutes around now, and none from before the server’s start, which it cannot know', async () => {
    const early = sign();
    await clock.advance(301_000);
    assert.equal((await post(early)).body.code, 'auth.expired');
    assert.equal((await post(sign({ ts: Math.floor(clock.now() / 1000) + 301 }))).body.code, 'auth.expired');
    assert.equal((await post(sign({ ts: Math.floor(clock.now() / 1000) + 299 }))).status, 201);
    await clock.advance(10_000);
    const before = sign();
    await clock.advance(5000);
    await door.close();
    door = await openIngest({
      clock,
      signerOf: async () => ({ device: { id: 'pi', cameras: ['pi-cam'], disabled: false }, secret: SECRET }),
    });
    assert.equal((await post(before)).body.code, 'auth.expired');
  });

  it('come with a length: a form of unknown length could not be compared with its signature', async () => {
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(form));
        controller.close();
      },
    });
    const { status, body } = await door.post(stream, { ...FORM, 'X-DEVICE-KEY': '', ...sign() });
    assert.deepEqual([status, body.field], [400, 'Content-Length']);
  });
});
