import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { Ajv as SmallAjv } from '../../../../edge/agent/small/ajv.ts';

const ROOT = resolve(import.meta.dirname, '../../../..');
const IMPORTS = /^(?:import|export) (?!type )(?:[^;]*?from )?'(\.[^']+)'|import\('(\.[^']+)'\)/gms;

/** Every file that the agent may load. */
async function filesOfAgent(): Promise<string[]> {
  const seen = new Set<string>();
  const visit = async (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, plain, late] of (await readFile(file, 'utf8')).matchAll(IMPORTS))
      await visit(resolve(dirname(file), plain ?? late ?? ''));
  };
  await visit(join(ROOT, 'edge/agent/run.ts'));
  return [...seen].map((file) => relative(ROOT, file));
}

/** What a program prints that runs with our small modules, or with the packages. */
async function printed(program: string, isSmall: boolean): Promise<string> {
  const modules = JSON.stringify(join(ROOT, 'edge/agent/small/modules.ts'));
  const text = `${isSmall ? `(await import(${modules})).useSmallModules();` : ''}${program}`;
  const args = ['--input-type=module', '-e', text];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

/** All schemas that those files export, as JSON, by name. */
async function schemasOf(files: string[], isSmall: boolean): Promise<Record<string, unknown>> {
  const program = `
    const all = {};
    for (const file of ${JSON.stringify(files)})
      for (const [name, value] of Object.entries(await import(${JSON.stringify(`${ROOT}/`)} + file)))
        if (value && typeof value === 'object' && ('type' in value || 'anyOf' in value || 'enum' in value)) all[file + ' ' + name] = value;
    process.stdout.write(JSON.stringify(all));`;
  return JSON.parse(await printed(program, isSmall)) as Record<string, unknown>;
}

/** Lines of every kind, each with fields of every kind. */
const TALK = `
  const { createLog } = await import(${JSON.stringify(join(ROOT, 'runtime/lib/log.ts'))});
  const log = createLog({ level: 'info' });
  const secret = { password: 'planted', inner: { token: 'planted', deeper: { api_key: 'deep' } }, list: [{ key: 'deep' }] };
  const cause = Object.assign(new TypeError('why'), { code: 'E1', secret: 'planted', at: { cookie: 'deep' } });
  const error = Object.assign(new Error('what', { cause }), { field: 'x' });
  const circle = { name: 'round' };
  circle.self = circle;
  log.debug('not said');
  log.info('plain');
  log.child('a').child('b').warn('scoped', { n: 1, yes: true, none: null, gone: undefined, nan: NaN, date: new Date(0) });
  log.error('failed', { error, secret });
  log.error('odd', { error: 'a text', list: [1, 'two', { three: [4] }], key: 'planted' });
  log.error('several', { error: new AggregateError([new RangeError('one'), new Error('other')], 'all') });
  log.info('round', { circle });
  log.info('"quoted" \\u2028 \\ud83d\\ude00 ' + 'x'.repeat(100_000));`;

/** A JSON Schema, as far as samples are made of one. */
interface Shape {
  type?: string;
  anyOf?: Shape[];
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, Shape>;
  patternProperties?: Record<string, Shape>;
  items?: Shape;
}

const PLAIN: unknown[] = [
  ...[
    'pi',
    'a'.repeat(64),
    '019a9f3e-7c00-7000-8000-000000000000',
    '2026-11-20T12:00:00.000Z',
    'https://host/path',
    '',
  ],
  ...[
    'rtmps://host/app',
    'api/v1/device/bundles/x',
    'event/1',
    '/api/v1/x',
    'A=1',
    'A',
    '1',
    'x'.repeat(22),
    'x'.repeat(43),
  ],
  ...[1, 0, 0.5, 10, 60, 1000, 100_000, 1_795_000_000_000, -1, 1e9, 1.5, Number.NaN, true, false, null],
];
const JUNK: unknown[] = [
  ...PLAIN,
  'x'.repeat(5000),
  '😀'.repeat(64),
  '2026-02-30T00:00:00Z',
  '2024-02-29t23:59:60z',
  [],
  [1],
  {},
  { x: 1 },
];

const real = new Ajv({ allErrors: false, strict: false, useDefaults: true, validateSchema: false, logger: false });
formats.default(real);
const small = new SmallAjv();

/** A value that fits the schema, where one is found. */
function sampleOf(shape: Shape): unknown {
  if ('const' in shape) return shape.const;
  if (shape.enum) return shape.enum[0];
  if (shape.anyOf) return sampleOf(shape.anyOf[0] ?? {});
  if (shape.type === 'array') return shape.items ? [sampleOf(shape.items)] : [];
  if (shape.type === 'object') {
    const all = Object.entries(shape.properties ?? {}).map(([name, one]) => [name, sampleOf(one)]);
    const [[pattern, one] = ['', undefined]] = Object.entries(shape.patternProperties ?? {});
    const key = one && PLAIN.find((text) => typeof text === 'string' && new RegExp(pattern, 'u').test(text));
    return Object.fromEntries([...all, ...(key === undefined ? [] : [[key, sampleOf(one ?? {})]])]);
  }
  const fits = real.compile(shape);
  return PLAIN.find((value) => fits(value));
}

/** The value with one place of it, each in turn, missing or something else. */
function* variantsOf(value: unknown): Generator<unknown> {
  yield* JUNK;
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield { ...value, unheard_of: 1 };
  for (const [name, part] of Object.entries(value)) {
    const set = (other: unknown) => {
      const copy = structuredClone(value) as Record<string, unknown>;
      copy[name] = other;
      return copy;
    };
    yield set(undefined);
    for (const other of variantsOf(part)) yield set(other);
  }
}

describe('the small modules of the agent', function () {
  this.timeout(60_000);
  let packages: Record<string, unknown>;
  let own: Record<string, unknown>;
  before(async () => {
    const files = await filesOfAgent();
    assert.ok(files.length > 80, `${files.length} files`);
    [packages, own] = await Promise.all([schemasOf(files, false), schemasOf(files, true)]);
  });

  it('make the same schemas as TypeBox, to the letter', () => {
    assert.ok(Object.keys(packages).length > 60, `${Object.keys(packages).length} schemas`);
    assert.deepEqual(own, packages);
  });

  it('judge as Ajv does, in the same words, and fill in the same defaults', () => {
    const seen = { values: 0, good: 0 };
    const keywords = new Set<string>();
    for (const [name, schema] of Object.entries(packages)) {
      const [theirs, ours] = [real.compile(schema as object), small.compile(schema as Record<string, unknown>)];
      const sample = sampleOf(schema as Shape);
      for (const value of [sample, ...variantsOf(sample)]) {
        const [one, other] = [structuredClone(value), structuredClone(value)];
        const [verdict, own] = [theirs(one), ours(other)];
        seen.values += 1;
        if (verdict) seen.good += 1;
        const where = () => `${name}: ${JSON.stringify(value)?.slice(0, 300)}`;
        assert.equal(own, verdict, where());
        if (verdict) {
          assert.deepEqual(other, one, where());
          continue;
        }
        const [{ keyword, instancePath, params, message } = { keyword: 'none' }] = theirs.errors ?? [];
        keywords.add(keyword);
        const first = { keyword, instancePath, message, params: plain(keyword, params) };
        const [said] = ours.errors ?? [];
        assert.deepEqual({ ...said, params: plain(keyword, said?.params) }, first, where());
      }
    }
    assert.ok(seen.values > 10_000 && seen.good > 500, JSON.stringify(seen));
    for (const keyword of ['type', 'required', 'enum', 'const', 'pattern', 'minimum', 'maximum', 'maxLength', 'format'])
      assert.ok(keywords.has(keyword), `no value was wrong by ${keyword}`);
  });

  it('write the lines of pino, and no secret', async () => {
    const [theirs, ours] = await Promise.all([printed(TALK, false), printed(TALK, true)]);
    const linesOf = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => ({ ...(JSON.parse(line) as Record<string, unknown>), time: 0 }));
    assert.equal(linesOf(ours).length, 7);
    assert.deepEqual(linesOf(ours), linesOf(theirs));
    assert.ok(ours.includes('••••') && !ours.includes('planted'));
  });

  it('go on without who read their lines', async () => {
    const talk = `${TALK}; for (let n = 0; n < 500; n += 1) log.info('x'.repeat(1000)); process.stderr.write('done');`;
    const shell = `"$0" --input-type=module -e "$1" | head -c 10`;
    const program = `(await import(${JSON.stringify(join(ROOT, 'edge/agent/small/modules.ts'))})).useSmallModules();${talk}`;
    const { stderr } = await promisify(execFile)('sh', ['-c', shell, process.execPath, program]);
    assert.equal(stderr, 'done');
  });

  it('refuse a schema that says more than they read', () => {
    assert.throws(
      () => small.compile({ type: 'object', properties: { a: { type: 'string', not: {} } } }),
      /keyword not/,
    );
  });
});

/** Ajv says the direction of a limit as well, which nobody here reads. */
function plain(keyword: string, params: Record<string, unknown> | undefined): unknown {
  const { comparison: _comparison, ...rest } = params ?? {};
  return keyword === 'type' ? {} : rest;
}
