import { type TSchema, Type } from 'typebox';
import { ErrorBody } from '../contracts/api.ts';
import { DevicePushReport } from '../contracts/device-pushes.ts';
import { FrameMeta } from '../contracts/frame.ts';
import { CAPTURE_NONCE_HEADER, PictureMeta } from '../contracts/gallery.ts';
import { HeartbeatBody } from '../contracts/mqtt-messages.ts';
import { STATUS_CODES } from '../lib/builtin-http.ts';
import { exampleOf } from './examples.ts';
import { isBySecret, LIVE_ROUTES } from './live/described.ts';
import { NamedShapes } from './named-shapes.ts';
import type { RouteSpec } from './route.ts';
import { errorsOf } from './route-errors.ts';

/** The device contract in the same document: its routes are served by `ingest/`, which streams and so is no RouteSpec. */
const DEVICE_ROUTES = [
  {
    method: 'post',
    path: '/ingest/frame',
    summary: 'Hand in a frame: multipart (image, meta) or JSON with image_b64',
    content: {
      'multipart/form-data': Type.Object({ image: Type.String({ contentMediaType: 'image/jpeg' }), meta: FrameMeta }),
      'application/json': Type.Object({
        ...FrameMeta.properties,
        image_b64: Type.String({ contentEncoding: 'base64' }),
      }),
    },
    answers: { 200: 'the same frame was stored before', 201: 'stored durably', 409: 'this seq holds other bytes' },
  },
  {
    method: 'post',
    path: '/ingest/heartbeat',
    summary: 'Say that the device is alive, and how it is',
    content: { 'application/json': HeartbeatBody },
    answers: { 200: 'noted' },
  },
  {
    method: 'post',
    path: '/ingest/picture',
    summary: `Hand in the picture that a command asked this device for, with the command's nonce in ${CAPTURE_NONCE_HEADER}`,
    content: {
      'multipart/form-data': Type.Object({ image: Type.String({ contentMediaType: 'image/jpeg' }), meta: PictureMeta }),
    },
    answers: { 201: 'stored: image_id', 403: 'nobody asked for it' },
  },
  {
    method: 'post',
    path: '/device/pushes',
    summary: 'Say how the pushes of the device are, and learn which ones it is to run',
    content: { 'application/json': DevicePushReport },
    answers: { 200: 'the orders; without `pushes` nothing changed' },
  },
  {
    method: 'get',
    path: '/device/config',
    summary: 'The configuration in force, with ETag',
    content: undefined,
    answers: { 200: 'the configuration', 304: 'as you have it' },
  },
  {
    method: 'get',
    path: '/device/bundles/{sha256}',
    summary: 'Flows that were deployed to the device: its own bundles, whole or by Range',
    content: undefined,
    answers: { 200: 'the bundle', 206: 'a part of it', 404: 'none of this device' },
  },
] as const;

/** The OpenAPI 3.1 document, made from the route table. */
export function openApi(routes: readonly RouteSpec[], version: string) {
  const shapes = new NamedShapes();
  const paths: Record<string, Record<string, unknown>> = {};
  const put = (path: string, method: string, described: unknown) => {
    paths[path] ??= {};
    paths[path][method] = described;
  };
  for (const route of routes) put(documented(route.path), route.method, operation(route, shapes));
  for (const route of DEVICE_ROUTES) put(`/api/v1${route.path}`, route.method, deviceOperation(route, shapes));
  for (const route of LIVE_ROUTES) put(`/api/v1${route.path}`, route.method, liveOperation(route, shapes));
  shapes.refer(ErrorBody);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Redeye',
      version,
      description:
        'Cameras, frames, events and devices of one Redeye server. Every answer has X-Request-Id (yours, if you send one); GETs have ETag. A POST that creates takes Idempotency-Key: repeated within ten minutes, with the same body, it gets the first answer and creates nothing.',
    },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        basic: { type: 'http', scheme: 'basic' },
        streamToken: { type: 'apiKey', in: 'query', name: 'token' },
        deviceKey: { type: 'apiKey', in: 'header', name: 'X-DEVICE-KEY' },
      },
      schemas: shapes.all(),
    },
  };
}

/** A path of the route table as the document writes it. */
function documented(path: string): string {
  return `/api/v1${path.replace(/:(\w+)/g, '{$1}')}`;
}

function operation(route: RouteSpec, shapes: NamedShapes) {
  const names = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1]);
  const query = Object.entries(route.query?.properties ?? {});
  const good = String(route.status ?? 200);
  return {
    operationId: route.operation ?? nameOf(route.method, route.path),
    summary: route.summary,
    tags: [route.tag],
    'x-role': route.access,
    security: route.access === 'open' ? [] : [{ bearer: [] }],
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...query.map(([name, schema]) => ({ name, in: 'query', required: false, schema: shapes.refer(schema) })),
      ...(route.idempotent ? [IDEMPOTENCY_KEY] : []),
    ],
    ...(route.body && {
      requestBody: {
        required: hasRequired(route.body),
        content: { 'application/json': { schema: shapes.refer(route.body), example: exampleOf(route.body) } },
      },
    }),
    responses: { [good]: goodAnswer(route, shapes), ...refusals(route) },
  };
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'any text of 1 to 200 characters: a repetition within ten minutes gets the first answer',
  schema: { type: 'string', minLength: 1, maxLength: 200 },
};

function hasRequired(body: TSchema): boolean {
  const { required = [], minProperties = 0 } = body as { required?: string[]; minProperties?: number };
  return required.length > 0 || minProperties > 0;
}

function goodAnswer(route: RouteSpec, shapes: NamedShapes) {
  const description = STATUS_CODES[route.status ?? 200] ?? 'done';
  if (route.produces) return { description, content: { [route.produces]: {} } };
  if (!route.answer) return { description };
  const content = { schema: shapes.refer(route.answer), example: exampleOf(route.answer) };
  return { description, content: { 'application/json': content } };
}

function refusals(route: RouteSpec) {
  return Object.fromEntries(
    [...errorsOf(route)].map(([status, codes]) => {
      const example = { statusCode: status, error: STATUS_CODES[status], message: 'why, in words', code: codes[0] };
      const content = { 'application/json': { schema: { $ref: '#/components/schemas/ErrorBody' }, example } };
      return [status, { description: codes.map((code) => `\`${code}\``).join(', '), 'x-codes': codes, content }];
    }),
  );
}

/** What a program calls the operation: `GET /devices/:id/config` is `getDeviceConfig`. */
export function nameOf(method: string, path: string): string {
  const parts = path.split('/').filter(Boolean);
  const words = parts.flatMap((part, at) => {
    if (part.startsWith(':')) return [];
    const isOne = parts[at + 1]?.startsWith(':') ?? false;
    return (isOne ? part.replace(/s$/, '') : part).split(/[^A-Za-z0-9]+/);
  });
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

function deviceOperation(
  { path, method, summary, content, answers }: (typeof DEVICE_ROUTES)[number],
  shapes: NamedShapes,
) {
  return {
    operationId: nameOf(method, `/own${path}`),
    summary,
    tags: ['device contract'],
    security: [{ deviceKey: [] }],
    ...(content && {
      requestBody: {
        required: true,
        content: Object.fromEntries(
          Object.entries(content).map(([type, schema]) => [type, { schema: shapes.refer(schema) }]),
        ),
      },
    }),
    responses: describe(answers),
  };
}

function describe(answers: Record<number, string>) {
  return Object.fromEntries(Object.entries(answers).map(([status, description]) => [status, { description }]));
}

function liveOperation(route: (typeof LIVE_ROUTES)[number], shapes: NamedShapes) {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  const schema = 'schema' in route ? { schema: shapes.refer(route.schema), example: exampleOf(route.schema) } : {};
  const described = Object.fromEntries(
    Object.entries(route.answers).map(([status, description]) => {
      const isGood = /^20[01]$/.test(status) && 'produces' in route;
      return [status, { description, ...(isGood && { content: { [route.produces]: schema } }) }];
    }),
  );
  const error = { schema: { $ref: '#/components/schemas/ErrorBody' } };
  const refusals = { default: { description: 'refused', content: { 'application/json': error } } };
  const credentials = [{ bearer: [] }, { basic: [] }, ...(route.method === 'get' ? [{ streamToken: [] }] : [])];
  return {
    operationId: nameOf(route.method, route.path.replace(/\{(\w+)\}/g, ':$1')),
    summary: route.summary,
    tags: ['live'],
    'x-role': isBySecret(route.path) ? 'who opened it' : 'viewer',
    security: isBySecret(route.path) ? [] : credentials,
    parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...('content' in route && {
      requestBody: { required: true, content: { [route.content]: { schema: { type: 'string' } } } },
    }),
    responses: { ...described, ...refusals },
  };
}
