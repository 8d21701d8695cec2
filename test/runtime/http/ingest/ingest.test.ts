import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { AppError, type ErrorCode } from '../../../../runtime/contracts/errors.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { FORM, formOf, frameForm, jpegOf, KEY, metaOf, openIngest } from '../../../support/ingest-door.ts';
import { until } from '../../../support/until.ts';

type Door = Awaited<ReturnType<typeof openIngest>>;

describe('POST /api/v1/ingest/frame', () => {
  let jpeg: Buffer;
  let door: Door;

  before(async () => {
    jpeg = await jpegOf();
  });

  beforeEach(async () => {
    door = await openIngest();
  });

  afterEach(async () => {
    await door.close();
  });

  async function reopen(options: Parameters<typeof openIngest>[0]) {
    await door.close();
    door = await openIngest(options);
  }

  const head = (length: number | string, more = '') =>
    `POST /api/v1/ingest/frame HTTP/1.1\r\nHost: x\r\nX-DEVICE-KEY: ${KEY}\r\n` +
    `Content-Type: multipart/form-data; boundary=XbX\r\n${more}Content-Length: ${length}\r\n\r\n`;

  describe('a frame that is taken', () => {
    it('answers 201 to a multipart frame and hands on its bytes and meta', async () => {
      const known = metaOf({ rssi: -60, battery_mv: 3700, fw_version: '1.0', notes: 'grüße' });
      const { status, body } = await door.post(frameForm(jpeg, { ...known, extra: 'ignored' }));
      assert.equal(status, 201);
      assert.deepEqual(body, {
        ok: true,
        frame_id: 'id-1',
        received_ts: '2026-09-21T14:13:20.000Z',
        duplicate: false,
      });
      const [frame] = door.frames;
      assert.ok(frame);
      assert.ok(frame.jpeg.equals(jpeg));
      assert.deepEqual([frame.device, frame.camera], ['pi', 'pi-cam']);
      assert.equal(frame.capturedAt, Date.UTC(2026, 10, 20, 11, 0, 0, 250));
      assert.deepEqual(frame.meta, known);
    });

    it('names each answer, by the name that was given where there was one', async () => {
      const named = await door.post(frameForm(jpeg, metaOf()), { ...FORM, 'X-Request-Id': 'frame-7' });
      assert.deepEqual([named.status, named.headers.get('x-request-id')], [201, 'frame-7']);
      const refused = await door.post('no form', { ...FORM, 'X-Request-Id': 'two words' });
      assert.equal(refused.status, 400);
      assert.match(refused.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
    });

    it('takes the same form chunked', async () => {
      const form = frameForm(jpeg);
      const stream = new ReadableStream({
        start(controller) {
          for (let at = 0; at < form.length; at += 100) controller.enqueue(new Uint8Array(form.subarray(at, at + 100)));
          controller.close();
        },
      });
      assert.equal((await door.post(stream)).status, 201);
      assert.ok(door.frames[0]?.jpeg.equals(jpeg));
    });

    it('takes what fetch and FormData make', async () => {
      const form = new FormData();
      form.set('image', new Blob([new Uint8Array(jpeg)], { type: 'image/jpeg' }), 'a b".jpg');
      form.set('meta', JSON.stringify(metaOf()));
      const response = await fetch(`${door.url}/ingest/frame`, {
        method: 'POST',
        body: form,
        headers: { 'X-API-Key': KEY },
      });
      assert.equal(response.status, 201);
      assert.ok(door.frames[0]?.jpeg.equals(jpeg));
    });

    it('takes JSON in both shapes, with and without the head of a data URL', async () => {
      const image_b64 = jpeg.toString('base64');
      const bodies = [
        { ...metaOf(), image_b64 },
        { meta: metaOf(), image_b64 },
        { meta: metaOf(), image_b64: `data:image/jpeg;base64,${image_b64}` },
        { meta: metaOf(), image_b64: image_b64.replace(/(.{76})/g, '$1\r\n') },
        { meta: metaOf(), image_b64: image_b64.replaceAll('=', '') },
      ];
      for (const body of bodies) assert.equal((await door.postJson(body)).status, 201);
      for (const frame of door.frames) assert.ok(frame.jpeg.equals(jpeg));
      assert.equal(door.frames.length, bodies.length);
    });

    it('folds the case of ids, and finds the camera', async () => {
      assert.equal((await door.post(frameForm(jpeg, metaOf({ device_id: 'Pi', camera: 'PI-Side' })))).status, 201);
      assert.deepEqual([door.frames[0]?.device, door.frames[0]?.camera], ['pi', 'pi-side']);
      assert.equal(door.frames[0]?.meta.device_id, 'pi');
    });

    it('keeps the connection for the next frame, also after a refusal whose body was read', async () => {
      const bad = frameForm(jpeg, metaOf({ seq: -1 }));
      const good = frameForm(jpeg);
      const heard = await door.raw(
        Buffer.concat([
          Buffer.from(head(bad.length)),
          bad,
          Buffer.from(head(good.length, 'Connection: close\r\n')),
          good,
        ]),
      );
      assert.deepEqual(
        [...heard.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1]),
        ['400', '201'],
      );
    });

    it('answers 200 to a duplicate and 409 to other bytes under the same seq', async () => {
      await reopen({
        accept: async ({ meta }) =>
          meta.seq === 1
            ? { outcome: 'duplicate', frameId: 'first', receivedAt: 1_790_000_000_001 }
            : { outcome: 'conflict', frameId: 'first', lastSeq: 41 },
      });
      const again = await door.post(frameForm(jpeg));
      assert.deepEqual(
        [again.status, again.body],
        [200, { ok: true, frame_id: 'first', received_ts: '2026-09-21T14:13:20.001Z', duplicate: true }],
      );
      const other = await door.post(frameForm(jpeg, metaOf({ seq: 2 })));
      assert.equal(other.status, 409);
      assert.deepEqual(other.body, {
        ok: false,
        error: 'duplicate device seq',
        code: 'frame.seq_taken',
        frame_id: 'first',
        last_seq: 41,
      });
    });
  });

  describe('a frame that is refused', () => {
    async function refused(meta: unknown, status: number, code: string, field: string) {
      const { status: got, body } = await door.post(frameForm(jpeg, meta));
      assert.deepEqual([got, body.ok, body.code, body.field], [status, false, code, field], JSON.stringify(meta));
      assert.ok(body.error);
    }

    it('answers 400 with the field for each wrong meta', async () => {
      const wrong: [Record<string, unknown>, string][] = [
        [{ device_id: undefined }, 'device_id'],
        [{ device_id: '../etc' }, 'device_id'],
        [{ device_id: 5 }, 'device_id'],
        [{ seq: -1 }, 'seq'],
        [{ seq: 1.5 }, 'seq'],
        [{ seq: '1' }, 'seq'],
        [{ seq: 2 ** 53 }, 'seq'],
        [{ seq: undefined }, 'seq'],
        [{ width: 65 }, 'width'],
        [{ height: 47 }, 'height'],
        [{ height: 0 }, 'height'],
        [{ jpeg_quality: 101 }, 'jpeg_quality'],
        [{ jpeg_quality: null }, 'jpeg_quality'],
        [{ capture_ts: undefined }, 'capture_ts'],
        [{ capture_ts: '2026-11-20T12:00:00' }, 'capture_ts'],
        [{ capture_ts: 'now' }, 'capture_ts'],
        [{ capture_ts: 1e300 }, 'capture_ts'],
        [{ camera: 'A B' }, 'camera'],
        [{ notes: 'x'.repeat(1001) }, 'notes'],
        [{ notes: 'nul \0' }, 'notes'],
        [{ fw_version: '\ud800' }, 'fw_version'],
        [{ rssi: 'good' }, 'rssi'],
      ];
      for (const [change, field] of wrong) await refused(metaOf(change), 400, 'frame.malformed', field);
      for (const text of ['', '{', '[]', 'null', '"x"', '5', Buffer.from([0x22, 0xff, 0x22]).toString('latin1')]) {
        await refused(text, 400, 'frame.malformed', 'meta');
      }
      assert.equal(door.frames.length, 0);
    });

    it('answers 400 to what is no whole JPEG, and 413 to more than 50 megapixels', async () => {
      const lie = Buffer.from(jpeg);
      lie.writeUInt32BE(0xffdcffdc, lie.indexOf(Buffer.from([0xff, 0xc0])) + 5);
      for (const image of [Buffer.alloc(0), Buffer.from('hello'), jpeg.subarray(0, -2), jpeg.subarray(0, 100)]) {
        const { status, body } = await door.post(frameForm(image));
        assert.deepEqual([status, body.code, body.field], [400, 'frame.malformed', 'image']);
      }
      const { status, body } = await door.post(frameForm(lie));
      assert.deepEqual([status, body.code, body.field], [413, 'frame.too_large', 'image']);
    });

    it('answers 400 to JSON that is none, or without a picture in base64', async () => {
      const image_b64 = jpeg.toString('base64');
      for (const text of ['', '{', 'null', '[]', '7', '['.repeat(100_000)]) {
        const { status, body } = await door.post(text, { 'Content-Type': 'application/json' });
        assert.deepEqual([status, body.field], [400, 'body'], text.slice(0, 20));
      }
      for (const bad of [undefined, 5, '', 'data:', '!!!!', `${image_b64}*`, 'data:image/jpeg;base64,']) {
        const { status, body } = await door.postJson({ meta: metaOf(), image_b64: bad });
        assert.deepEqual([status, body.field], [400, 'image_b64'], String(bad).slice(0, 20));
      }
      assert.equal((await door.postJson({ meta: null, image_b64 })).body.field, 'meta');
      assert.equal((await door.postJson({ meta: 'x', image_b64 })).body.field, 'meta');
    });

    it('answers 403 to a key of another device, a foreign camera, and a disabled device', async () => {
      await refused(metaOf({ device_id: 'zero' }), 403, 'device.foreign', 'device_id');
      await refused(metaOf({ camera: 'zero-cam' }), 403, 'camera.foreign', 'camera');
      const off = await door.post(frameForm(jpeg, metaOf({ device_id: 'off' })), {
        ...FORM,
        'X-DEVICE-KEY': 'cam_off_secret',
      });
      assert.deepEqual([off.status, off.body.ok, off.body.code], [403, false, 'device.disabled']);
      const bare = await door.post(frameForm(jpeg, metaOf({ device_id: 'bare' })), {
        ...FORM,
        'X-DEVICE-KEY': 'cam_bare_secret',
      });
      assert.deepEqual([bare.status, bare.body.code], [403, 'camera.foreign']);
    });

    it('answers 415 to other types, charsets and packed bodies, and 405 to other methods', async () => {
      const form = frameForm(jpeg);
      for (const headers of [
        { 'Content-Type': 'image/jpeg' },
        { 'Content-Type': 'multipart/mixed; boundary=XbX' },
        { 'Content-Type': 'application/json; charset=utf-16' },
        { ...FORM, 'Content-Encoding': 'gzip' },
      ]) {
        const { status, body } = await door.post(form, headers);
        assert.deepEqual([status, body.code], [415, 'request.unsupported_type']);
      }
      const get = await fetch(`${door.url}/ingest/frame`);
      assert.deepEqual([get.status, get.headers.get('allow')], [405, 'OPTIONS, POST']);
    });

    it('passes on what the stage says, with Retry-After', async () => {
      const cases: [ErrorCode, number, string][] = [
        ['ingest.no_flow', 503, '7'],
        ['ingest.busy', 503, '7'],
        ['disk.full', 503, '7'],
        ['db.unavailable', 503, '7'],
      ];
      for (const [code, status, retryAfter] of cases) {
        await reopen({ accept: () => Promise.reject(new AppError(code, 'in words', { retryAfterS: 6.2 })) });
        const answer = await door.post(frameForm(jpeg));
        assert.deepEqual(
          [answer.status, answer.headers.get('retry-after'), answer.body],
          [status, retryAfter, { ok: false, error: 'in words', code }],
        );
      }
    });

    it('does not tell what broke on our side', async () => {
      await reopen({ accept: () => Promise.reject(new Error('secret path /x')) });
      const { status, body } = await door.post(frameForm(jpeg));
      assert.deepEqual([status, body.code], [500, 'internal.error']);
      assert.doesNotMatch(JSON.stringify(body), /secret/);
    });
  });

  describe('a body that is not wanted', () => {
    it('answers 401 before it reads, and closes', async () => {
      for (const key of ['', 'X-DEVICE-KEY: wrong\r\n', `X-DEVICE-KEY: ${'k'.repeat(600)}\r\n`]) {
        // 10 MB are announced, and never come: whoever waits for them waits for ever.
        const heard = await door.raw(
          `POST /api/v1/ingest/frame HTTP/1.1\r\nHost: x\r\n${key}Content-Type: multipart/form-data; boundary=XbX\r\n` +
            'Content-Length: 10000000\r\n\r\nsome',
        );
        assert.match(heard, /^HTTP\/1.1 401 /);
        assert.match(heard, /Connection: close/i);
        assert.match(heard, /"ok":false/);
      }
    });

    it('gives its answer to a sender that is still sending', async () => {
      const form = Buffer.alloc(2_000_000);
      const { status, body } = await door.post(form, { ...FORM, 'X-DEVICE-KEY': 'wrong' });
      assert.deepEqual([status, body.code], [401, 'auth.invalid']);
    });

    it('answers 413 from the announced length alone, and for a chunked body once it is too long', async () => {
      const heard = await door.raw(head(16 * 1024 * 1024 + 1));
      assert.match(heard, /^HTTP\/1.1 413 /);
      assert.match(heard, /request.too_large/);
      const socket = connect(door.port, '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk.toString();
      });
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => socket.destroy());
      socket.write(
        `POST /api/v1/ingest/frame HTTP/1.1\r\nHost: x\r\nX-DEVICE-KEY: ${KEY}\r\nContent-Type: application/json\r\n` +
          'Transfer-Encoding: chunked\r\n\r\n',
      );
      const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000, 32), Buffer.from('\r\n')]);
      for (let sent = 0; sent < 18 && !socket.destroyed; sent += 1) socket.write(chunk);
      await closed;
      assert.match(answer, /^HTTP\/1.1 413 /);
    });

    it('takes a body of exactly the limit', async () => {
      const form = frameForm(jpeg);
      const padding = Buffer.alloc(16 * 1024 * 1024 - form.length, 32);
      assert.equal((await door.post(Buffer.concat([form, padding]))).status, 201);
    });

    it('answers 429 with Retry-After when a device asks too often, and to nobody else', async () => {
      const clock = new FakeClock();
      await reopen({ clock, rateLimit: { perSecond: 2, burst: 3 } });
      for (let count = 0; count < 3; count += 1) assert.equal((await door.post(frameForm(jpeg))).status, 201);
      const refused = await door.post(frameForm(jpeg));
      assert.deepEqual(
        [refused.status, refused.body.code, refused.headers.get('retry-after'), refused.headers.get('connection')],
        [429, 'ingest.too_fast', '1', 'close'],
      );
      const zero = await door.post(frameForm(jpeg, metaOf({ device_id: 'zero' })), {
        ...FORM,
        'X-DEVICE-KEY': 'cam_zero_secret',
      });
      assert.equal(zero.status, 201);
      await clock.advance(500);
      assert.equal((await door.post(frameForm(jpeg))).status, 201);
    });

    it('answers 503 when the bodies under way hold too many bytes, and frees them when a sender goes', async () => {
      await reopen({ bodyBudgetBytes: 400_000 });
      const slow = connect(door.port, '127.0.0.1');
      slow.on('error', () => slow.destroy());
      slow.write(head(90_000));
      slow.write('--XbX');
      await until('the slow body is being read', () => door.state.keysAsked === 1);
      const busy = await door.post(frameForm(Buffer.alloc(20_000)));
      assert.deepEqual([busy.status, busy.body.code, busy.headers.get('retry-after')], [503, 'ingest.busy', '2']);
      assert.equal((await door.post(frameForm(jpeg))).status, 201);
      slow.destroy();
      await until('its bytes are free again', async () => {
        const answer = await door.post(frameForm(Buffer.alloc(90_000)));
        return answer.status === 400;
      });
    });
  });

  describe('a form that is broken', () => {
    const chunked = (body: Buffer) =>
      Buffer.concat([
        Buffer.from(
          `POST /api/v1/ingest/frame HTTP/1.1\r\nHost: x\r\nX-DEVICE-KEY: ${KEY}\r\nConnection: close\r\n` +
            'Content-Type: multipart/form-data; boundary=XbX\r\nTransfer-Encoding: chunked\r\n\r\n' +
            (body.length > 0 ? `${body.length.toString(16)}\r\n` : ''),
        ),
        body,
        Buffer.from(body.length > 0 ? '\r\n0\r\n\r\n' : '0\r\n\r\n'),
      ]);

    /** Both parsers must refuse it with 400, and neither may hang. */
    async function broken(body: Buffer, field?: string) {
      for (const request of [
        Buffer.concat([Buffer.from(head(body.length, 'Connection: close\r\n')), body]),
        chunked(body),
      ]) {
        const heard = await door.raw(request);
        assert.match(heard, /^HTTP\/1.1 400 /);
        assert.match(heard, /"code":"frame.malformed"/);
        if (field) assert.match(heard, new RegExp(`"field":"${field}"`));
      }
      assert.equal(door.frames.length, 0);
    }

    const image = () => ({ name: 'image', content: jpeg, filename: 'f.jpg' });
    const meta = () => ({ name: 'meta', content: JSON.stringify(metaOf()) });

    it('without its end, cut anywhere, is refused', async () => {
      const form = frameForm(jpeg);
      for (const length of [0, 1, 4, 7, 30, 60, 150, form.length - 10, form.length - 5]) {
        await broken(form.subarray(0, length));
      }
      await broken(formOf([meta(), image()], 'XbX', '--XbY--\r\n'));
    });

    it('with two pictures, two metas, or one missing, is refused', async () => {
      await broken(formOf([meta(), image(), image()]), 'image');
      await broken(formOf([meta(), meta(), image()]), 'meta');
      await broken(formOf([meta()]), 'image');
      await broken(formOf([image()]), 'meta');
      await broken(formOf([]));
    });

    it('with ten thousand fields is refused', async () => {
      const fields = Array.from({ length: 10_000 }, (_, index) => ({ name: `f${index}`, content: 'x' }));
      await broken(formOf([...fields, meta(), image()]));
    });

    it('with a header of a megabyte, or without names, is refused', async () => {
      await broken(formOf([{ ...image(), header: `X: ${'h'.repeat(1_000_000)}` }, meta()]));
      await broken(formOf([{ ...image(), header: 'Content-Type: image/jpeg' }, meta()]));
      await broken(formOf([{ ...meta(), content: `"${'m'.repeat(100_000)}"` }, image()]));
    });

    it('with a form inside of a form is refused', async () => {
      const inner = formOf([meta(), image()], 'inner');
      await broken(
        formOf([
          {
            name: 'image',
            content: inner,
            filename: 'x',
            header:
              'Content-Disposition: form-data; name="image"; filename="x"\r\nContent-Type: multipart/mixed; boundary=inner',
          },
          meta(),
        ]),
        'image',
      );
    });

    it('whose picture holds the boundary at the begin of a line is refused', async () => {
      const look = Buffer.concat([jpeg.subarray(0, 2), comment('\r\n--XbXnot yet'), jpeg.subarray(2)]);
      await broken(formOf([meta(), { ...image(), content: look }]));
    });

    it('without a boundary, or with an impossible one, is refused', async () => {
      for (const type of ['', '; boundary=', `; boundary=${'b'.repeat(71)}`, '; boundary="a\u00e4"', '; bound=XbX']) {
        const { status, body } = await door.post(frameForm(jpeg), { 'Content-Type': `multipart/form-data${type}` });
        assert.deepEqual([status, body.code, body.field], [400, 'frame.malformed', 'body'], type);
      }
    });

    it('takes odd forms that are not broken: quoted boundary, preamble, epilogue, half a boundary in the picture', async () => {
      const look = Buffer.concat([jpeg.subarray(0, 2), comment('\r\n--Xb not yet'), jpeg.subarray(2)]);
      for (const request of [
        Buffer.concat([Buffer.from('preamble\r\n'), frameForm(look), Buffer.from('epilogue')]),
        formOf([{ name: 'other', content: '' }, meta(), { ...image(), content: look }]),
      ]) {
        const { status } = await door.post(request, {
          'Content-Type': 'Multipart/Form-Data; charset=utf-8; boundary="XbX"',
        });
        assert.equal(status, 201);
        assert.ok(door.frames.at(-1)?.jpeg.equals(look));
        assert.match(await door.raw(chunked(request)), /^HTTP\/1.1 201 /);
        assert.ok(door.frames.at(-1)?.jpeg.equals(look));
      }
    });

    it('whose announced length is too short or too long harms nobody else', async () => {
      const form = frameForm(jpeg);
      const short = await door.raw(Buffer.concat([Buffer.from(head(form.length - 30)), form]), { end: true });
      assert.match(short, /^HTTP\/1.1 400 /);
      const long = await door
        .raw(Buffer.concat([Buffer.from(head(form.length + 30)), form]), { end: true })
        .catch(String);
      assert.doesNotMatch(long, /HTTP\/1.1 20/);
      assert.equal(door.frames.length, 0);
      assert.equal((await door.post(form)).status, 201);
    });
  });
});

function comment(text: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length + 2);
  return Buffer.concat([Buffer.from([0xff, 0xfe]), length, Buffer.from(text, 'latin1')]);
}
