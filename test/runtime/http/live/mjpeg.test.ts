import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import sharp from 'sharp';
import type { PictureService, PictureViewer } from '../../../../runtime/contracts/live-outputs.ts';
import { childCommands } from '../../../support/children.ts';
import { openLiveDoor } from '../../../support/live-door.ts';
import { type Clip, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

type Door = Awaited<ReturnType<typeof openLiveDoor>>;

/** Reads multipart byte by byte, strictly as RFC 2046 has it; answers the pictures that are whole. */
function partsOf(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  const line = () => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const text = bytes.toString('latin1', at, end);
    at = end + 2;
    return text;
  };
  for (;;) {
    const boundary = line();
    if (boundary === undefined) return found;
    assert.equal(boundary, '--FRAME');
    const headers = new Map<string, string>();
    for (let text = line(); text !== ''; text = line()) {
      if (text === undefined) return found;
      const [name = '', value = ''] = text.split(': ');
      headers.set(name.toLowerCase(), value);
    }
    assert.equal(headers.get('content-type'), 'image/jpeg');
    const length = Number(headers.get('content-length'));
    assert.ok(length > 0);
    if (bytes.length < at + length + 2) return found;
    found.push(bytes.subarray(at, at + length));
    at += length;
    assert.equal(bytes.toString('latin1', at, at + 2), '\r\n');
    at += 2;
  }
}

const decoders = async () => (await childCommands()).filter((command) => command.includes('-f h264 -i pipe:0')).length;

describe('MJPEG over HTTP', () => {
  let clip: Clip;
  let door: Door;
  const requests: ClientRequest[] = [];

  before(async () => {
    clip = await recordClip({ seconds: 4, fps: 30, width: 640, height: 360 });
  });
  beforeEach(async () => {
    door = await openLiveDoor({ corsOrigins: ['https://site.example'] });
    door.streams.play('cam', clip);
  });
  afterEach(async () => {
    for (const request of requests.splice(0)) request.destroy();
    await door.close();
  });

  const watch = async (path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> => {
    const request = get(door.url + path, { headers, agent: false });
    request.on('error', () => request.destroy());
    requests.push(request);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.on('error', () => response.destroy());
    return response;
  };
  const bytesOf = (response: IncomingMessage) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    return () => Buffer.concat(chunks);
  };

  it('is pictures between boundaries, each with its length, that no proxy may hold back', async () => {
    const token = await door.streamToken('cam');
    const response = await watch(`/api/v1/cameras/cam/mjpeg?token=${token}`);
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers['content-type'], 'multipart/x-mixed-replace; boundary=FRAME');
    assert.equal(response.headers['x-accel-buffering'], 'no');
    assert.equal(response.headers['cache-control'], 'no-store');
    const bytes = bytesOf(response);
    const pictures = await until('six pictures', () => {
      const found = partsOf(bytes());
      return found.length >= 6 && found;
    });
    for (const jpeg of pictures.slice(0, 6)) {
      const { width, height } = await sharp(jpeg).metadata();
      assert.deepEqual([width, height], [640, 360]);
      await sharp(jpeg, { failOn: 'warning' }).raw().toBuffer();
    }
    // The boundary comes with the picture, not with the next one.
    assert.ok(bytes().toString('latin1').endsWith('--FRAME\r\n') || partsOf(bytes()).length > 6);
  });

  it('has one decoder for two viewers, who are listed, and none when they have left', async () => {
    const token = await door.streamToken('cam');
    const one = bytesOf(await watch(`/api/v1/cameras/cam/mjpeg?token=${token}`));
    const two = bytesOf(await watch(`/api/v1/cameras/cam/mjpeg?fps=5&token=${token}`));
    await until('both see', () => partsOf(one()).length > 5 && partsOf(two()).length > 1);
    assert.equal(await decoders(), 1);
    const operator = await door.userToken('operator');
    const { json } = await door.call('GET', '/api/v1/sessions', { token: operator });
    assert.deepEqual(
      json.items.map(({ type, camera, state }: Record<string, string>) => [type, camera, state]),
      [
        ['mjpeg', 'cam', 'playing'],
        ['mjpeg', 'cam', 'playing'],
      ],
    );
    assert.ok(!JSON.stringify(json).includes(token));
    for (const request of requests.splice(0)) request.destroy();
    await until('no decoder', async () => (await decoders()) === 0);
    assert.equal((await door.call('GET', '/api/v1/sessions', { token: operator })).json.items.length, 0);
  });

  it('leaves pictures out for a viewer who does not read, and nobody else misses one', async () => {
    await door.close();
    const viewers = new Set<PictureViewer>();
    const shown: PictureService = {
      watch(_camera, viewer) {
        viewers.add(viewer);
        return () => viewers.delete(viewer);
      },
      snapshot: () => Promise.reject(new Error('not asked for')),
    };
    door = await openLiveDoor({ shown });
    const token = await door.streamToken('cam');
    const operator = await door.userToken('operator');
    const jpeg = Buffer.alloc(200_000, 1);
    const show = () => {
      for (const viewer of viewers) viewer.onPicture({ jpeg, takenAt: Date.now() });
    };
    const path = `/api/v1/cameras/cam/mjpeg?token=${token}`;
    const asked = Promise.all([watch(path), watch(path)]);
    await until('both are there', () => viewers.size === 2);
    show();
    const [stuck, other] = await asked;
    stuck.pause();
    let got = 0;
    other.on('data', (chunk: Buffer) => {
      got += chunk.length;
    });
    const sessions = async (): Promise<{ bytes: number; discarded: number }[]> =>
      (await door.call('GET', '/api/v1/sessions', { token: operator })).json.items;
    let shows = 1;
    const held = await until('pictures are left out', async () => {
      show();
      shows += 1;
      await until('the other has read them all', () => got > shows * jpeg.length);
      return (await sessions()).find(({ discarded }) => discarded > 5);
    });
    assert.ok(held.bytes < shows * jpeg.length);
    show();
    const found = await sessions();
    assert.deepEqual(found.map(({ discarded }) => discarded > 0).sort(), [false, true]);
    assert.equal(found.find(({ discarded }) => discarded > 0)?.bytes, held.bytes, 'nothing more is queued for it');
  });

  it('ends when an operator says so', async () => {
    const token = await door.streamToken('cam');
    const operator = await door.userToken('operator');
    const response = await watch(`/api/v1/cameras/cam/mjpeg?token=${token}`);
    bytesOf(response);
    const { json } = await door.call('GET', '/api/v1/sessions', { token: operator });
    const { status } = await door.call('DELETE', `/api/v1/sessions/${json.items[0].id}`, { token: operator });
    assert.equal(status, 204);
    await until('it has ended', () => response.destroyed);
  });

  it('is refused without a credential, for another camera, and at a rate beyond 30', async () => {
    const get = (path: string, token?: string) => door.call('GET', path, { token });
    assert.equal((await get('/api/v1/cameras/cam/mjpeg')).status, 401);
    const other = await door.userToken('viewer', ['other']);
    assert.equal((await get('/api/v1/cameras/cam/mjpeg', other)).status, 403);
    const viewer = await door.userToken('viewer');
    for (const fps of ['0', '31', 'x', '1.5']) {
      const { status, json } = await get(`/api/v1/cameras/cam/mjpeg?fps=${fps}`, viewer);
      assert.deepEqual([status, json.field], [400, 'fps']);
    }
    const { status, json } = await get('/api/v1/cameras/nobody/mjpeg', viewer);
    assert.deepEqual([status, json.code], [404, 'camera.not_found']);
  });

  it('says why nothing comes, instead of hanging', async () => {
    door.streams.play('mute', { ...clip, units: [] });
    const viewer = await door.userToken('viewer');
    const asked = door.call('GET', '/api/v1/cameras/mute/mjpeg', { token: viewer });
    await until('it is asked', () => door.streams.status('mute').readers > 0);
    door.streams.lose('mute', 'the cable is loose');
    const { status, json } = await asked;
    assert.deepEqual([status, json.code], [503, 'camera.unreachable']);
    assert.match(json.message, /the cable is loose/);
  });

  it('may be embedded by another page with a token, and fetched by listed origins', async () => {
    const token = await door.streamToken('cam');
    const path = `/api/v1/cameras/cam/snapshot.jpg?token=${token}`;
    const { status, headers } = await door.call('GET', path, { headers: { Origin: 'https://site.example' } });
    assert.equal(status, 200);
    assert.equal(headers.get('access-control-allow-origin'), 'https://site.example');
    assert.equal(headers.get('cross-origin-resource-policy'), 'cross-origin');
  });
});

describe('snapshots over HTTP', () => {
  let door: Door;
  let clip: Clip;
  before(async () => {
    clip = await recordClip({ seconds: 2 });
  });
  beforeEach(async () => {
    door = await openLiveDoor();
    door.streams.play('cam', clip);
  });
  afterEach(() => door.close());

  it('have the asked size, are never kept, and say when they were taken', async () => {
    const token = await door.streamToken('cam');
    const from = Date.now();
    for (const [ask, size] of [
      ['', [320, 180]],
      ['&width=160', [160, 90]],
      ['&width=160&quality=30&fresh=1', [160, 90]],
    ] as const) {
      const response = await fetch(`${door.url}/api/v1/cameras/cam/snapshot.jpg?token=${token}${ask}`);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('cache-control'), 'no-store');
      assert.equal(response.headers.get('content-type'), 'image/jpeg');
      assert.ok(Number(response.headers.get('x-captured-at')) > from - 60_000);
      const jpeg = Buffer.from(await response.arrayBuffer());
      assert.equal(jpeg.length, Number(response.headers.get('content-length')));
      const { width, height } = await sharp(jpeg).metadata();
      assert.deepEqual([width, height], size);
    }
  });

  it('answer HEAD without and OPTIONS with what is possible, and nothing else', async () => {
    const token = await door.userToken('viewer');
    const path = '/api/v1/cameras/cam/snapshot.jpg';
    const head = await door.call('HEAD', path, { token });
    assert.deepEqual([head.status, head.text], [200, '']);
    const options = await door.call('OPTIONS', path);
    assert.deepEqual([options.status, options.headers.get('allow')], [204, 'GET, HEAD, OPTIONS']);
    assert.equal((await door.call('POST', path, { token })).status, 405);
  });

  it('are refused with a size that is none', async () => {
    const token = await door.userToken('viewer');
    for (const ask of ['width=0', 'width=a', 'width=99999', 'quality=0', 'quality=101', 'fresh=maybe']) {
      const { status } = await door.call('GET', `/api/v1/cameras/cam/snapshot.jpg?${ask}`, { token });
      assert.equal(status, 400, ask);
    }
  });
});
