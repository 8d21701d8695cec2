import { Type } from 'typebox';
import { ERROR_CODES, type ErrorCode } from '../contracts/errors.ts';
import { FrameMeta } from '../contracts/frame.ts';
import { HeartbeatBody } from '../contracts/mqtt-messages.ts';
import { isBySecret, LIVE_ROUTES } from './live/described.ts';
import type { RouteSpec } from './route.ts';

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
    method: 'get',
    path: '/device/config',
    summary: 'The configuration in force, with ETag',
    content: undefined,
    answers: { 200: 'the configuration', 304: 'as you have it' },
  },
] as const;

/** The OpenAPI 3.1 document, made from the route table. */
export function openApi(routes: readonly RouteSpec[], version: string) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = `/api/v1${route.path.replace(/:(\w+)/g, '{$1}')}`;
    paths[path] ??= {};
    paths[path][route.method] = operation(route);
  }
  for (const { method, path, summary, content, answers } of DEVICE_ROUTES) {
    paths[`/api/v1${path}`] = {
      [method]: {
        summary,
        tags: ['device contract'],
        security: [{ deviceKey: [] }],
        ...(content && {
          requestBody: {
            required: true,
            content: Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }])),
          },
        }),
        responses: describe(answers),
      },
    };
  }
  for (const route of LIVE_ROUTES) {
    const path = `/api/v1${route.path}`;
    paths[path] ??= {};
    paths[path][route.method] = liveOperation(route);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Redeye', version, description: 'Cameras, frames, events and devices of one Redeye server.' },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        basic: { type: 'http', scheme: 'basic' },
        streamToken: { type: 'apiKey', in: 'query', name: 'token' },
        deviceKey: { type: 'apiKey', in: 'header', name: 'X-DEVICE-KEY' },
      },
      schemas: { Error: errorSchema() },
    },
  };
}

function operation(route: RouteSpec) {
  const names = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1]);
  const query = Object.entries(route.query?.properties ?? {});
  const good = String(route.status ?? 200);
  return {
    summary: route.summary,
    tags: [route.tag],
    'x-role': route.access,
    security: route.access === 'open' ? [] : [{ bearer: [] }],
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...query.map(([name, schema]) => ({ name, in: 'query', required: false, schema })),
    ],
    ...(route.body && { requestBody: { required: true, content: { 'application/json': { schema: route.body } } } }),
    responses: {
      [good]: { description: 'done', ...(route.produces && { content: { [route.produces]: {} } }) },
      default: {
        description: 'refused',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

function describe(answers: Record<number, string>) {
  return Object.fromEntries(Object.entries(answers).map(([status, description]) => [status, { description }]));
}

function liveOperation(route: (typeof LIVE_ROUTES)[number]) {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  const credentials = [{ bearer: [] }, { basic: [] }, ...(route.method === 'get' ? [{ streamToken: [] }] : [])];
  return {
    summary: route.summary,
    tags: ['live'],
    'x-role': isBySecret(route.path) ? 'who opened it' : 'viewer',
    security: isBySecret(route.path) ? [] : credentials,
    parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...('content' in route && {
      requestBody: { required: true, content: { [route.content]: { schema: { type: 'string' } } } },
    }),
    responses: describe(route.answers),
  };
}

function errorSchema() {
  return {
    type: 'object',
    required: ['statusCode', 'error', 'message', 'code'],
    properties: {
      statusCode: { type: 'integer' },
      error: { type: 'string' },
      message: { type: 'string' },
      code: { type: 'string', enum: Object.keys(ERROR_CODES) as ErrorCode[] },
      field: { type: 'string' },
    },
  };
}
