import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

/** Fails on what axe-core calls serious or critical in the page as it is now, once nothing of it moves. */
export async function assertAccessible(page: Page, where: string): Promise<void> {
  // Colours are looked at when they rest.
  await page.evaluate(
    'Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined)))',
  );
  // It stays for as long as the page does.
  if (!(await page.evaluate('"axe" in globalThis'))) {
    await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  }
  // Of what it could load again only style sheets: films matter to one rule alone, which is neither serious nor critical.
  const found = (await page.evaluate(
    'axe.run(document, { resultTypes: ["violations"], preload: { assets: ["cssom"] } })',
  )) as {
    violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  const bad = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(
    bad.map(
      ({ id, nodes }) =>
        `${where}: ${id}: ${nodes
          .slice(0, 3)
          .map((node) => `${node.html} ${node.failureSummary}`)
          .join('; ')}`,
    ),
    [],
  );
}
