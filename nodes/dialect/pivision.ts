import { byId, numberIn, type Operation, Refusal, refusalOf, type Tools } from './operation.ts';

interface EventRow {
  id: string;
  device: string;
  type: string;
  started_at: string;
  note: string | null;
  score: number;
  images: Record<string, string>;
  details: { captures?: unknown };
}

interface CaptureRow {
  width: number;
  height: number;
  captured_at: string;
}

const EVENT_PICTURE = /^events\/[0-9a-f-]{36}\/images\/[a-z]+\.jpg$/;

/** The picture of an event that seed 004 would have had: the one that the event began with. */
const ROLES = ['during', 'pre', 'post', 'thumb'];

const events: Operation = async ({ query }, tools) => {
  const limit = numberIn(query.limit, 'limit', { min: 1, max: 200, whole: true, status: 400 }) ?? 20;
  const { items } = (await tools.api('GET', `/events?limit=${limit}`)) as { items: EventRow[] };
  return { status: 200, body: { ok: true, events: await Promise.all(items.map((event) => eventOf(event, tools))) } };
};

async function eventOf(event: EventRow, tools: Tools): Promise<object> {
  const { id, device, type, started_at, note, score, images } = event;
  const role = ROLES.find((one) => images[one] !== undefined);
  const capture = await captureOf(event, tools);
  return {
    id,
    device_id: device,
    event_type: type,
    event_ts: started_at,
    note,
    confidence: score,
    storage_uri: role ? images[role] : null,
    width: capture?.width ?? null,
    height: capture?.height ?? null,
    capture_ts: capture?.captured_at ?? started_at,
    has_image: role !== undefined,
    resolution: capture ? `${capture.width}x${capture.height}` : null,
    age_minutes: Math.max(0, Math.floor((tools.host.clock.now() - Date.parse(started_at)) / 60_000)),
  };
}

/** The frame that an event names first, unless retention has it already. */
async function captureOf({ details }: EventRow, { raw }: Tools): Promise<CaptureRow | undefined> {
  const named = details.captures;
  const ids = (Array.isArray(named) ? named : Object.values((named ?? {}) as object)).filter(
    (id) => typeof id === 'string',
  );
  if (ids[0] === undefined) return undefined;
  const { status, body } = await raw({ method: 'GET', path: `/captures/${encodeURIComponent(ids[0])}` });
  return status === 200 ? (body as CaptureRow) : undefined;
}

const devices: Operation = async (_ask, { all }) => {
  const items = await all<{ id: string } & Record<string, unknown>>('/devices');
  const rows = items.sort(byId).map(({ id, last_seen, rssi, battery_mv, fw_version }) => ({
    device_id: id,
    last_seen,
    rssi,
    battery_mv,
    fw_version,
  }));
  return { status: 200, body: { ok: true, devices: rows } };
};

/** `GET /api/v1/metrics`, as far as it is read here. */
interface Figures {
  ingest: {
    success: number;
    failures: number;
    success_total: number;
    failures_total: number;
    answer_ms: number | null;
    series: { at: string; success: number; failures: number }[];
  };
  queue: { by_state: Record<string, number> } | null;
  disk: { free_bytes: number } | null;
  database: {
    kind: string;
    up: boolean;
    version: string | null;
    size_bytes: number | null;
    tables: { name: string; rows: number; last_write: string | null; size_bytes: number }[] | null;
  };
  devices: { total: number } | null;
  system: {
    cpu_load: number[];
    cpus: number;
    memory_total_bytes: number;
    memory_available_bytes: number;
    uptime_s: number;
    temperature_c: number | null;
  };
}

const figures = async ({ api }: Tools) => (await api('GET', '/metrics')) as Figures;

const ingest: Operation = async (_ask, tools) => {
  const found = (await figures(tools)).ingest;
  return {
    status: 200,
    body: {
      ok: true,
      success_total: found.success_total,
      failure_total: found.failures_total,
      success_60m: found.success,
      failure_60m: found.failures,
      avg_latency_ms: found.answer_ms ?? 0,
      series: found.series.map(({ at, success, failures }) => ({ ts: at, success, failure: failures })),
    },
  };
};

const queue: Operation = async (_ask, tools) => {
  const states = (await figures(tools)).queue?.by_state ?? {};
  const depth = ['queued', 'running', 'failed', 'dead'].reduce((sum, state) => sum + (states[state] ?? 0), 0);
  return { status: 200, body: { ok: true, queue: states, depth } };
};

/** Sizes in MB. Rows of large tables are the database's own estimate; what it does not answer is null. */
const database: Operation = async (_ask, tools) => {
  const { database: found, queue: jobs, devices: known, ingest: taken } = await figures(tools);
  const rowsOf = (name: string) => found.tables?.find((table) => table.name === name)?.rows ?? null;
  const body = {
    ok: true,
    connected: found.up,
    version: found.version ?? found.kind,
    dbSizeMb: found.size_bytes === null ? null : megabytes(found.size_bytes),
    captures: rowsOf('captures'),
    events: rowsOf('events'),
    jobs: jobs ? Object.values(jobs.by_state).reduce((sum, count) => sum + count, 0) : null,
    devices: known?.total ?? null,
    ingestAudit: taken.success_total + taken.failures_total,
    tables: (found.tables ?? []).map(({ name, rows, last_write, size_bytes }) => {
      return { name, rows, lastWrite: last_write, size: megabytes(size_bytes) };
    }),
  };
  return { status: 200, body };
};

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e4) / 100;
}

/** Pictures of events, where seed 004's dashboard looks for them: `/static/` and the `storage_uri` of an event. Nothing else is served. */
const staticFile: Operation = async ({ path }, { raw }) => {
  const wanted = path.replace(/^\/static\/+/, '').replace(/^api\/v1\//, '');
  if (wanted.split(/[/\\]|%2f|%5c/i).some((part) => /^(\.|%2e){2}$/i.test(part)))
    throw new Refusal(403, 'auth.forbidden', 'forbidden');
  if (!EVENT_PICTURE.test(wanted)) throw new Refusal(404, 'route.not_found', 'not found');
  const answer = await raw({ method: 'GET', path: `/${wanted}` });
  if (answer.status !== 200) throw refusalOf(answer);
  return { status: 200, body: answer.body, headers: { 'Content-Type': 'image/jpeg' } };
};

const system: Operation = async (_ask, tools) => {
  const { system: machine, disk } = await figures(tools);
  const used = machine.memory_total_bytes - machine.memory_available_bytes;
  const body = {
    ok: true,
    cpu: share((machine.cpu_load[0] ?? 0) / machine.cpus),
    memory: share(used / machine.memory_total_bytes),
    diskRemainingGb: disk ? Math.round(disk.free_bytes / 1e8) / 10 : null,
    tempC: machine.temperature_c,
    uptime: machine.uptime_s,
  };
  return { status: 200, body };
};

function share(part: number): number {
  return Math.min(100, Math.round(part * 1000) / 10);
}

/** What PiVision's dashboard asks (seed 004 §2.5). Its device contract and `/health` are the product's own routes. */
export const pivision: Record<string, Operation> = {
  events,
  devices,
  ingest,
  queue,
  database,
  system,
  static: staticFile,
};
