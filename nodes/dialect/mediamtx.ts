import { type CameraRow, numberIn, type Operation, Refusal, type Tools } from './operation.ts';

interface SessionRow {
  id: string;
  type: 'whep' | 'hls' | 'mjpeg';
  camera: string;
  user: string;
  address: string;
  state: 'connecting' | 'playing';
  started_at: string;
  bytes: number;
  loss: { packets: number; jitter_ms: number } | null;
}

const READERS = { whep: 'webRTCSession', hls: 'hlsMuxer', mjpeg: 'mjpegSession' } as const;

/** `{itemCount, pageCount, items}`, with `page` and `itemsPerPage` as MediaMTX counts them. */
function pageOf<T>(items: T[], query: Readonly<Record<string, string | undefined>>) {
  const page = numberIn(query.page, 'page', { min: 0, whole: true, status: 400 }) ?? 0;
  const size = numberIn(query.itemsPerPage, 'itemsPerPage', { min: 1, max: 1000, whole: true, status: 400 }) ?? 100;
  return {
    itemCount: items.length,
    pageCount: Math.ceil(items.length / size),
    items: items.slice(page * size, (page + 1) * size),
  };
}

function found<T>(items: T[], fits: (item: T) => boolean, what: string): T {
  const one = items.find(fits);
  if (one === undefined) throw new Refusal(404, `${what}.not_found`, `${what} not found`);
  return one;
}

/** Cameras as paths, with both the old names of fields and those of v1.20. */
async function pathsOf(tools: Tools): Promise<Record<string, unknown>[]> {
  const items = await tools.cameras();
  const sessions = await sessionsOf(tools);
  return Promise.all(items.map((camera) => pathOf(camera, sessions, tools)));
}

async function pathOf(camera: CameraRow, sessions: SessionRow[], { raw }: Tools): Promise<Record<string, unknown>> {
  const { body } = await raw({ method: 'GET', path: `/cameras/${camera.id}/live` });
  const { state = 'none' } = (body ?? {}) as { state?: string };
  const ready = state === 'live';
  const readers = sessions.filter((session) => session.camera === camera.id);
  const sent = readers.reduce((sum, { bytes }) => sum + bytes, 0);
  const tracks = ready ? ['H264'] : [];
  return {
    name: camera.id,
    confName: camera.id,
    source: state === 'none' ? null : { type: `${camera.driver}Source`, id: '' },
    ready,
    readyTime: ready ? camera.last_frame : null,
    available: ready,
    availableTime: ready ? camera.last_frame : null,
    online: camera.state === 'live' || ready,
    onlineTime: camera.last_frame,
    tracks,
    tracks2: tracks.map((codec) => ({ codec, codecProps: {} })),
    bytesReceived: 0,
    bytesSent: sent,
    inboundBytes: 0,
    outboundBytes: sent,
    inboundFramesInError: 0,
    readers: readers.map(({ type, id }) => ({ type: READERS[type], id })),
  };
}

/** Who watches; whoever may not know that sees nobody. */
async function sessionsOf({ all }: Tools): Promise<SessionRow[]> {
  try {
    return await all<SessionRow>('/sessions');
  } catch (error) {
    if (error instanceof Refusal) return [];
    throw error;
  }
}

const pathsList: Operation = async ({ query }, tools) => ({ status: 200, body: pageOf(await pathsOf(tools), query) });

const pathsGet: Operation = async ({ params }, tools) => ({
  status: 200,
  body: found(await pathsOf(tools), ({ name }) => name === params.name, 'path'),
});

function sessionAnswer(session: SessionRow): Record<string, unknown> {
  return {
    id: session.id,
    created: session.started_at,
    remoteAddr: session.address,
    peerConnectionEstablished: session.state === 'playing',
    localCandidate: '',
    remoteCandidate: '',
    state: 'read',
    path: session.camera,
    query: '',
    user: session.user,
    userAgent: '',
    bytesReceived: 0,
    bytesSent: session.bytes,
    inboundBytes: 0,
    outboundBytes: session.bytes,
    rtpPacketsLost: session.loss?.packets ?? 0,
    rtpPacketsJitter: session.loss?.jitter_ms ?? 0,
  };
}

/** Sessions need an operator: whoever is none is told, not shown an empty list. */
async function webrtcOf({ all }: Tools): Promise<Record<string, unknown>[]> {
  const items = await all<SessionRow>('/sessions');
  return items.filter(({ type }) => type === 'whep').map(sessionAnswer);
}

const sessionsList: Operation = async ({ query }, tools) => ({
  status: 200,
  body: pageOf(await webrtcOf(tools), query),
});

const sessionsGet: Operation = async ({ params }, tools) => ({
  status: 200,
  body: found(await webrtcOf(tools), ({ id }) => id === params.id, 'session'),
});

const sessionsKick: Operation = async ({ params }, { api }) => {
  await api('DELETE', `/sessions/${encodeURIComponent(params.id ?? '')}`);
  return { status: 200, body: { status: 'ok' } };
};

const hlsList: Operation = async ({ query }, tools) => {
  const items = await tools.all<SessionRow>('/sessions');
  const muxers = new Map<string, { path: string; created: string; lastRequest: string; bytesSent: number }>();
  for (const { type, camera, started_at, bytes } of items) {
    if (type !== 'hls') continue;
    const sum = muxers.get(camera)?.bytesSent ?? 0;
    const lastRequest = new Date(tools.host.clock.now()).toISOString();
    muxers.set(camera, { path: camera, created: started_at, lastRequest, bytesSent: sum + bytes });
  }
  return { status: 200, body: pageOf([...muxers.values()], query) };
};

/** What the settings of a MediaMTX would say of a Redeye; nothing of ours that is secret. */
const globalConfig: Operation = async (_ask, { api }) => {
  await api('GET', '/auth/me');
  const ports = { rtsp: false, rtmp: false, hls: true, webrtc: true, srt: false };
  return {
    status: 200,
    body: { logLevel: 'info', authMethod: 'internal', api: true, metrics: true, playback: false, ...ports },
  };
};

function pathConfig({ id, driver }: CameraRow): Record<string, unknown> {
  return { name: id, source: driver, sourceOnDemand: true, record: false };
}

async function configsOf({ cameras }: Tools): Promise<Record<string, unknown>[]> {
  return (await cameras()).map(pathConfig);
}

const configList: Operation = async ({ query }, tools) => ({
  status: 200,
  body: pageOf(await configsOf(tools), query),
});

const configGet: Operation = async ({ params }, tools) => ({
  status: 200,
  body: found(await configsOf(tools), ({ name }) => name === params.name, 'path'),
});

const info: Operation = async (_ask, { api, host, memory }) => {
  await api('GET', '/auth/me');
  if (!memory.has('started')) memory.set('started', new Date(host.clock.now()).toISOString());
  return { status: 200, body: { version: 'redeye', started: memory.get('started') } };
};

/** Cameras are configured by the product API and the console: a MediaMTX's configuration is read only. */
const readOnly: Operation = () => {
  throw new Refusal(501, 'dialect.left_out', 'configuration is read only here: use /api/v1/cameras');
};

/** The control API of MediaMTX, as far as it reads, and the end of a session (§2.4). */
export const mediamtx: Record<string, Operation> = {
  'paths-list': pathsList,
  'paths-get': pathsGet,
  'sessions-list': sessionsList,
  'sessions-get': sessionsGet,
  'sessions-kick': sessionsKick,
  'hls-list': hlsList,
  'config-global': globalConfig,
  'config-list': configList,
  'config-get': configGet,
  info,
  'read-only': readOnly,
};
