import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

const PROGRAM = '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const open = new Set<Browser>();

after(async () => {
  for (const browser of open) await browser.close();
});

/** A real Chromium, without a window; it ends with the test run at the latest. `flags`: more for its command line. */
export async function openBrowser(...flags: string[]): Promise<Browser> {
  if (!existsSync(PROGRAM)) throw new Error('these tests need Chromium: install the package "chromium"');
  const browser = await chromium.launch({ executablePath: PROGRAM, args: [...FLAGS, ...flags] });
  open.add(browser);
  browser.on('disconnected', () => open.delete(browser));
  return browser;
}

/** What goes wrong in a page: errors that nobody caught, and what was written to its console as an error. Grows as it happens. */
export function troublesOf(page: Page): string[] {
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(`page error: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') troubles.push(`console: ${message.text()} (${message.location().url})`);
  });
  return troubles;
}

/** Takes a picture of the page into the folder that SCREENSHOTS names; without that nobody looks, and nothing is drawn. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
