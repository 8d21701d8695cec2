import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { openBrowser, screenshot, troublesOf } from '../support/browser.ts';
import { patternClip } from '../support/clips.ts';
import { buildConsoleIfOld } from '../support/console-build.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { ADMIN_PASSWORD, ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

const GATE = 'gate';
const YARD = 'yard';
/** registered with its device */
const PI = 'porch-cam';
const CLIP_S = 4;

/** Makes WebRTC calls go to a port where nobody listens while `blocked` is set, as a firewall does. */
const UDP_BLOCKED = `
window.blocked = true;
const set = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function (description) {
  const sdp = description.sdp.replace(/^(a=candidate:\\S+ \\d+ udp \\d+ )\\S+ \\d+/gim, '$1' + '127.0.0.1 9');
  return set.call(this, window.blocked ? { ...description, sdp } : description);
};
`;
/** What a browser writes while a server is away. */
const UNREACHABLE = /net::ERR_|50\d \(/;
/** Chromium writes what a test itself has cut off, or has refused, into the console. */
const CUT_OFF = /net::ERR_FAILED.*\/hls\/|400 \(Bad Request\).*\/cameras\/\w+\)$|404 .*\/cameras\/spare\/whep\/\S+\)$/;

interface SessionRow {
  type: string;
  camera: string;
  state: string;
}

buildConsoleIfOld();

const SCREENS = [
  [1400, 900, 'desktop'],
  [360, 740, 'phone'],
] as const;

describe('live pictures in a browser', function () {
  this.timeout(60_000);
  let server: ServerUnderTest;
  let browser: Browser;
  let context: BrowserContext;
  let elsewhere: Server;
  let origin: string;
  let page: Page;
  let troubles: string[];

  before(async () => {
    const database = await startPostgres();
    let html = '';
    elsewhere = createServer((_req, res) => res.setHeader('Content-Type', 'text/html').end(html));
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
    server = await ServerUnderTest.start({ DATABASE_URL: database.url(), CORS_ORIGINS: origin });
    await server.api.post('/cameras', { id: GATE, name: 'Gate', url: 'sim:gradient' });
    const clip = join(server.folder, 'data', 'clips', 'yard.mp4');
    await mkdir(dirname(clip), { recursive: true });
    await copyFile(await patternClip(CLIP_S), clip);
    await server.api.post('/cameras', { id: YARD, name: 'Yard', url: `file:${clip}` });
    await server.device('porch');
    const { token } = await server.api.post<{ token: string }>(`/cameras/${GATE}/stream-token`, {});
    html = `<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>
      <script type="module" src="${server.url}/assets/redeye-player.js"></script>
      <redeye-player camera="${GATE}" token="${token}"></redeye-player></html>`;
    browser = await openBrowser();
    context = await browser.newContext({ viewport: { width: 1400, height: 900 }, colorScheme: 'dark' });
    page = await context.newPage();
    await page.goto(server.url);
    await page.getByLabel('User name or e-mail').fill('admin');
    await page.getByLabel('Password', { exact: true }).fill(ADMIN_PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Live' }).waitFor();
    await page.close();
  });

  beforeEach(async () => {
    page = await context.newPage();
    troubles = troublesOf(page);
  });

  afterEach(async () => {
    await page.close();
    assert.deepEqual(
      troubles.filter((trouble) => !CUT_OFF.test(trouble)),
      [],
    );
  });

  after(async () => {
    await browser?.close();
    await server?.end();
    elsewhere?.close();
  });

  const sessions = async () => (await server.api.get<{ items: SessionRow[] }>('/sessions')).items;
  /** Without HLS of tests before: it has no connection, and counts as watching until it has not asked for 20 s. */
  const watching = async () => (await sessions()).filter(({ type }) => type !== 'hls');
  const status = () => page.locator('redeye-player').getByRole('status');

  /** Looks at what is open on either screen, dark and light. */
  const looks = async (name: string) => {
    for (const [width, height, where] of SCREENS) {
      await page.setViewportSize({ width, height });
      const over = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
      assert.ok(Number(over) <= 0, `${name} is ${over} px too wide`);
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await until('the colours rest', () => page.evaluate('document.getAnimations().length === 0'));
        await assertAccessible(page, `${name}, ${where}, ${colorScheme}`);
        await screenshot(page, `${name}-${where}-${colorScheme}`);
      }
    }
  };

  it('plays a camera by WebRTC, moving, and says how far behind it is', async () => {
    await page.goto(`${server.url}/live/${GATE}`);
    await status().filter({ hasText: 'Live WebRTC' }).waitFor();
    await moves(page);
    const [session] = await sessions();
    assert.deepEqual([session?.type, session?.camera], ['whep', GATE]);
    await page.getByText(/^less than 0\.1 s behind$|^0\.\d s behind$/).waitFor();
    assert.equal((await status().textContent())?.trim(), 'Live WebRTC', 'nothing better is missed');
  });

  it('is worked with by keys: pause ends the session, play begins another, a still is saved', async () => {
    await page.goto(`${server.url}/live/${GATE}`);
    await status().filter({ hasText: 'Live WebRTC' }).waitFor();
    await page.keyboard.press(' ');
    await status().filter({ hasText: 'Paused' }).waitFor();
    await until('nobody watches', async () => (await watching()).length === 0);
    assert.ok(await seen(page), 'the last picture stays');
    await page.keyboard.press(' ');
    await status().filter({ hasText: 'Live WebRTC' }).waitFor();
    const download = page.waitForEvent('download');
    await page.keyboard.press('s');
    assert.match((await download).suggestedFilename(), /^gate-.*\.jpg$/);
    await page.keyboard.press('f');
    await page.waitForFunction('document.fullscreenElement?.localName === "redeye-player"');
    await screenshot(page, 'live-full-screen');
    await page.keyboard.press('f');
    await page.waitForFunction('document.fullscreenElement === null');
  });

  it('falls back to LL-HLS where UDP is blocked, says so, and goes back without a flash when it is not any more', async () => {
    await page.addInitScript(UDP_BLOCKED);
    await page.goto(`${server.url}/live/${GATE}`);
    await status().filter({ hasText: 'Live LL-HLS WebRTC: UDP' }).waitFor({ timeout: 20_000 });
    const said = (await status().textContent()) ?? '';
    assert.match(said, /^Live LL-HLS WebRTC: UDP \d{4,5} is not reachable \(no answer within 4 s\)$/);
    await moves(page);
    await page.getByText(/^\d\.\d s behind$/).waitFor();
    await screenshot(page, 'live-fallback');
    await page.evaluate('window.blocked = false');
    const empty = watchForEmptiness(page);
    await status().filter({ hasText: 'Live WebRTC' }).waitFor({ timeout: 20_000 });
    await moves(page);
    assert.equal(await empty(), 0, 'a picture was seen all the time');
  });

  it('does not try what the server says is not there, and shows its words', async () => {
    const reason = 'WebRTC is off on this server';
    await page.route(`**/cameras/${GATE}/live*`, async (route) => {
      const answer = await route.fetch();
      const json = (await answer.json()) as { ways: { name: string; reason?: string }[] };
      const ways = json.ways.map((way) => (way.name === 'whep' ? { ...way, reason } : way));
      await route.fulfill({ response: answer, json: { ...json, ways } });
    });
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(`${server.url}/live/${GATE}`);
    await status()
      .filter({ hasText: `Live LL-HLS WebRTC: ${reason}` })
      .waitFor();
    await moves(page);
    assert.ok(!asked.some((url) => url.includes('/whep')));
  });

  it('shows the newest still where nothing can come from now, and says why, without trying', async () => {
    await page.goto(`${server.url}/live/${PI}`);
    await page.getByText(/^Stills only: the device \S+ is offline\.$/).waitFor();
    assert.equal(await page.locator('redeye-player').count(), 0);
  });

  it('falls back to MJPEG where HLS does not come through either', async () => {
    await page.addInitScript(UDP_BLOCKED);
    await page.route('**/hls/**', (route) => route.abort());
    await page.goto(`${server.url}/live/${YARD}`);
    await status().filter({ hasText: 'Live MJPEG' }).waitFor({ timeout: 25_000 });
    assert.match(
      (await status().textContent()) ?? '',
      /^Live MJPEG WebRTC: UDP .* · LL-HLS: the stream cannot be played/,
    );
    await moves(page);
    const rows = await sessions();
    assert.ok(rows.some(({ type, camera }) => type === 'mjpeg' && camera === YARD));
  });

  it('has a wall that plays what is in sight, and leaves nobody watching when it is left', async () => {
    await page.goto(`${server.url}/live`);
    await until('both are watched', async () => {
      const rows = await sessions();
      return [GATE, YARD].every((id) => rows.some(({ camera, type }) => camera === id && type === 'whep'));
    });
    await until('both say so', async () => (await page.locator('li', { hasText: 'Live' }).count()) === 2);
    await page.getByText('Settings').first().click();
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
    await until('nobody watches', async () => (await watching()).length === 0);
  });

  it('stops while its page is in the background, and goes on when it is back', async () => {
    await page.goto(`${server.url}/live/${GATE}`);
    await status().filter({ hasText: 'Live WebRTC' }).waitFor();
    await hide(page, true);
    await until('nobody watches', async () => (await watching()).length === 0);
    await hide(page, false);
    await status().filter({ hasText: 'Live WebRTC' }).waitFor();
  });

  it('plays on a page elsewhere by three lines and a token', async () => {
    await page.goto(origin);
    // A token only reads, and a WebRTC offer is sent: that takes a login.
    await status().filter({ hasText: 'Live LL-HLS WebRTC: a stream token only reads' }).waitFor({ timeout: 20_000 });
    await moves(page);
    const [session] = await sessions();
    assert.deepEqual([session?.type, session?.camera], ['hls', GATE]);
  });

  it('keeps the last picture when the server goes, says so, and plays again when it is back', async () => {
    await page.goto(`${server.url}/live/${GATE}`);
    await status().filter({ hasText: 'Live WebRTC' }).waitFor();
    await server.end();
    await status().filter({ hasText: 'No live picture the server cannot be reached' }).waitFor({ timeout: 20_000 });
    assert.ok(await seen(page), 'the last picture stays');
    await screenshot(page, 'live-gone');
    await server.start();
    await status().filter({ hasText: 'Live WebRTC' }).waitFor({ timeout: 30_000 });
    await moves(page);
    troubles.splice(0, troubles.length, ...troubles.filter((trouble) => !UNREACHABLE.test(trouble)));
  });

  it("changes a camera's name, description and address in a form that keeps what is not touched and refuses what is no address", async () => {
    await page.goto(`${server.url}/live/${YARD}`);
    await page.getByRole('button', { name: 'Edit' }).click();
    const form = page.getByRole('dialog', { name: `Edit ${YARD}` });
    const save = form.getByRole('button', { name: 'Save' });
    assert.equal(await form.getByLabel('Name').inputValue(), 'Yard');
    assert.equal(
      await form.getByLabel('Address').inputValue(),
      '',
      'an address is never shown: it may hold a password',
    );
    assert.equal(await save.isDisabled(), true, 'nothing has changed yet');
    await looks('camera-edit');
    await page.keyboard.press('Escape');
    await form.waitFor({ state: 'hidden' });
    assert.equal(new URL(page.url()).pathname, `/live/${YARD}`, 'Escape closes the form, not the page');

    await page.getByRole('button', { name: 'Edit' }).click();
    await form.getByLabel('Address').fill('gopher://yard');
    await save.click();
    await form.locator('#edit-camera-url[aria-invalid=true]').waitFor();
    await assertAccessible(page, 'a wrong address of a camera');
    await screenshot(page, 'camera-edit-wrong');
    await form.getByLabel('Address').fill('');
    await form.getByLabel('Name').fill('Back yard');
    await form.getByLabel('Description').fill('Über dem Tor, nach Norden <b>');
    await save.click();
    await page.getByRole('heading', { name: 'Back yard' }).waitFor();
    await page.getByText('Über dem Tor, nach Norden <b>').waitFor();
    const kept = await server.api.get<{ name: string; driver: string }>(`/cameras/${YARD}`);
    assert.deepEqual([kept.name, kept.driver], ['Back yard', 'file'], 'an address that was not given is kept');
    await screenshot(page, 'camera-edited');

    await page.getByRole('button', { name: 'Edit' }).click();
    await form.getByLabel('Description').fill('');
    await form.getByLabel('Address').fill('sim:shelf');
    await form.getByRole('button', { name: 'Try this address' }).click();
    await form.getByText('It works: sim, 1280 × 720, live too.').waitFor();
    await save.click();
    await form.waitFor({ state: 'hidden' });
    await page.getByText('Über dem Tor').waitFor({ state: 'detached' });
    const changed = await server.api.get<{ description: null; driver: string }>(`/cameras/${YARD}`);
    assert.deepEqual([changed.description, changed.driver], [null, 'sim']);
    await server.api.patch(`/cameras/${YARD}`, {
      name: 'Yard',
      url: `file:${join(server.folder, 'data/clips/yard.mp4')}`,
    });

    await page.goto(`${server.url}/live/porch-cam`);
    await page.getByRole('button', { name: 'Edit' }).click();
    const other = page.getByRole('dialog', { name: 'Edit porch-cam' });
    await other.getByLabel('Name').waitFor();
    assert.equal(await other.getByLabel('Address').count(), 0, 'a Pi names its own camera');
  });

  it('sets how a camera takes its pictures within what it can, and says so where there is nothing to set', async () => {
    await page.goto(`${server.url}/live/${GATE}`);
    await page.getByRole('button', { name: 'Settings' }).click();
    const form = page.getByRole('dialog', { name: `How ${GATE} takes pictures` });
    const exposure = form.getByLabel('Exposure');
    await exposure.waitFor();
    const save = form.getByRole('button', { name: 'Save' });
    assert.equal(await save.isDisabled(), true, 'nothing has changed yet');
    await looks('camera-settings');
    await exposure.fill('5000000');
    await save.click();
    assert.equal(await form.isVisible(), true, 'the browser refuses what is out of range');
    await exposure.fill('40');
    await save.click();
    await form.waitFor({ state: 'hidden' });
    const set = await server.api.get<{ exposure: number; gain: number }>(`/cameras/${GATE}/settings`);
    assert.equal(set.exposure, 40);
    await page.getByRole('button', { name: 'Settings' }).click();
    await until('it shows what is set', async () => (await exposure.inputValue()) === '40');
    await page.keyboard.press('Escape');
    await page.goto(`${server.url}/live/${YARD}`);
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByText('This camera sets itself; nothing can be changed here.').waitFor();
  });

  it('deletes a camera of the server after its name was typed, and comes back to the wall', async () => {
    await server.api.post('/cameras', { id: 'spare', name: 'Spare', url: 'sim:gradient' });
    await page.goto(`${server.url}/live/spare`);
    await page.getByRole('button', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog', { name: 'Delete spare' });
    await looks('camera-delete');
    const remove = dialog.getByRole('button', { name: 'Delete' });
    assert.equal(await remove.isDisabled(), true);
    await dialog.getByLabel('Type spare to delete it').fill('spare');
    await remove.click();
    await page.waitForURL('**/live');
    const { items } = await server.api.get<{ items: { id: string }[] }>('/cameras');
    assert.ok(!items.some(({ id }) => id === 'spare'));
    await page.goto(`${server.url}/live/porch-cam`);
    await page.getByRole('button', { name: 'Edit' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Delete' }).count(), 0, 'a Pi’s camera goes with the Pi');
  });

  for (const [width, height, where] of SCREENS) {
    it(`has no serious trouble for anybody on a ${where}, dark and light`, async () => {
      await page.setViewportSize({ width, height });
      for (const [name, path] of [
        ['wall', '/live'],
        ['camera', `/live/${YARD}`],
      ] as const) {
        await page.goto(server.url + path);
        await page.locator('redeye-player').first().waitFor();
        await moves(page);
        const over = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
        assert.ok(Number(over) <= 0, `${name} is ${over} px too wide`);
        for (const colorScheme of ['dark', 'light'] as const) {
          // Colours that still change from one theme to the other are nobody's.
          await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
          await until('the colours rest', () => page.evaluate('document.getAnimations().length === 0'));
          await assertAccessible(page, `${name}, ${colorScheme}`);
          await screenshot(page, `live-${name}-${where}-${colorScheme}`);
        }
      }
    });
  }
});

/** What the surface in front shows, 16 × 9; empty while there is none. */
const LOOK = `(() => {
  const root = document.querySelector('redeye-player').shadowRoot;
  const surface = [...root.querySelectorAll('.surface.shown')].at(-1) ?? root.querySelector('canvas.below:not([hidden])');
  if (!surface) return '';
  const canvas = Object.assign(document.createElement('canvas'), { width: 16, height: 9 });
  const context = canvas.getContext('2d');
  context.drawImage(surface, 0, 0, 16, 9);
  const data = context.getImageData(0, 0, 16, 9).data;
  return data.some((value, at) => at % 4 !== 3 && value > 24) ? data.join() : '';
})()`;

async function seen(page: Page): Promise<string> {
  return (await page.evaluate(LOOK)) as string;
}

/** Waits until the picture has changed twice. */
async function moves(page: Page): Promise<void> {
  const pictures = new Set<string>();
  await until('the picture moves', async () => {
    const picture = await seen(page);
    if (picture !== '') pictures.add(picture);
    return pictures.size >= 3;
  });
}

/** Counts the frames in which there was no picture; call the answer to end and to learn. */
function watchForEmptiness(page: Page): () => Promise<number> {
  const counting = page.evaluate(`(() => {
    window.emptiness = 0;
    const look = () => {
      if (${LOOK} === '') window.emptiness += 1;
      requestAnimationFrame(look);
    };
    look();
  })()`);
  return async () => {
    await counting;
    return Number(await page.evaluate('window.emptiness'));
  };
}

/** Makes the page believe that it is in the background: headless Chromium has no other tab to put in front. */
async function hide(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
}

/** Fails on what axe-core calls serious or critical. */
async function assertAccessible(page: Page, where: string): Promise<void> {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source);
  const found = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as {
    violations: { id: string; impact: string; nodes: { html: string }[] }[];
  };
  const bad = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(
    bad.map(({ id, nodes }) => `${where}: ${id}: ${nodes.map(({ html }) => html).join('; ')}`),
    [],
  );
}
