import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, connect } from 'node:net';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { openBrowser, troublesOf } from '../../../support/browser.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { openLiveDoor } from '../../../support/live-door.ts';
import { readPlaylist } from '../../../support/playlist.ts';
import { type Clip, recordClip } from '../../../support/stream-fixture.ts';
import { until } from '../../../support/until.ts';

const run = promisify(execFile);
const HLS_JS = createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js');

type Door = Awaited<ReturnType<typeof openLiveDoor>>;

describe('HLS over HTTP', () => {
  let clip: Clip;
  let door: Door;

  before(async () => {
    clip = await recordClip({ seconds: 4, width: 640, height: 360 });
  });
  beforeEach(async () => {
    door = await openLiveDoor({ corsOrigins: ['https://site.example'] });
    door.streams.play('cam', clip);
  });
  afterEach(() => door.close());

  for (const root of ['/api/v1/cameras/cam/hls', '/cam', '/hls/cam']) {
    it(`is read from ${root}/index.m3u8 with a token alone, down to the pictures`, async () => {
      const token = await door.streamToken('cam');
      const index = await door.call('GET', `${root}/index.m3u8?token=${token}`);
      assert.equal(index.status, 200);
      assert.match(index.headers.get('content-type') ?? '', /^application\/vnd\.apple\.mpegurl/);
      assert.equal(index.headers.get('cache-control'), 'no-store');
      const media = index.text.trim().split('\n').at(-1) ?? '';
      const list = readPlaylist((await door.call('GET', `${root}/${media}`)).text);
      const names = [list.maps[0], list.segments[0]?.uri, list.segments[0]?.parts[0]?.uri];
      for (const name of names) {
        const file = await fetch(`${door.url}${root}/${name}`);
        assert.equal(file.status, 200, name);
        assert.equal(file.headers.get('content-type'), 'video/mp4');
        const bytes = await file.arrayBuffer();
        assert.equal(bytes.byteLength, Number(file.headers.get('content-length')));
        const head = await fetch(`${door.url}${root}/${name}`, { method: 'HEAD' });
        assert.equal(head.headers.get('content-length'), String(bytes.byteLength));
      }
    });
  }

  it('waits for the part a player asks for', async () => {
    const token = await door.userToken('viewer');
    const list = async (query = '') => readPlaylist((await door.call('GET', `/cam/live.m3u8${query}`, { token })).text);
    const now = await list();
    const msn = now.first + now.segments.length + 1;
    const then = await list(`?_HLS_msn=${msn}&_HLS_part=0`);
    assert.equal(then.first + then.segments.length, msn);
    assert.equal(then.open.length, 1);
    assert.equal((await door.call('GET', '/cam/live.m3u8?_HLS_msn=x', { token })).status, 400);
    assert.equal((await door.call('GET', `/cam/live.m3u8?_HLS_msn=${msn + 100}`, { token })).status, 400);
  });

  it('is refused without a credential, with another camera’s token, and to users without the right', async () => {
    const foreign = await door.streamToken('other');
    const [narrow, viewer] = [await door.userToken('viewer', ['other']), await door.userToken('viewer')];
    const stamp = (await door.call('GET', '/cam/live.m3u8', { token: viewer })).text;
    const segment = readPlaylist(stamp).segments[0]?.uri;
    for (const path of ['/api/v1/cameras/cam/hls/index.m3u8', '/cam/index.m3u8', '/cam/live.m3u8', `/cam/${segment}`]) {
      assert.equal((await door.call('GET', path)).status, 401, path);
      assert.equal((await door.call('GET', `${path}?token=${foreign}`)).status, 401, path);
      assert.equal((await door.call('GET', path, { token: narrow })).status, 403, path);
      assert.equal((await door.call('POST', path, { token: viewer })).status, 405, path);
      assert.equal((await door.call('OPTIONS', path)).status, 204, path);
    }
    const gone = await door.call('GET', '/cam/seg-0badcafe-1.mp4', { token: viewer });
    assert.deepEqual([gone.status, gone.json.code], [404, 'stream.gone']);
    const nobody = await door.call('GET', '/api/v1/cameras/nobody/hls/index.m3u8', { token: viewer });
    assert.deepEqual([nobody.status, nobody.json.code], [404, 'camera.not_found']);
  });

  it('is open to the listed origins and only to them', async () => {
    const token = await door.userToken('viewer');
    const from = (origin: string) => door.call('GET', '/cam/index.m3u8', { token, headers: { Origin: origin } });
    const listed = await from('https://site.example');
    assert.equal(listed.headers.get('access-control-allow-origin'), 'https://site.example');
    assert.equal((await from('https://else.example')).headers.get('access-control-allow-origin'), null);
    const preflight = await door.call('OPTIONS', '/cam/index.m3u8', {
      headers: { Origin: 'https://site.example', 'Access-Control-Request-Method': 'GET' },
    });
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /Authorization/);
  });

  it('does not take the path of a page or flow that is no camera', async () => {
    const node: Parameters<typeof openLiveDoor>[0] = {
      openPaths: ['/page/*'],
      flows: { node: (_req, res) => void res.send('a flow') },
    };
    await door.close();
    door = await openLiveDoor(node);
    door.streams.play('cam', clip);
    assert.equal((await door.call('GET', '/page/index.m3u8')).text, 'a flow');
    assert.equal((await door.call('GET', '/healthz')).status, 200);
  });

  it('goes on beyond the five minutes of a token while it is watched, and not after a pause', async () => {
    await door.close();
    const clock = new FakeClock(Date.now());
    door = await openLiveDoor({ clock });
    door.streams.play('cam', clip);
    const token = await door.streamToken('cam');
    const unused = await door.streamToken('cam');
    const status = async (by: string) => (await door.call('GET', `/cam/live.m3u8?token=${by}`)).status;
    for (let minute = 0; minute < 8; minute += 1) {
      for (let third = 0; third < 3; third += 1) {
        assert.equal(await status(token), 200, `minute ${minute}`);
        await clock.advance(20_000);
      }
    }
    assert.equal(await status(unused), 401);
    assert.equal(await status(token), 200);
    await clock.advance(31_000);
    assert.equal(await status(token), 401);
  });

  it('lists a player as one session, and ends it when asked to', async () => {
    const viewer = await door.userToken('viewer');
    const operator = await door.userToken('operator');
    await door.call('GET', '/cam/index.m3u8', { token: viewer });
    await door.call('GET', '/cam/live.m3u8', { token: viewer });
    const { json } = await door.call('GET', '/api/v1/sessions', { token: operator });
    assert.deepEqual(
      json.items.map(({ type, camera }: Record<string, string>) => [type, camera]),
      [['hls', 'cam']],
    );
    assert.ok(json.items[0].bytes > 0);
    await door.call('DELETE', `/api/v1/sessions/${json.items[0].id}`, { token: operator });
    const { status } = await door.call('GET', '/cam/live.m3u8', { token: viewer });
    assert.equal(status, 410);
  });

  it('is held up by nobody who asks and never reads', async () => {
    const token = await door.streamToken('cam');
    const root = '/api/v1/cameras/cam/hls';
    const index = await door.call('GET', `${root}/index.m3u8?token=${token}`);
    const media = index.text.trim().split('\n').at(-1) ?? '';
    const segment = readPlaylist((await door.call('GET', `${root}/${media}`)).text).segments[0]?.uri ?? '';
    const deaf = connect(Number(new URL(door.url).port), '127.0.0.1');
    deaf.on('error', () => undefined);
    deaf.pause();
    await once(deaf, 'connect');
    deaf.write(`GET ${root}/${segment} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(200));
    const began = performance.now();
    for (let count = 0; count < 10; count += 1) {
      const { status } = await door.call('GET', `${root}/${media}`);
      assert.equal(status, 200);
    }
    assert.ok(performance.now() - began < 5000);
    assert.ok((door.hls.status()[0]?.bytes ?? 0) < 64 * 1024 * 1024);
    deaf.destroy();
  });

  it('is read by ffmpeg, which knows no parts, without an error', async () => {
    const token = await door.streamToken('cam');
    const url = `${door.url}/cam/index.m3u8?token=${token}`;
    await door.call('GET', `/cam/index.m3u8?token=${token}`);
    const { stdout } = await run('ffprobe', ['-v', 'error', '-show_streams', '-of', 'json', url]);
    const [stream] = JSON.parse(stdout).streams;
    assert.deepEqual([stream.codec_name, stream.width, stream.height], ['h264', 640, 360]);
    const args = ['-v', 'error', '-i', url, '-t', '3', '-f', 'framemd5', '-'];
    const decoded = await run('ffmpeg', args);
    assert.equal(decoded.stderr, '');
    const times = decoded.stdout
      .split('\n')
      .filter((line) => /^\d/.test(line))
      .map((line) => Number(line.split(',')[2]));
    assert.ok(times.length >= 70, `${times.length} pictures`);
  });
});

/** hls.js in Chromium, as a page would use it. */
async function play(page: Page, site: string, source: string): Promise<void> {
  await page.goto(site);
  await page.addScriptTag({ path: HLS_JS });
  await page.evaluate((url) => {
    const video = document.querySelector('video') as HTMLVideoElement;
    // biome-ignore lint/suspicious/noExplicitAny: a script of the page
    const { Hls } = window as any;
    const hls = new Hls({ lowLatencyMode: true });
    Object.assign(window, { hls, errors: [] as string[], changes: 0 });
    // biome-ignore lint/suspicious/noExplicitAny: the same
    const seen = window as any;
    hls.on(Hls.Events.ERROR, (_name: string, data: { details: string; fatal: boolean; error?: Error }) =>
      seen.errors.push(`${data.details} ${data.fatal} ${data.error?.message}`),
    );
    hls.loadSource(url);
    hls.attachMedia(video);
    void video.play();
  }, source);
}

interface Seen {
  time: number;
  width: number;
  latency: number;
  errors: string[];
  parts: boolean;
}

function seen(page: Page): Promise<Seen> {
  return page.evaluate(() => {
    const video = document.querySelector('video') as HTMLVideoElement;
    // biome-ignore lint/suspicious/noExplicitAny: a script of the page
    const { hls, errors } = window as any;
    const parts = (hls.latestLevelDetails ?? hls.levels[0]?.details)?.partList?.length > 0;
    return { time: video.currentTime, width: video.videoWidth, latency: hls.latency, errors, parts };
  });
}

describe('HLS in a browser', () => {
  let door: Door;
  let page: Page;
  let troubles: string[];
  /** a page of another origin */
  let site: string;
  const server = createServer((_req, res) => {
    res
      .setHeader('Content-Type', 'text/html')
      .end('<!doctype html><link rel=icon href=data:,><video muted playsinline></video>');
  });

  before(async function () {
    this.timeout(60_000);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    site = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    page = await (await openBrowser()).newPage();
    troubles = troublesOf(page);
  });
  beforeEach(async () => {
    troubles.length = 0;
    door = await openLiveDoor({ corsOrigins: [site] });
  });
  afterEach(async () => {
    await page.goto('about:blank');
    await door.close();
  });

  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('plays by parts in hls.js without an error', async () => {
    door.streams.play('cam', await recordClip({ seconds: 4, gop: 50 }));
    const token = await door.streamToken('cam');
    await play(page, site, `${door.url}/cam/index.m3u8?token=${token}`);
    const from = await until('it plays', async () => {
      const now = await seen(page);
      return now.time > 0.5 && now;
    });
    const later = await until('it goes on', async () => {
      const now = await seen(page);
      return now.time > from.time + 5 && now;
    });
    if (process.env.SHOW) process.stderr.write(`${JSON.stringify(later)}\n`);
    assert.deepEqual(later.errors, []);
    assert.equal(later.width, 320);
    assert.ok(later.parts, 'it reads parts');
    assert.deepEqual(troubles, []);
  });

  it('plays sound and picture', async () => {
    door.streams.play('cam', await recordClip({ seconds: 4, audio: true }));
    const token = await door.streamToken('cam');
    await play(page, site, `${door.url}/cam/index.m3u8?token=${token}`);
    await until('it plays', async () => (await seen(page)).time > 3);
    const { errors } = await seen(page);
    assert.deepEqual(errors, []);
    const heard = await page.evaluate(
      // biome-ignore lint/suspicious/noExplicitAny: Chromium's own count
      () => (document.querySelector('video') as any).webkitAudioDecodedByteCount as number,
    );
    assert.ok(heard > 0);
  });

  it('goes on when the camera came back with another picture', async () => {
    door.streams.play('cam', await recordClip({ seconds: 2 }));
    const token = await door.streamToken('cam');
    await play(page, site, `${door.url}/cam/index.m3u8?token=${token}`);
    await until('it plays', async () => (await seen(page)).time > 1);
    door.streams.play('cam', await recordClip({ seconds: 2, width: 160, height: 96 }));
    const before = await until(
      'the other size',
      async () => {
        const now = await seen(page);
        return now.width === 160 && now;
      },
      20_000,
    );
    const after = await until('it goes on', async () => {
      const now = await seen(page);
      return now.time > before.time + 2 && now;
    });
    assert.deepEqual(
      after.errors.filter((error) => / true /.test(error)),
      [],
      'nothing fatal',
    );
  });
});
