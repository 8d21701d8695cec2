import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { NODE_TYPES } from '../runtime/contracts/node-types.ts';

/** The house rules of docs/architecture.md as data: who may import whom. A room's own files are always allowed. */
const PORTABLE = ['contracts', 'lib', 'media', 'picture', 'detect', 'flow-engine'].map((name) => `runtime/${name}`);
const SHAPES = ['runtime/contracts', 'runtime/lib'];
const STAGES = ['frames', 'jobs', 'events', 'retention', 'publish', 'fleet', 'broker', 'gallery'];
/** Files beside main that put parts of several rooms together for it. */
const COMPOSED = [
  'host',
  'live',
  'publishing',
  'devices',
  'editor-audit',
  'server-cameras',
  'server-controls',
  'server-state',
  'uplink',
];
const STAGE_ROOMS = STAGES.map((stage) => `runtime/${stage}`);
const RULES: Record<string, readonly string[] | 'everything'> = {
  'settings.ts': SHAPES,
  'runtime/contracts': [],
  'runtime/lib': ['runtime/contracts'],
  'runtime/media': SHAPES,
  'runtime/picture': SHAPES,
  'runtime/detect': SHAPES,
  'runtime/flow-engine': SHAPES,
  'runtime/db': SHAPES,
  ...Object.fromEntries(STAGES.map((stage) => [`runtime/${stage}`, [...PORTABLE, 'runtime/db']])),
  'runtime/http': SHAPES,
  'runtime/console': ['runtime/contracts'],
  'runtime/cli': 'everything',
  'runtime/main.ts': 'everything',
  ...Object.fromEntries(
    COMPOSED.map((file) => [`runtime/${file}.ts`, [...PORTABLE, ...STAGE_ROOMS, 'runtime/db', 'runtime/http']]),
  ),
  nodes: ['runtime/contracts', 'nodes/lib'],
  'nodes/lib': ['runtime/contracts'],
  edge: PORTABLE,
};
/** What must run on a Pi: no web framework, database or broker comes in there. */
const SERVER_ONLY = ['express', 'pg', 'aedes', '@electric-sql/pglite'];
const ROOT = resolve(import.meta.dirname, '..');
const SOURCE_FOLDERS = ['runtime', 'nodes', 'edge'];

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|vue)$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

/** The room a file belongs to: the longest rule that covers it; every node folder is a room of its own. */
function roomOf(file: string): string {
  const node = /^nodes\/(?!lib\/)([^/]+)\//.exec(file);
  if (node) return `nodes/${node[1]}`;
  const rooms = Object.keys(RULES).filter((room) => file === room || file.startsWith(`${room}/`));
  return rooms.sort((a, b) => b.length - a.length)[0] ?? '';
}

function rulesOf(room: string): readonly string[] | 'everything' | undefined {
  return RULES[room] ?? (room.startsWith('nodes/') ? RULES.nodes : undefined);
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
}

describe('the house', () => {
  const files = ['settings.ts', ...SOURCE_FOLDERS.flatMap(sources)];

  it('has a room for every source file', () => {
    assert.deepEqual(
      files.filter((file) => roomOf(file) === ''),
      [],
    );
  });

  it('lets arrows point one way only', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const room = roomOf(file);
      const rules = rulesOf(room);
      if (rules === 'everything') continue;
      for (const target of importsOf(file)) {
        if (!target.startsWith('.')) {
          const portable = PORTABLE.includes(room) || room === 'edge' || room.startsWith('nodes/');
          if (portable && SERVER_ONLY.includes(target))
            wrong.push(`${file} imports ${target}, which does not belong on a Pi`);
          continue;
        }
        const path = relative(ROOT, resolve(ROOT, dirname(file), target));
        const other = roomOf(path);
        if (other !== room && !rules?.includes(other))
          wrong.push(`${file} imports ${path}: ${room} may not know ${other || path}`);
      }
    }
    assert.deepEqual(wrong, []);
  });

  it('lets only main and the command line read the settings', () => {
    const allowed = /^(runtime\/main\.ts|runtime\/cli\/)/;
    const wrong = files.filter(
      (file) =>
        file !== 'settings.ts' &&
        !allowed.test(file) &&
        importsOf(file).some((target) => /(^|\/)\.\.\/settings\.ts$/.test(target) && !file.startsWith('edge/')),
    );
    assert.deepEqual(wrong, []);
  });

  it('keeps SQL in the repositories', () => {
    const sql = /\b(select\s.+\sfrom|insert\s+into|update\s+\w+\s+set|delete\s+from)\b/i;
    const wrong = files.filter((file) => {
      if (file.startsWith('runtime/db/') || file.startsWith('runtime/console/')) return false;
      const code = readFileSync(join(ROOT, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      return sql.test(code);
    });
    assert.deepEqual(wrong, []);
  });

  it('keeps files at 400 lines or fewer, but for those that are generated', () => {
    const written = files.filter((file) => !file.startsWith('runtime/contracts/client/'));
    const long = written.filter((file) => readFileSync(join(ROOT, file), 'utf8').split('\n').length > 401);
    assert.deepEqual(long, []);
  });

  it('says in every room of runtime what it is for', () => {
    const rooms = readdirSync(join(ROOT, 'runtime'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const silent = rooms
      .filter((entry) => sources(`runtime/${entry.name}`).length > 0)
      .filter((entry) => !existsSync(join(ROOT, 'runtime', entry.name, 'README.md')));
    assert.deepEqual(
      silent.map((entry) => entry.name),
      [],
    );
  });
});

describe('the nodes', () => {
  const folders = readdirSync(join(ROOT, 'nodes'), { withFileTypes: true })
    // `plugins` is what the editor itself is given, no node.
    .filter((entry) => entry.isDirectory() && !['lib', 'plugins'].includes(entry.name))
    .map((entry) => entry.name);
  const manifest = JSON.parse(readFileSync(join(ROOT, 'nodes/package.json'), 'utf8'));

  it('are exactly the types of the contract', () => {
    assert.deepEqual(folders.sort(), Object.keys(NODE_TYPES).sort());
    assert.deepEqual(Object.keys(manifest['node-red'].nodes).sort(), folders);
  });

  for (const name of folders) {
    it(`${name} is whole: entry, form, config, locales, example, test`, () => {
      const parts = [
        `nodes/${name}/${name}.ts`,
        `nodes/${name}/${name}.html`,
        `nodes/${name}/config.ts`,
        `nodes/${name}/locales/en-US/${name}.json`,
        `nodes/${name}/locales/en-US/${name}.html`,
        `flows/examples/${name}.json`,
        `test/nodes/${name}.test.ts`,
      ];
      assert.deepEqual(
        parts.filter((part) => !existsSync(join(ROOT, part))),
        [],
      );
      const entry = readFileSync(join(ROOT, `nodes/${name}/${name}.ts`), 'utf8');
      assert.ok(entry.split('\n').length <= 81, 'the entry has at most 80 lines');
      const example = readFileSync(join(ROOT, `flows/examples/${name}.json`), 'utf8');
      assert.ok(example.includes(`"type": "${name}"`), 'its example flow uses it');
    });

    it(`${name} has the same defaults in its form and its schema, and every label it uses`, async () => {
      const config = await import(`../nodes/${name}/config.ts`);
      const form = readFileSync(join(ROOT, `nodes/${name}/${name}.html`), 'utf8');
      const defaults = /defaults:\s*\{([\s\S]*?)\n\s{4}\},/.exec(form)?.[1] ?? '';
      const inForm = [...defaults.matchAll(/^\s{6}(\w+):/gm)].map((match) => match[1]).sort();
      assert.deepEqual(
        inForm,
        ['name', 'version', ...Object.keys(config.schema.properties)]
          .filter((key, at, all) => all.indexOf(key) === at)
          .sort(),
      );
      const labels = JSON.parse(readFileSync(join(ROOT, `nodes/${name}/locales/en-US/${name}.json`), 'utf8'));
      for (const [, key = ''] of form.matchAll(/data-i18n="(?:\[[a-z-]+\])?([\w.-]+)"/g)) {
        if (key.startsWith('node-red:')) continue;
        const found = key
          .split('.')
          .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], labels);
        assert.equal(typeof found, 'string', `label ${key}`);
      }
    });
  }
});
