import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { EventRecord } from '../../runtime/contracts/events.ts';
import type { Roi } from '../../runtime/contracts/rois.ts';
import { shelfRois } from '../../runtime/media/sim/shelf-timetable.ts';
import { assertAccessible } from '../support/accessible.ts';
import { openBrowser, screenshot, troublesOf } from '../support/browser.ts';
import { buildConsoleIfOld } from '../support/console-build.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { ADMIN_PASSWORD, EdgeUnderTest, ServerUnderTest } from '../support/servers.ts';
import { ShelfVisits } from '../support/shelf-visits.ts';
import { until } from '../support/until.ts';

const DEVICE = 'shelf-pi';
const CAMERA = `${DEVICE}-cam`;
/** A camera without a program: its pictures come from the test, as fast as they are taken. */
const SHELF = 'stock-pi';
const SHELF_CAMERA = `${SHELF}-cam`;
const FIRST_LOAD_LIMIT = 200_000;
const EVENT_MS = 45_000;
/** Chromium writes every refused request into the console; these are the tests' own doing. */
const WANTED = /401 \(Unauthorized\).*\/auth\/login|409 \(Conflict\).*\/rois/;
/** What a browser writes while a server is away. */
const UNREACHABLE = /net::ERR_|50\d \(|404 .*\/whep\/\S+\)$/;

buildConsoleIfOld();

describe('the console in a browser', function () {
  this.timeout(120_000);
  let databaseUrl: string;
  let server: ServerUnderTest;
  let edge: EdgeUnderTest;
  let visits: ShelfVisits;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let troubles: string[];

  before(async () => {
    databaseUrl = (await startPostgres()).url();
    server = await ServerUnderTest.start({ DATABASE_URL: databaseUrl });
    const device = await server.device(DEVICE);
    await server.api.put(`/devices/${DEVICE}/config`, { capture_interval_s: 0.5 });
    visits = new ShelfVisits(server.url, await server.device(SHELF));
    await server.api.put(`/cameras/${SHELF_CAMERA}/rois`, { rois: shelfRois.filter((roi) => roi.name !== 'middle') });
    // At rest, then the hand at the left and at the right.
    await visits.play(115, 135);
    edge = await EdgeUnderTest.start(server, device, 'sim:shelf');
    browser = await openBrowser();
    context = await browser.newContext({ viewport: { width: 1400, height: 900 }, colorScheme: 'dark' });
    page = await context.newPage();
    troubles = troublesOf(page);
  });

  after(async () => {
    await browser?.close();
    await edge?.end();
    await server?.end();
  });

  afterEach(() => {
    assert.deepEqual(
      troubles.filter((trouble) => !WANTED.test(trouble)),
      [],
    );
  });

  const rois = () => server.api.get<{ version: number; rois: Roi[] }>(`/cameras/${SHELF_CAMERA}/rois`);
  const cards = () => page.locator('[data-event]');

  it('asks for a login, says in words what is wrong with it, and leads to where one wanted to go', async () => {
    await page.goto(`${server.url}/devices`);
    await page.getByLabel('User name or e-mail').fill('admin');
    await page.getByLabel('Password', { exact: true }).fill('not the password of admin');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').filter({ hasText: 'Wrong name or password' }).waitFor();
    await assertAccessible(page, 'login');
    await page.getByLabel('Password', { exact: true }).fill(ADMIN_PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Devices' }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/devices');
    const cookies = await context.cookies();
    assert.ok(cookies.length > 0 && cookies.every((cookie) => cookie.httpOnly), 'no script can read the session');
  });

  it('shows what each camera of a device sees, live through the server', async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('l');
    const tile = page.getByRole('link', { name: `Device ${DEVICE}` });
    await tile.getByText('Live', { exact: true }).first().waitFor();
    assert.ok(await tile.locator('redeye-player').isVisible());
    await page.keyboard.press('1');
    await page.waitForURL(`**/live/${CAMERA}`);
  });

  it('tries the address of a camera before it is added, and says in words what comes of it', async () => {
    await page.goto(`${server.url}/live`);
    await page.getByRole('button', { name: 'Add a camera' }).click();
    const address = page.getByLabel('Address');
    const attempt = page.getByRole('button', { name: 'Try this address' });
    await address.fill('rtsp://eve:s3cret-word@127.0.0.1:9/cam');
    await attempt.click();
    await page.getByText('lies in no network of CAMERA_URL_ALLOW').waitFor();
    await address.fill('sim:gradient');
    assert.equal(await page.getByText('CAMERA_URL_ALLOW').count(), 0, 'what was said of another address is gone');
    await attempt.click();
    await page.getByText('It works: sim, 1280 × 720, live too.').waitFor({ timeout: 20_000 });
    await assertAccessible(page, 'adding a camera');
    await screenshot(page, 'add-camera');
    await page.setViewportSize({ width: 390, height: 844 });
    await screenshot(page, 'add-camera-phone');
    await page.setViewportSize({ width: 1400, height: 900 });
    await page.getByRole('button', { name: 'Cancel' }).click();
  });

  it("changes a device's interval, refuses what the contract does, and shows what the device gets", async () => {
    await page.goto(`${server.url}/devices`);
    await page.getByRole('link', { name: new RegExp(`Device ${DEVICE}`) }).click();
    const interval = page.getByLabel('Interval');
    await interval.fill('0');
    await page.getByText('Must be 0.1 to 86,400.').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Save 1 change' }).isDisabled());
    await interval.fill('1');
    await page.getByText('Visits shorter than about 2 s may be missed.').waitFor();
    await page.getByRole('button', { name: 'Save 1 change' }).click();
    await page.getByText(/^Saved as version \d+\.$/).waitFor();
    const { config } = await server.api.get<{ config: Record<string, number> }>(`/devices/${DEVICE}/config`);
    assert.equal(config.capture_interval_s, 1);
    await page.getByText('Configuration as the device gets it').click();
    await page.locator('pre', { hasText: '"capture_interval_ms": 1000' }).waitFor();
    await page.getByText(/the device fetched it/).waitFor({ timeout: 40_000 });
    await server.api.put(`/devices/${DEVICE}/config`, { capture_interval_s: 0.5 });
  });

  it('draws a region on the current frame with the mouse and saves it as the next version', async () => {
    const before = await rois();
    await page.goto(`${server.url}/cameras/${SHELF_CAMERA}/regions`);
    await page.getByRole('button', { name: 'Draw' }).click();
    const canvas = page.getByRole('group', { name: 'Regions on the picture' });
    const box = (await canvas.boundingBox()) ?? assert.fail('the canvas has no box');
    for (const [x, y] of [
      [0.372, 0.348],
      [0.628, 0.348],
      [0.628, 0.79],
      [0.372, 0.79],
      [0.372, 0.348],
    ] as const) {
      await page.mouse.click(box.x + x * box.width, box.y + y * box.height);
    }
    await page.getByLabel('Name', { exact: true }).fill('middle');
    await page.getByRole('button', { name: 'Inventory', exact: true }).click();
    await page.getByText('Unsaved changes').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText(`Saved as version ${before.version + 1}`).waitFor();
    const after = await rois();
    assert.equal(after.version, before.version + 1);
    const drawn = after.rois.find((roi) => roi.name === 'middle') ?? assert.fail('the region was not saved');
    assert.equal(drawn.kind, 'inventory');
    assert.equal(drawn.points.length, 4, 'the click on the first point closed the shape');
    assert.ok(Math.abs((drawn.points[0]?.[0] ?? 0) - 0.372) < 0.003, 'points lie where they were clicked');
  });

  it('shows a later event of that region in the list as it happens, without a reload', async () => {
    await page.goto(`${server.url}/events?camera=${SHELF_CAMERA}`);
    await page.getByRole('heading', { name: 'Events' }).waitFor();
    await cards().first().waitFor({ timeout: EVENT_MS });
    assert.equal(await page.locator('[data-event]', { hasText: 'middle' }).count(), 0);
    // The third visit of the cycle is the first one in the middle.
    await visits.play(15, 35);
    await page.locator('[data-event]', { hasText: 'middle' }).first().waitFor({ timeout: EVENT_MS });
    const newest = (await server.api.get<{ items: EventRecord[] }>(`/events?camera=${SHELF_CAMERA}&limit=1`)).items[0];
    await page.locator(`[data-event="${newest?.id}"]`).waitFor();
    const count = await cards().count();
    await visits.play(35, 47);
    await until('one more came by itself', async () => (await cards().count()) > count, EVENT_MS);
  });

  it('is worked through with the keyboard: next, reviewed, undo, open, real event, back', async () => {
    await page.keyboard.press('j');
    const id = (await page.locator('[data-event]:focus-within').getAttribute('data-event')) ?? '';
    const event = () => server.api.get<EventRecord>(`/events/${id}`);
    await page.keyboard.press('r');
    await until('it is reviewed', async () => (await event()).reviewed);
    await page.getByRole('button', { name: 'Undo' }).click();
    await until('it is not', async () => !(await event()).reviewed);
    await page.locator(`[data-event="${id}"] a`).focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/events/${id}?**`);
    await page.getByRole('heading', { name: 'Why it fired' }).waitFor();
    await page.keyboard.press('t');
    await until('it is real and reviewed', async () => (await event()).verdict === true && (await event()).reviewed);
    await page.keyboard.press('j');
    await until('the next event is shown', () => !page.url().includes(id));
    await page.keyboard.press('Escape');
    await page.waitForURL(`**/events?camera=${SHELF_CAMERA}`);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('wipes between before and after', async () => {
    const closed = await until(
      'an interaction has ended',
      async () => (await server.api.events('interaction_detected')).find((one) => one.images.pre && one.images.post),
      EVENT_MS,
    );
    await page.goto(`${server.url}/events/${closed.id}`);
    await page.getByRole('button', { name: 'Wipe' }).click();
    const slider = page.getByRole('slider', { name: 'How much of the picture after is shown' });
    await slider.press('Home');
    assert.equal(await slider.inputValue(), '0');
    await page.getByRole('button', { name: 'Side by side' }).click();
  });

  it('moves points by keys, one picture pixel each, and takes steps back', async () => {
    await page.goto(`${server.url}/cameras/${SHELF_CAMERA}/regions`);
    await page.getByRole('button', { name: 'Region left' }).focus();
    await page.keyboard.press('Enter');
    const point = page.getByRole('button', { name: /^Point 1 of 4/ });
    const label = () => point.getAttribute('aria-label');
    assert.match((await label()) ?? '', /48 px from the left, 125 px from the top/);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Shift+ArrowDown');
    assert.match((await label()) ?? '', /49 px from the left, 135 px from the top/);
    await page.keyboard.press('+');
    await page.getByRole('button', { name: /^Point 2 of 5/ }).waitFor();
    await page.keyboard.press('Delete');
    await point.waitFor();
    for (let i = 0; i < 3; i += 1) await page.keyboard.press('Control+z');
    assert.match((await label()) ?? '', /48 px from the left, 125 px from the top/);
    await page.getByText('Unsaved changes').waitFor({ state: 'detached' });
  });

  it('never overwrites what somebody else has saved: it shows it, and asks', async () => {
    await page.goto(`${server.url}/cameras/${SHELF_CAMERA}/regions`);
    await page.getByRole('button', { name: 'Rectangle' }).click();
    const { version, rois: theirs } = await rois();
    await server.api.put(`/cameras/${SHELF_CAMERA}/rois`, {
      version,
      rois: theirs.filter((roi) => roi.name !== 'left'),
    });
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText(`Somebody else saved version ${version + 1}.`).waitFor();
    assert.equal((await rois()).version, version + 1, 'nothing was saved');
    await page.reload();
    await page.getByText(`Somebody else saved version ${version + 1}.`).waitFor();
    await page.getByRole('button', { name: 'Take theirs' }).click();
    await page.getByRole('button', { name: 'Region left' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /^Region region-/ }).waitFor({ state: 'detached' });
  });

  it('registers a device and shows its key once, with the command that starts it', async () => {
    await page.goto(`${server.url}/devices`);
    await page.getByRole('button', { name: 'Add a Pi' }).click();
    await page.getByLabel('Name').fill('Porch');
    await page.getByRole('button', { name: 'Register' }).click();
    const command = page.locator('code', { hasText: 'npm run edge' });
    await command.waitFor();
    assert.match(
      (await command.textContent()) ?? '',
      /^SERVER_URL=http\S+ DEVICE_ID=porch DEVICE_KEY=\S{20,} npm run edge$/,
    );
    await screenshot(page, 'console-key');
    await page.keyboard.press('Escape');
    assert.ok(await command.isVisible(), 'a slip does not close it');
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await page.getByRole('link', { name: /Porch/ }).waitFor();
  });

  it('keeps the view over a reload, filters included', async () => {
    await page.goto(`${server.url}/events`);
    await page.getByLabel('Type').selectOption('stock_changed');
    await page.getByLabel('Time').selectOption('24h');
    await until('the address holds the filters', () => /type=stock_changed.*range=24h/.test(page.url()));
    await page.reload();
    await page.getByRole('heading', { name: 'Events' }).waitFor();
    assert.equal(await page.getByLabel('Type').inputValue(), 'stock_changed');
    assert.equal(await page.getByLabel('Time').inputValue(), '24h');
  });

  for (const [width, height, where] of [
    [1400, 900, 'desktop'],
    [360, 740, 'phone'],
  ] as const) {
    it(`has no serious trouble for anybody on a ${where}, dark and light, and nothing is wider than the screen`, async () => {
      const [event] = await server.api.events('interaction_detected');
      await page.setViewportSize({ width, height });
      const places = {
        live: '/live',
        camera: `/live/${CAMERA}`,
        events: '/events',
        event: `/events/${event?.id}`,
        images: '/images',
        devices: '/devices',
        device: `/devices/${DEVICE}`,
        regions: `/cameras/${SHELF_CAMERA}/regions`,
        streams: '/streams',
        settings: '/settings',
        users: '/settings/users',
      };
      for (const [name, path] of Object.entries(places)) {
        await page.goto(server.url + path);
        await page.locator('main h1').waitFor();
        await settled(page);
        const over = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
        assert.ok(Number(over) <= 0, `${name} is ${over} px too wide`);
        for (const colorScheme of ['dark', 'light'] as const) {
          await page.emulateMedia({ colorScheme });
          await assertAccessible(page, `${name}, ${colorScheme}`);
          await screenshot(page, `console-${name}-${where}-${colorScheme}`);
        }
      }
    });
  }

  it('loads at first less than 200 kB, compressed', async () => {
    const files: string[] = [];
    const fresh = await browser.newContext();
    const first = await fresh.newPage();
    first.on('response', (response) => files.push(response.url()));
    await first.goto(server.url);
    await first.getByLabel('User name or e-mail').waitFor();
    await fresh.close();
    let bytes = 0;
    for (const url of new Set(files)) bytes += compressed(Buffer.from(await (await fetch(url)).arrayBuffer()), url);
    assert.ok(bytes > 20_000 && bytes < FIRST_LOAD_LIMIT, `${bytes} bytes`);
  });

  it('says quietly that the connection is lost, and comes back by itself', async () => {
    await page.setViewportSize({ width: 1400, height: 900 });
    await page.goto(`${server.url}/live`);
    await page.getByRole('img', { name: `Newest picture of Device ${DEVICE}` }).waitFor();
    await server.end();
    const banner = page.getByRole('status').filter({ hasText: 'Connection lost.' });
    await banner.waitFor({ timeout: 20_000 });
    await screenshot(page, 'console-lost');
    await assertAccessible(page, 'connection lost');
    await server.start();
    await banner.waitFor({ state: 'detached', timeout: 40_000 });
    const tile = page.getByRole('link', { name: `Device ${DEVICE}` });
    await tile.getByText('Live', { exact: true }).first().waitFor({ timeout: 60_000 });
    troubles.splice(0, troubles.length, ...troubles.filter((trouble) => !UNREACHABLE.test(trouble)));
  });

  it('logs out, and pictures are closed with it', async () => {
    const [event] = await server.api.events('interaction_detected');
    await page.goto(`${server.url}/settings`);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Password', { exact: true }).waitFor();
    const answer = await context.request.get(`${server.url}${event?.images.thumb}`);
    assert.equal(answer.status(), 401);
  });

  it('asks for a password of your own before anything else, where the first one was made up', async () => {
    await markPassword(databaseUrl);
    await page.goto(`${server.url}/events`);
    await page.getByLabel('User name or e-mail').fill('admin');
    await page.getByLabel('Password', { exact: true }).fill(ADMIN_PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'Choose your own password' }).waitFor();
    await assertAccessible(page, 'first password');
    await page.getByLabel('Current password').fill(ADMIN_PASSWORD);
    await page.getByLabel('New password', { exact: true }).fill('too short');
    await page.getByText('3 more characters needed.').waitFor();
    await page.getByLabel('New password', { exact: true }).fill('a shelf of my own choice');
    await page.getByLabel('New password, again').fill('a shelf of my own choice');
    await screenshot(page, 'console-first-password');
    await page.getByRole('button', { name: 'Set password' }).click();
    await page.getByRole('heading', { name: 'Events' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Events' }).waitFor();
  });
});

/** Makes the administrator's password one that has to be changed, as a made-up one of a first start is. */
async function markPassword(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('update users set must_change_password = true');
  await client.end();
}

/** Waits until nothing of the page is still on its way: no skeleton, every picture that is in sight decoded. */
async function settled(page: Page): Promise<void> {
  await page.locator('[aria-busy="true"]').waitFor({ state: 'detached' });
  await page.waitForFunction(() =>
    [...document.images]
      .filter((image) => image.getBoundingClientRect().top < innerHeight)
      .every((image) => image.complete && image.naturalWidth > 0),
  );
}

/** Pictures and fonts are compressed already. */
function compressed(bytes: Buffer, url: string): number {
  return /\.(js|css|svg|webmanifest)$|\/$/.test(url) ? gzipSync(bytes).length : bytes.length;
}
