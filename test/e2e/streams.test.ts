import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import type { Clock } from '../../runtime/contracts/host.ts';
import type { Db } from '../../runtime/db/db.ts';
import { migrate } from '../../runtime/db/migrate.ts';
import { openPglite } from '../../runtime/db/pglite.ts';
import { deleteVideo, listVideos } from '../../runtime/db/videos.repo.ts';
import { videoRecord } from '../../runtime/gallery/records.ts';
import { consolePages } from '../../runtime/http/console.ts';
import { createMetrics } from '../../runtime/http/metrics.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { createPublishing, type Publishing } from '../../runtime/publishing.ts';
import { fleetOn } from '../runtime/fleet/fleet-bench.ts';
import { assertAccessible } from '../support/accessible.ts';
import { openBrowser, screenshot, troublesOf } from '../support/browser.ts';
import { buildConsoleIfOld } from '../support/console-build.ts';
import { emptyPglite } from '../support/databases.ts';
import { FakeHost } from '../support/fake-host.ts';
import { temporaryFolder } from '../support/folders.ts';
import { openDoor } from '../support/http-door.ts';
import { freePorts, ROOT } from '../support/programs.ts';
import { RtmpIngest } from '../support/rtmp-ingest.ts';
import { FakeStreams, recordClip } from '../support/stream-fixture.ts';
import { until } from '../support/until.ts';
import { YoutubeStandIn } from '../support/youtube.ts';

const KEY = 'k3y-that-nobody-sees';
/** YouTube is looked at every 10 s at the most; here sooner, since it stands in this process. */
const eager: Clock = { ...systemClock, after: (ms, run) => systemClock.after(ms >= 10_000 ? 250 : ms, run) };

describe('streams in the console', function () {
  this.timeout(120_000);
  let db: Db;
  let ingest: RtmpIngest;
  let youtube: YoutubeStandIn;
  let streams: FakeStreams;
  let publishing: Publishing;
  let door: Awaited<ReturnType<typeof openDoor>>;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let troubles: string[];

  before(async () => {
    buildConsoleIfOld();
    db = await openPglite({ log: silentLog, from: await emptyPglite() });
    await migrate(db, silentLog);
    const { fleet } = fleetOn(db);
    await fleet.registerBuiltIn();
    await fleet.createCamera({ id: 'gate', name: 'Gate' }, { name: 'setup' });
    [ingest, youtube] = await Promise.all([RtmpIngest.start(), new YoutubeStandIn().start()]);
    streams = new FakeStreams();
    streams.play('gate', await recordClip({ seconds: 2 }));
    const [port = 0] = await freePorts(1);
    const fake = new FakeHost();
    fake.cameras.ids = ['gate'];
    publishing = createPublishing({
      clock: eager,
      log: silentLog,
      dataDir: await temporaryFolder('streams-e2e'),
      cameras: fake.cameras,
      streams,
      live: fake.live,
      deviceOf: () => undefined,
      commands: { request: async () => assert.fail('no device is asked here') },
      db,
      key: Buffer.alloc(32, 5),
      metrics: createMetrics({ log: silentLog, process: false }),
      publicUrl: new URL(`http://127.0.0.1:${port}/`),
      iceServers: () => [],
      settings: {
        FFMPEG_PATH: 'ffmpeg',
        YOUTUBE_CLIENT_ID: 'id',
        YOUTUBE_CLIENT_SECRET: 'hidden',
        YOUTUBE_API_URL: youtube.url,
      },
    });
    await publishing.start();
    const gallery = {
      videos: async () => ({
        items: (await listVideos(db, { limit: 50, cameras: null })).map(videoRecord),
        next: null,
      }),
      video: async (id: number) => ({ id, camera: 'gate' }),
      deleteVideo: (id: number) => deleteVideo(db, id),
      products: async () => ({ items: [], next: null }),
    };
    door = await openDoor(
      {
        fleet,
        published: publishing.streams,
        gallery: gallery as never,
        events: { subscribe: () => () => undefined, list: async () => ({ items: [], next: null }) } as never,
        console: consolePages(join(ROOT, 'dist', 'console'), ''),
      },
      port,
    );
    await door.userToken('admin');
    browser = await openBrowser();
    context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' });
    page = await context.newPage();
    troubles = troublesOf(page);
    await logIn(page, 'admin0');
  });
  after(async () => {
    await browser?.close();
    await door?.close();
    await publishing?.stop();
    await streams?.close();
    await Promise.all([youtube?.stop(), ingest?.kill()]);
    await db?.close();
  });
  afterEach(() => assert.deepEqual(troubles, []));

  const logIn = async (on: Page, name: string) => {
    await on.goto(`${door.url}/streams`);
    await on.getByLabel('User name or e-mail').fill(name);
    await on.getByLabel('Password', { exact: true }).fill('correct horse battery');
    await on.keyboard.press('Enter');
    await on.getByRole('heading', { name: 'Streams' }).waitFor();
  };
  const row = (id: string) => page.getByRole('article', { name: `Stream ${id}` });
  const says = (where: Locator, text: string | RegExp) => where.getByText(text).first().waitFor({ timeout: 30_000 });
  const add = async (fill: (dialog: Locator) => Promise<void>, button = 'Add') => {
    await page.getByRole('button', { name: 'Add a stream' }).click();
    const dialog = page.getByRole('dialog');
    await fill(dialog);
    await dialog.getByRole('button', { name: button, exact: true }).click();
  };

  it('are pushed to an address, and one that nobody listens at says so, and when it is tried again', async () => {
    await page.getByText('Nothing is brought to others').waitFor();
    await assertAccessible(page, 'no stream');
    const [dead = 0] = await freePorts(1);
    await add(async (dialog) => {
      await dialog.getByLabel('Address').fill('http://elsewhere');
      await dialog.getByRole('button', { name: 'Add', exact: true }).click();
      await dialog.locator('#stream-url[aria-invalid=true]').waitFor();
      await assertAccessible(page, 'a wrong address');
      await dialog.getByLabel('Address').fill(`rtmp://127.0.0.1:${dead}/live`);
      await dialog.getByLabel('Stream key').fill(KEY);
      await dialog.getByLabel('Name').fill('deaf');
      await screenshot(page, 'streams-add');
    });
    await says(row('deaf'), /Nobody listens at that address/);
    await says(row('deaf'), /Next try in/);
    await row('deaf').getByRole('button', { name: 'Stop' }).click();
    await says(row('deaf'), 'Off');
    troubles.splice(0, troubles.length, ...troubles.filter((trouble) => !trouble.includes('400 (Bad Request)')));
  });

  it('are live at a real server, with figures, are stopped and started again, and are deleted by their name', async () => {
    await add(async (dialog) => {
      await dialog.getByLabel('Address').fill(ingest.url);
      await dialog.getByLabel('Stream key').fill(KEY);
    });
    const gate = row('gate-rtmp');
    await says(gate, 'Live');
    await says(gate, /\d k?M?bit\/s/);
    await says(page.getByRole('status'), '1 on the air · 1 off');
    assert.ok((await ingest.probe(KEY)).some(({ codec_name }) => codec_name === 'h264'));
    assert.ok(!(await page.content()).includes(KEY), 'the key is nowhere on the page');
    await assertAccessible(page, 'a live stream');
    await screenshot(page, 'streams-live');
    await gate.getByRole('button', { name: 'Stop' }).click();
    await says(gate, 'Off');
    await gate.getByRole('button', { name: 'Start' }).click();
    await says(gate, 'Live');
    await until('it is on the air again', () => publishing.pushes.status('gate-rtmp').state === 'live', 30_000);
    const before = publishing.pushes.status('gate-rtmp').pid;
    await gate.getByRole('button', { name: 'Change gate-rtmp' }).click();
    const form = page.getByRole('dialog');
    assert.equal(await form.getByLabel('Address').inputValue(), '', 'what may hold a key is not shown');
    assert.equal(await form.getByRole('button', { name: 'Save' }).isDisabled(), true, 'nothing has changed yet');
    await form.getByLabel('Name').fill('club');
    await assertAccessible(page, 'a stream that is changed');
    await screenshot(page, 'streams-change');
    await form.getByRole('button', { name: 'Save' }).click();
    await says(row('club'), 'Live');
    assert.equal(publishing.pushes.status('club').pid, before, 'nobody was taken off the air');
    await row('club').getByRole('button', { name: 'Delete club' }).click();
    const dialog = page.getByRole('dialog');
    const remove = dialog.getByRole('button', { name: 'Delete' });
    assert.equal(await remove.isDisabled(), true, 'what cannot be undone asks for the name');
    await dialog.getByLabel('Type club to delete it').fill('club');
    await remove.click();
    await row('club').waitFor({ state: 'detached' });
    assert.deepEqual(
      publishing.pushes.list().map(({ name }) => name),
      ['deaf'],
    );
  });

  it('go to YouTube: an account is connected at Google, or it is said that it was not', async () => {
    let answer = 'error=access_denied';
    await page.route('https://accounts.google.com/**', (route) => {
      const asked = new URL(route.request().url()).searchParams;
      youtube.challenge = asked.get('code_challenge') ?? undefined;
      const location = `${door.url}/api/v1/youtube/callback?state=${asked.get('state')}&${answer}`;
      return route.fulfill({ status: 302, headers: { location } });
    });
    const card = page.getByRole('region', { name: 'YouTube' });
    await says(card, 'Not connected');
    await card.getByRole('button', { name: 'Connect a Google account' }).click();
    await page.getByText('Access was not granted at Google.').waitFor();
    answer = 'code=good-code';
    await card.getByRole('button', { name: 'Connect a Google account' }).click();
    await says(card, 'Connected');
    assert.equal(new URL(page.url()).search, '', 'a reload does not say it again');
  });

  it('are begun as broadcasts, watched over, ended, and their recording is listed', async () => {
    await add(async (dialog) => {
      await dialog.getByLabel('Where to').selectOption('youtube');
      await dialog.getByLabel('Title').fill('At the gate');
      await dialog.getByLabel('Who may see it').selectOption('unlisted');
      await assertAccessible(page, 'a broadcast');
      await screenshot(page, 'streams-broadcast');
    }, 'Go live');
    const stream = row('gate-youtube');
    await says(stream, 'Connecting');
    await until('YouTube knows it', () => youtube.broadcasts.size === 1 && youtube.streams.size === 1);
    for (const id of youtube.streams.keys()) youtube.active.add(id);
    await says(stream, 'Live');
    const [broadcast] = youtube.broadcasts.values();
    const link = stream.getByRole('link', { name: 'Open at YouTube' });
    assert.equal(await link.getAttribute('href'), `https://youtube.com/watch?v=${broadcast?.id}`);
    const videos = page.getByRole('region', { name: 'Recordings' });
    await page.reload();
    await says(videos, 'At the gate');
    await says(videos, /on the air/);
    await assertAccessible(page, 'a broadcast on the air');
    await screenshot(page, 'streams-youtube');
    await stream.getByRole('button', { name: 'Stop' }).click();
    await says(stream, 'Off');
    assert.equal(broadcast?.status, 'complete');
    await videos.getByRole('button', { name: 'Forget At the gate' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Forget' }).click();
    await says(videos, /None yet/);
  });

  it('say it plainly when Google has withdrawn access, with one button', async () => {
    youtube.refreshToken = 'another';
    await row('gate-youtube').getByRole('button', { name: 'Start' }).click();
    await says(row('gate-youtube'), /access was withdrawn/i);
    await page.reload();
    const card = page.getByRole('region', { name: 'YouTube' });
    await says(card, 'Access ended');
    await assertAccessible(page, 'access ended');
    await screenshot(page, 'streams-revoked');
    await card.getByRole('button', { name: 'Connect again' }).click();
    await says(card, 'Connected');
  });

  it('fit a phone, in light, and show who may only look what there is, without buttons', async () => {
    await door.userToken('viewer');
    const other = await browser.newContext({ viewport: { width: 360, height: 740 }, colorScheme: 'light' });
    const phone = await other.newPage();
    const phoneTroubles = troublesOf(phone);
    await logIn(phone, 'viewer1');
    await phone.getByRole('article', { name: 'Stream deaf' }).waitFor();
    assert.equal(await phone.getByRole('button', { name: /Stop|Start|Delete|Add a stream/ }).count(), 0);
    assert.equal(await phone.getByRole('region', { name: 'YouTube' }).count(), 0);
    const wide = await phone.evaluate('document.documentElement.scrollWidth');
    assert.ok(Number(wide) <= 360, `${wide} px wide`);
    await assertAccessible(phone, 'a phone');
    await screenshot(phone, 'streams-phone');
    assert.deepEqual(phoneTroubles, []);
    await other.close();
  });
});
