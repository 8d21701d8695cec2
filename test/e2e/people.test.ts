import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Db } from '../../runtime/db/db.ts';
import { migrate } from '../../runtime/db/migrate.ts';
import { openPglite } from '../../runtime/db/pglite.ts';
import { consolePages } from '../../runtime/http/console.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { newBoxKeys } from '../../runtime/lib/sealed-box.ts';
import { fleetOn } from '../runtime/fleet/fleet-bench.ts';
import { assertAccessible } from '../support/accessible.ts';
import { openBrowser, screenshot, troublesOf } from '../support/browser.ts';
import { buildConsoleIfOld } from '../support/console-build.ts';
import { emptyPglite } from '../support/databases.ts';
import { openDoor } from '../support/http-door.ts';
import { ROOT } from '../support/programs.ts';

describe('users and pairing in the console', function () {
  this.timeout(120_000);
  let db: Db;
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
    const events = { subscribe: () => () => undefined, list: async () => ({ items: [], next: null }) };
    door = await openDoor({
      fleet,
      events: events as never,
      frames: { list: async () => ({ items: [], next: null }) } as never,
      console: consolePages(join(ROOT, 'dist', 'console'), ''),
    });
    await door.userToken('admin');
    browser = await openBrowser();
    context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' });
    page = await context.newPage();
    troubles = troublesOf(page);
    await page.goto(`${door.url}/settings/users`);
    await page.getByLabel('User or e-mail').or(page.locator('input').first()).first().fill('admin0');
    await page.locator('input[type=password]').fill('correct horse battery');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Users' }).waitFor();
  });
  after(async () => {
    await browser?.close();
    await door?.close();
    await db?.close();
  });

  it('adds a user for one camera, shows the password once, and an app password once', async () => {
    await page.getByRole('article', { name: 'admin0' }).waitFor();
    await assertAccessible(page, 'users');
    await page.getByRole('button', { name: 'Add a user' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('anna');
    await dialog.getByText('Only these:').click();
    await dialog.getByLabel('Gate').check();
    await assertAccessible(page, 'the form');
    await screenshot(page, 'user-form');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('anna can log in').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    const row = page.getByRole('article', { name: 'anna' });
    await row.getByText('gate').waitFor();
    await row.getByText('Has to set a password').waitFor();
    await row.getByRole('button', { name: 'App passwords' }).click();
    await page.getByLabel('What is it for?').fill('Home Assistant');
    await page.getByRole('button', { name: 'Make one' }).click();
    await page.getByText(/^rap_[0-9a-f]{8}_/).waitFor();
    await assertAccessible(page, 'app passwords');
    await screenshot(page, 'app-passwords');
    await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click();
    assert.deepEqual(door.users.users.find(({ name }) => name === 'anna')?.cameras, ['gate']);
    assert.deepEqual(troubles, []);
  });

  it('disables, and deletes after the name was typed', async () => {
    const row = page.getByRole('article', { name: 'anna' });
    await row.getByRole('button', { name: 'Disable' }).click();
    await row.getByText('Disabled', { exact: true }).waitFor();
    await screenshot(page, 'users');
    await row.getByRole('button', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog');
    const remove = dialog.getByRole('button', { name: 'Delete' });
    assert.equal(await remove.isDisabled(), true);
    await dialog.getByLabel('Type anna to delete').fill('anna');
    await remove.click();
    await row.waitFor({ state: 'detached' });
    assert.deepEqual(troubles, []);
  });

  it('pairs a device by its code, and says so when a code is not one', async () => {
    const { publicKey } = newBoxKeys();
    const { json } = await door.call('POST', '/api/v1/pairing/register', {
      body: { public_key: publicKey, model: 'Pi 5' },
    });
    await page.goto(`${door.url}/devices`);
    await page.getByRole('button', { name: 'Pair by code' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Code on the device').fill('AAAAAA');
    await dialog.getByLabel('Name').fill('Attic');
    await dialog.getByRole('button', { name: 'Pair', exact: true }).click();
    await dialog.getByText(/no device waits/i).waitFor();
    await assertAccessible(page, 'pairing');
    await dialog.getByLabel('Code on the device').fill(json.code.toLowerCase());
    await dialog.getByRole('button', { name: 'Pair', exact: true }).click();
    await dialog.getByText('Attic is paired.').waitFor();
    await screenshot(page, 'paired');
    // The refused code is an answer of 404, which the browser notes by itself.
    assert.deepEqual(
      troubles.filter((trouble) => !trouble.includes('/pairing/claim')),
      [],
    );
  });

  it('fits a phone, in light', async () => {
    const phone = await context.newPage();
    await phone.setViewportSize({ width: 360, height: 740 });
    await phone.emulateMedia({ colorScheme: 'light' });
    await phone.goto(`${door.url}/settings/users`);
    await phone.getByRole('article', { name: 'admin0' }).waitFor();
    const wide = await phone.evaluate('document.documentElement.scrollWidth');
    assert.ok(Number(wide) <= 360, `${wide} px wide`);
    await screenshot(phone, 'users-phone');
    await phone.close();
  });
});
