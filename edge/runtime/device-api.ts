/** One route that clients of other systems find on a device. */
interface DeviceRoute {
  path: string;
  method: string;
  tag: string;
  summary: string;
  /** statuses beside 401 and 403, the good one first */
  codes: readonly number[];
  query?: Readonly<Record<string, string>>;
  /** an example of its body */
  body?: object;
}

const WORDS: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'Done',
  303: 'See other',
  307: 'Elsewhere',
  400: 'Wrong in the request',
  403: 'Not allowed',
  404: 'Not there',
  409: 'Busy',
  422: 'Values that cannot be taken',
  500: 'The camera failed',
  501: 'Not answered by Redeye',
  503: 'The camera is not there',
};

const CAPTURES_WORDS =
  'Take a picture for the server: `uploaded`, or `queued` while that is away; it is kept here for an hour too';
const KEYS = { stream_key: 'abcd-1234-efgh', broadcast_key: 'dQw4w9WgXcQ' };
const MODES = 'photo or video';

/** What the flows of the dialects answer, by system; a test holds it against the shipped tabs. */
const ROUTES: readonly DeviceRoute[] = [
  ...of('RELab A', [
    ['get /camera/status', 'How the camera is; with the keys of uuplastination', [200]],
    ['post /camera/open', 'Wake it', [200, 422], { query: { mode: MODES } }],
    ['post /camera/close', 'Let it rest', [200, 409]],
    ['post /images', 'Take a picture; it is kept for an hour', [201, 500]],
    ['get /images/{id}', 'That picture', [200, 404]],
    ['post /stream/start', 'Stream', [201, 400, 409, 422, 500], { query: { mode: 'youtube or local' }, body: KEYS }],
    ['get /stream/status', 'What streams', [200, 404]],
    ['delete /stream/stop', 'Stop it', [204, 404], { query: { mode: 'only this one' } }],
    ['get /stream', 'To its status', [307]],
    ['get /stream/hls', 'To the first playlist', [307, 404]],
    ['get /stream/hls/{file}', 'A file of the HLS', [200, 400, 403, 404]],
  ]),
  ...of('RELab B', [
    ['get /camera', 'How the camera is', [200]],
    ['get /camera/controls', 'What can be set', [200, 501]],
    ['patch /camera/controls', 'Set it', [200, 422, 501], { body: { controls: { ExposureTime: 20_000 } } }],
    ['put /camera/focus', 'Focus: no camera of ours has it', [501, 422], { body: { mode: 'auto' } }],
    ['post /captures', CAPTURES_WORDS, [201, 404, 422, 500], { body: { product_id: 7, description: 'front' } }],
    ['post /streams/youtube', 'Push to YouTube', [201, 400, 409], { body: KEYS }],
    ['get /streams/youtube', 'Whether it does', [200, 404]],
    ['delete /streams/youtube', 'Stop that', [204, 404]],
    ['post /preview/{what}', '`start` and `stop`: keep HLS ready', [204, 503]],
    ['get /preview/hls/{path}', 'A file of the HLS; it wakes the camera', [200, 404]],
    ['get /preview-thumbnail.jpg', 'The newest picture', [200, 503]],
    ['get /system/telemetry', 'How the machine is', [200]],
    ['get /system/local-access', 'Key and addresses for its own network, to who shows a key', [200]],
    ['get /local-key', 'That key as text', [200]],
    ['get /metrics', 'The same for Prometheus', [200]],
    ['get /setup', 'To the status page', [307]],
    ['get /pairing/state', 'It is paired, by Redeye', [200]],
    ['delete /pairing', 'Left out', [501]],
    ['post /pairing/code', 'Left out', [501]],
  ]),
  ...of('uuplastination', [
    ['post /camera/start', 'Keep the live picture ready', [200]],
    ['post /camera/stop', 'No longer', [200]],
    ['get /camera/snapshot', 'One picture', [200, 503]],
  ]),
  ...of('CompuCyto', [
    ['post /capture', 'Take a picture', [200, 422, 500, 503], { body: { exposure: 50, gain: 2 } }],
    ['get /settings', 'How it captures', [200, 503]],
    ['put /settings', 'Change that', [200, 422, 503], { body: { exposure: 50 } }],
    ['post /settings/auto-exposure/once', 'Left out', [501]],
    ['get /captures/list', 'Pictures of the last hour', [200]],
    ['get /captures/{file}', 'One of them', [200, 404]],
    ['get /videos/list', 'None', [200]],
    ['post /video/record/{what}', 'Left out', [501]],
    ['get /video/record/status', 'Left out', [501]],
  ]),
  // No flow: Redeye's own.
  ...of('live', [
    ['get /camera/stream.mjpg', 'Moving pictures', [200, 503]],
    ['get /video/feed', 'The same', [200, 503]],
    ['get /health', 'How the device is, always 200; open to everybody', [200]],
  ]),
];

type Row = readonly [
  call: string,
  summary: string,
  codes: readonly number[],
  more?: Pick<DeviceRoute, 'query' | 'body'>,
];

function of(tag: string, rows: readonly Row[]): DeviceRoute[] {
  return rows.map(([call, summary, codes, more]) => {
    const [method = '', path = ''] = call.split(' ', 2);
    return { method, path, tag, summary, codes, ...more };
  });
}

/** The device's routes for clients of other systems as OpenAPI 3.1, where seed 000 has it (`/openapi.json`, §2.0). */
export function deviceApi(
  version: string,
): Record<string, unknown> & { paths: Record<string, Record<string, object>> } {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of ROUTES) {
    paths[route.path] ??= {};
    Object.assign(paths[route.path] ?? {}, { [route.method]: operation(route) });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Redeye device',
      version,
      description:
        "Routes for clients of RELab, uuplastination and CompuCyto, for this device's first camera or `?camera=`. Errors are `{detail, code}`; `detail` is FastAPI's list for 422.",
    },
    paths,
    components: {
      securitySchemes: {
        key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        session: { type: 'apiKey', in: 'cookie', name: 'relab_session' },
      },
    },
    security: [{ key: [] }, { session: [] }],
  };
}

function operation({ method, path, tag, summary, codes, query = {}, body }: DeviceRoute): object {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const inQuery = Object.entries(query).map(([name, description]) => ({
    name,
    in: 'query',
    description,
    schema: { type: 'string' },
  }));
  return {
    operationId: `${method}${path.replace(/[^A-Za-z0-9]+(\w?)/g, (_all, letter: string) => letter.toUpperCase())}`,
    tags: [tag],
    summary,
    ...(path === '/health' && { security: [] }),
    parameters: [...inPath, ...inQuery],
    ...(body && { requestBody: { content: { 'application/json': { schema: { type: 'object' }, example: body } } } }),
    responses: Object.fromEntries(
      [...codes, 401].map((code) => [code, { description: WORDS[code] ?? 'Who asks is not known' }]),
    ),
  };
}

/** Each route as `[method, path, system, what it does, its statuses]`, for a page. */
export function deviceRoutes(): [method: string, path: string, tag: string, summary: string, codes: string][] {
  return ROUTES.map(({ method, path, tag, summary, codes }) => [
    method.toUpperCase(),
    path,
    tag,
    summary,
    codes.join(', '),
  ]);
}
