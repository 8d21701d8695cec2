import assert from 'node:assert/strict';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { type CameraSet, createCameraSet } from '../../../../runtime/media/camera-set.ts';
import { createCameraTest } from '../../../../runtime/media/camera-test.ts';
import { authorize } from '../../../../runtime/media/digest-auth.ts';
import { HttpDriver } from '../../../../runtime/media/drivers/http.ts';
import { Pictures } from '../../../../runtime/media/mjpeg/pictures.ts';
import { createStreams } from '../../../../runtime/media/stream/streams.ts';
import { createUrlCheck } from '../../../../runtime/media/url-policy.ts';
import { driverParts } from '../../../support/driver-parts.ts';
import { HttpCamera } from '../../../support/http-camera.ts';
import { openLiveDoor } from '../../../support/live-door.ts';
import { closedPort } from '../../../support/ports.ts';
import { until } from '../../../support/until.ts';

describe('a camera that gives JPEGs by HTTP', () => {
  const closing: (() => Promise<unknown>)[] = [];

  async function camera(port?: number): Promise<HttpCamera> {
    const made = await HttpCamera.open(port);
    closing.push(() => made.close());
    return made;
  }

  function driver(url: string, change: Parameters<typeof driverParts>[0] = {}): HttpDriver {
    const made = new HttpDriver(url, driverParts(change));
    closing.push(() => made.close());
    return made;
  }

  const at = ({ port }: HttpCamera, path = '/stream', login = '') => `http://${login}127.0.0.1:${port}${path}`;

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it('gives stills of its stream, read once for all, and let go when it is closed', async () => {
    const shown = await camera();
    const made = driver(at(shown));
    const { width, height, jpeg } = await made.capture({});
    assert.deepEqual([width, height], [160, 90]);
    const [one, other] = await Promise.all([made.capture({ width: 80 }), made.capture({})]);
    assert.deepEqual([one.width, other.width], [80, 160]);
    assert.equal(shown.readers, 1);
    assert.equal(made.kind, 'mjpeg');
    assert.equal(made.status().state, 'live');
    await until('another picture', async () => !(await made.capture({})).jpeg.equals(jpeg));
    await made.close();
    await until('nobody reads', () => shown.readers === 0);
  });

  it('is asked again and again where it gives one picture at a time', async () => {
    const shown = await camera();
    const made = driver(at(shown, '/still.jpg'));
    const { jpeg } = await made.capture({});
    await until('another picture', async () => !(await made.capture({})).jpeg.equals(jpeg));
  });

  for (const kind of ['basic', 'digest'] as const) {
    it(`is let in by ${kind}; a wrong password is said and not shown`, async () => {
      const shown = await camera();
      shown.login = { kind, user: 'eve', password: 'p@ss,"w"' };
      const login = `eve:${encodeURIComponent('p@ss,"w"')}@`;
      assert.equal((await driver(at(shown, '/stream', login)).capture({})).width, 160);
      await assert.rejects(driver(at(shown, '/stream', 'eve:s3cret-word@')).capture({}), (error: Error) => {
        assert.match(error.message, /no picture from 127.0.0.1:\d+: it refuses the user name or password \(401\)/);
        assert.doesNotMatch(error.message, /s3cret-word/);
        return true;
      });
    });
  }

  it('has the answer of the example in RFC 7616 (§3.9.1), MD5 and SHA-256', () => {
    const login = { user: 'Mufasa', password: 'Circle of Life' };
    const request = { method: 'GET', uri: '/dir/index.html' };
    const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';
    const challenge = (algorithm: string) =>
      `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, ` +
      'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
    const answers = ['MD5', 'SHA-256'].map((name) => authorize(challenge(name), login, request, cnonce) ?? '');
    assert.match(answers[0] ?? '', /response="8ca523f5e9506fed4657c9700eebdbec"/);
    assert.match(answers[1] ?? '', /response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"/);
  });

  it('may send us on at its own address; elsewhere only where the policy lets us, and never with its password', async () => {
    const [shown, inside] = [await camera(), await camera()];
    shown.login = { kind: 'basic', user: 'eve', password: 'right' };
    shown.moves
      .set('/moved', '/stream')
      .set('/away', at(inside))
      .set('/file', 'file:///etc/passwd')
      .set('/loop', '/loop');
    const url = (path: string) => at(shown, path, 'eve:right@');
    assert.equal((await driver(url('/moved')).capture({})).width, 160);
    const not = /it sends us to an address that is not allowed/;
    await assert.rejects(driver(url('/away')).capture({}), not);
    const strict = createUrlCheck({ allow: ['192.168.0.0/16'], clipsDir: '/no/such' });
    await assert.rejects(
      driver(url('/away'), { checkUrl: strict }).capture({}),
      /lies in no network of CAMERA_URL_ALLOW/,
    );
    await assert.rejects(driver(url('/file')).capture({}), not);
    await assert.rejects(driver(url('/loop')).capture({}), /sends us on and on/);
    assert.deepEqual(inside.asked, []);
    const kind = createUrlCheck({ allow: ['127.0.0.0/8'], clipsDir: '/no/such' });
    assert.equal((await driver(url('/away'), { checkUrl: kind }).capture({})).width, 160);
    assert.ok(inside.asked.length > 0 && inside.asked.every(({ authorization }) => authorization === undefined));
  });

  it('says in words when nothing answers, or no picture', async () => {
    await assert.rejects(driver(`http://127.0.0.1:${await closedPort()}/stream`).capture({}), {
      code: 'camera.unreachable',
      message: /nothing answers at that address and port/,
    });
    const made = driver(at(await camera(), '/page'));
    await assert.rejects(made.capture({}), { code: 'camera.no_picture', message: /gives no JPEGs/ });
    assert.equal(made.status().state, 'failed');
  });

  it('is read anew when it froze with its connection open, and when it was away', async () => {
    const shown = await camera();
    const made = driver(at(shown), { limits: { silenceMs: 300 } });
    await made.capture({});
    shown.isFrozen = true;
    await until('it is noticed', () => made.status().state === 'stalled');
    assert.match(made.status().reason ?? '', /gave no picture for/);
    shown.isFrozen = false;
    await until('it is back', () => made.status().state === 'live');
    const { port } = shown;
    await shown.close();
    await until('it is noticed', () => made.status().state === 'stalled');
    await camera(port);
    await until('it is back', () => made.status().state === 'live');
  });

  it('is shown to MJPEG viewers, each picture once; WHEP, HLS and /live say that this is all', async () => {
    const shown = await camera();
    shown.fps = 10;
    const cameras: CameraSet = createCameraSet({ clock: systemClock, log: silentLog });
    cameras.define({ id: 'gate', url: at(shown) });
    const common = { clock: systemClock, log: silentLog, ffmpegPath: 'ffmpeg', cameras };
    const streams = createStreams({ ...common, rpicamVid: [] });
    const pictures = new Pictures({ ...common, streams });
    const door = await openLiveDoor({ shown: pictures, over: streams });
    closing.push(
      () => door.close(),
      () => cameras.stop(),
      () => pictures.stop(),
    );
    const seen: Buffer[] = [];
    const leave = pictures.watch('gate', { fps: 30, onPicture: ({ jpeg }) => seen.push(jpeg) });
    await until('some pictures', () => seen.length > 8);
    leave();
    assert.ok(seen.every((jpeg, index) => index === 0 || !jpeg.equals(seen[index - 1] ?? jpeg)));
    assert.equal(shown.readers, 1);
    const token = await door.userToken('viewer');
    const { json } = await door.call('GET', '/api/v1/cameras/gate/live', { token });
    const only = 'this camera gives JPEGs and no H.264: it can be watched as MJPEG only';
    assert.deepEqual(json.ways, [{ name: 'whep', reason: only }, { name: 'hls', reason: only }, { name: 'mjpeg' }]);
    const hls = await door.call('GET', '/api/v1/cameras/gate/hls/index.m3u8', { token });
    assert.deepEqual([hls.status, hls.json.code, hls.json.message], [409, 'camera.no_stream', only]);
    assert.throws(() => streams.subscribe('gate', { onFormat() {}, onVideo() {} }), { code: 'camera.no_stream' });
  });

  it('is what a test of its address says', async () => {
    const shown = await camera();
    const test = createCameraTest({ clock: systemClock, ffmpegPath: 'ffmpeg', checkUrl: async () => {} });
    const answer = await test(at(shown));
    assert.ok(answer.ok);
    assert.deepEqual([answer.driver, answer.width, answer.live.works], ['mjpeg', 160, false]);
    assert.match(answer.live.reason ?? '', /MJPEG only/);
  });
});
