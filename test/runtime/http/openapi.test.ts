import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TSchema } from 'typebox';
import { clientSources } from '../../../runtime/cli/client-source.ts';
import { createClient } from '../../../runtime/contracts/client/client.ts';
import { ERROR_CODES } from '../../../runtime/contracts/errors.ts';
import { apiRoutes, type HttpParts } from '../../../runtime/http/app.ts';
import { exampleOf } from '../../../runtime/http/examples.ts';
import { NamedShapes } from '../../../runtime/http/named-shapes.ts';
import { openApi } from '../../../runtime/http/openapi.ts';
import { parser } from '../../../runtime/lib/validate.ts';
import { openDoor } from '../../support/http-door.ts';

interface Operation {
  operationId: string;
  'x-role': string;
  responses: Record<string, { content?: Record<string, unknown>; 'x-codes'?: string[] }>;
}

describe("the API's document", () => {
  const routes = apiRoutes({} as HttpParts);
  const document = openApi(routes, '1.0.0');
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods)) as Operation[];

  it('gives every body and every answer an example that its own schema takes', () => {
    for (const route of routes) {
      for (const schema of [route.body, route.answer]) {
        if (schema) assert.doesNotThrow(() => parser(schema)(exampleOf(schema)), `${route.method} ${route.path}`);
      }
    }
  });

  it('says of every route what it answers: add `answer`, `produces`, or the status 204 or 303 to a route named here', () => {
    const silent = routes.filter(
      ({ answer, produces, status }) => !answer && !produces && status !== 204 && status !== 303,
    );
    assert.deepEqual(
      silent.map(({ method, path }) => `${method} ${path}`),
      [],
    );
  });

  it('lists for every route the codes it may refuse with, by their status', () => {
    for (const { operationId, 'x-role': role, responses } of operations) {
      for (const [status, { 'x-codes': codes = [] }] of Object.entries(responses)) {
        for (const code of codes) assert.equal(String(ERROR_CODES[code as keyof typeof ERROR_CODES]), status);
      }
      if (['viewer', 'operator', 'admin'].includes(role) && responses['401'])
        assert.ok(responses['401']['x-codes']?.includes('auth.missing'), operationId);
    }
  });

  it('has every list come in pages: 50 when nothing is said, 200 at most, the rest by a cursor', () => {
    const lists = routes.filter(({ method, answer }) => {
      const { properties } = (answer ?? {}) as { properties?: Record<string, unknown> };
      return method === 'get' && properties?.items !== undefined && properties.next !== undefined;
    });
    assert.ok(lists.length > 14);
    for (const { path, query } of lists) {
      const { limit, cursor } = (query?.properties ?? {}) as Record<string, { default?: number; maximum?: number }>;
      assert.deepEqual([limit?.default, limit?.maximum, cursor !== undefined], [50, 200, true], path);
    }
  });

  it('lets every POST that makes something be repeated with an Idempotency-Key', () => {
    const hasKey = (answer?: TSchema) => /WithKey$/.test((answer as { title?: string } | undefined)?.title ?? '');
    const made = routes.filter(
      ({ method, status, answer }) => method === 'post' && (status === 201 || status === 202 || hasKey(answer)),
    );
    assert.ok(
      made.some(({ path }) => path.endsWith('/rotate-key')) && made.some(({ path }) => path.endsWith('/renew-key')),
    );
    assert.deepEqual(
      made.filter(({ idempotent }) => !idempotent).map(({ path }) => path),
      // A code that only whoever asked for it can use; it has no user to tell repetitions by.
      ['/pairing/register'],
    );
  });

  it('names every operation once, and refuses two shapes of one name', () => {
    const names = operations.map(({ operationId }) => operationId);
    assert.deepEqual([...new Set(names)], names);
    const shapes = new NamedShapes();
    shapes.refer({ title: 'A', type: 'string' });
    assert.throws(() => shapes.refer({ title: 'A', type: 'number' }), /two shapes are called A/);
  });

  it('refers only to shapes that it holds', () => {
    const held = Object.keys(document.components.schemas);
    for (const [, name = ''] of JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g))
      assert.ok(held.includes(name), name);
  });

  it('has its client in the repository as it would be made now', () => {
    const folder = join(import.meta.dirname, '../../../runtime/contracts/client');
    for (const [name, text] of Object.entries(clientSources(openApi(routes, ''))))
      assert.equal(readFileSync(join(folder, name), 'utf8'), text, `${name} is old: run "npm run docs"`);
  });

  it('makes examples of what a schema only hints at', () => {
    assert.equal(exampleOf({ type: 'integer', minimum: 5 } as TSchema), 5);
    assert.equal(String(exampleOf({ type: 'string', minLength: 12 } as TSchema)).length, 12);
  });
});

describe('the client made from the document', () => {
  it('puts ids, query and body where the API has them', async () => {
    const calls: unknown[] = [];
    const client = createClient(async (call) => calls.push(call) as never);
    await client.patchDevice('a/b', { name: 'Pantry' });
    await client.getCaptures({ camera: 'porch', limit: 1 });
    assert.deepEqual(calls, [
      { method: 'PATCH', path: 'api/v1/devices/a%2Fb', body: { name: 'Pantry' }, options: undefined },
      { method: 'GET', path: 'api/v1/captures', query: { camera: 'porch', limit: 1 }, options: undefined },
    ]);
  });
});

describe('the page of the API', () => {
  let door: Awaited<ReturnType<typeof openDoor>>;
  before(async () => {
    door = await openDoor({ basePath: '/cams' });
  });
  after(() => door.close());

  it('is served whole and from here, under a policy that lets nothing foreign in', async () => {
    const moved = await door.call('GET', '/api/docs');
    assert.deepEqual([moved.status, moved.headers.get('location')], [301, '/cams/api/docs/']);
    const page = await door.call('GET', '/api/docs/');
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none';script-src 'self'/);
    assert.ok(!/https?:\/\//.test(page.text), 'nothing comes from elsewhere');
    for (const [, part = ''] of page.text.matchAll(/(?:src|href)="([^"]+)"/g))
      assert.equal((await door.call('GET', `/api/docs/${part}`)).status, 200, part);
    assert.equal((await door.call('GET', '/api/docs/package.json')).status, 404);
  });

  it('and every other answer bear the name that the request had, or one of their own; a forged line is no name', async () => {
    const ask = async (name?: string) => {
      const headers: Record<string, string> = name === undefined ? {} : { 'X-Request-Id': name };
      return (await door.call('GET', '/api/openapi.json', { headers })).headers.get('x-request-id') ?? '';
    };
    assert.equal(await ask('proxy-17'), 'proxy-17');
    assert.match(await ask(), /^[0-9a-f-]{36}$/);
    assert.match(await ask('a b" level=error'), /^[0-9a-f-]{36}$/);
  });

  it('says that nothing changed to whoever has the document already', async () => {
    const first = await door.call('GET', '/api/openapi.json');
    const again = await door.call('GET', '/api/openapi.json', {
      // Without the second one, fetch would ask for a fresh answer.
      headers: { 'If-None-Match': first.headers.get('etag') ?? '', 'Cache-Control': 'max-age=0' },
    });
    assert.deepEqual([again.status, again.text], [304, '']);
  });
});
