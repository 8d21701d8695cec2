import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const read = (path: string) => readFileSync(resolve(import.meta.dirname, '../..', path), 'utf8');

describe('the page on the definition of done', () => {
  const rows = [...read('docs/definition-of-done.md').matchAll(/^\|.*\| (?:`([^`]+)`: )?(S4\..*) \|$/gm)];

  it('names a test for each of its six lines', () => {
    const lines = new Set(rows.flatMap(([, , title = '']) => title.match(/S4\.\d\d/g) ?? []));
    assert.deepEqual([...lines].sort(), ['S4.24', 'S4.25', 'S4.26', 'S4.27', 'S4.28', 'S4.29']);
  });

  it('names tests that are there, by their titles', () => {
    let file = '';
    for (const [, named, title = ''] of rows) {
      file = named ?? file;
      const declared = new RegExp(`(?:it|describe)\\('${title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}'`);
      assert.match(read(file), declared);
    }
  });
});
