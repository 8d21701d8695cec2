import type { StreamRecord } from '../../runtime/contracts/published.ts';
import { type PublisherHealth, publisherHealth } from '../../runtime/contracts/pushes.ts';
import { CpuUse, ipv4Addresses, operatingSystem, uptimeSeconds, uptimeWords } from './machine.ts';
import { byId, type CameraRow, type Operation, Refusal, type Reply, type Tools } from './operation.ts';
import { stepperOperations } from './uuplastination-stepper.ts';
import { webrtcOperations } from './uuplastination-webrtc.ts';

/** `GET /api/v1/metrics`, as far as it is read here. */
interface Figures {
  system: { memory_total_bytes: number; memory_available_bytes: number; temperature_c: number | null };
}

interface SettingsRow {
  resolution?: { width: number; height: number };
  fps?: number;
}

const PRESENT = new Set(['idle', 'live', 'online', 'connecting']);

/**
 * `/camera/status` is asked by the clients of two systems: the keys of both are there, none means two things. A camera that sleeps until
 * somebody looks is available and not running.
 */
const cameraStatus: Operation = async (_ask, tools) => {
  const camera = await anyCamera(tools);
  const available = camera !== undefined && PRESENT.has(camera.state);
  const settings = camera && available ? await settingsOf(camera, tools) : {};
  const { width, height } = settings.resolution ?? { width: 1920, height: 1080 };
  const running = camera !== undefined && available && (isKept(camera.id, tools) || camera.state === 'live');
  const backend = !available ? 'none' : camera.driver === 'rpicam' ? 'picamera2' : 'opencv';
  return {
    status: 200,
    body: {
      running,
      camera_num: 0,
      resolution: `${width}x${height}`,
      framerate: settings.fps ?? 30,
      available,
      publisher: await publisherOf(tools),
      backend,
      picamera2_available: backend === 'picamera2',
      opencv_available: backend === 'opencv',
      current_mode: available ? (running ? 'video' : 'photo') : null,
      stream: null,
    },
  };
};

/** The camera that is meant; undefined when there is none. */
function anyCamera(tools: Tools): Promise<CameraRow | undefined> {
  return tools.camera().catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'camera.not_found') return undefined;
    throw error;
  });
}

const NO_CAMERA = { status: 200, body: { status: 'error', message: 'there is no camera' } };

/** What a camera does not tell, or tells too late, is left to the defaults. */
async function settingsOf({ id }: CameraRow, { raw }: Tools): Promise<SettingsRow> {
  const { status, body } = await raw({ method: 'GET', path: `/cameras/${id}/settings` });
  return status === 200 ? (body as SettingsRow) : {};
}

/** How everything is that goes out of the cameras which the asker may see, from this server or from their devices (S1.7). */
async function publisherOf({ all, host }: Tools): Promise<PublisherHealth | { status: 'unreadable' }> {
  const streams = await all<StreamRecord>('/streams').catch((error: unknown) => {
    if (error instanceof Refusal) return undefined;
    throw error;
  });
  if (!streams) return { status: 'unreadable' };
  const pushes = streams.sort(byId).flatMap(({ id, type, ...stream }) =>
    // Kept ready here is not published.
    type === 'hls' ? [] : [{ ...stream, name: id }],
  );
  return publisherHealth(pushes, host.clock.now(), process.pid);
}

function isKept(camera: string, { memory }: Tools): boolean {
  return memory.has(`warm ${camera}`);
}

/** Keeps the live picture ready, as a viewer would. Always 200: clients read `status` (§2.2). */
const cameraStart: Operation = async (_ask, tools) => {
  const camera = await anyCamera(tools);
  if (!camera) return NO_CAMERA;
  const { id } = camera;
  const { live } = tools.host;
  if (!live) return { status: 200, body: { status: 'error', message: 'there is no live picture here' } };
  const { state, reason } = live.status(id, 'mjpeg');
  if (state === 'failed') return { status: 200, body: { status: 'error', message: reason ?? 'the camera failed' } };
  const key = `warm ${id}`;
  if (!tools.memory.has(key)) tools.memory.set(key, { [Symbol.dispose]: live.keepWarm(id, 'mjpeg') });
  return { status: 200, body: { status: 'started' } };
};

const cameraStop: Operation = async (_ask, tools) => {
  const camera = await anyCamera(tools);
  if (!camera) return NO_CAMERA;
  const { id } = camera;
  const key = `warm ${id}`;
  (tools.memory.get(key) as Disposable | undefined)?.[Symbol.dispose]();
  tools.memory.delete(key);
  return { status: 200, body: { status: 'stopped' } };
};

const snapshot: Operation = async (_ask, tools): Promise<Reply> => {
  const camera = await anyCamera(tools);
  const answer = camera && (await tools.raw({ method: 'GET', path: `/cameras/${camera.id}/snapshot.jpg` }));
  if (answer?.status === 200 && Buffer.isBuffer(answer.body)) {
    return { status: 200, body: answer.body, headers: { 'Content-Type': 'image/jpeg', 'Cache-Control': 'no-store' } };
  }
  // Its clients show the text.
  return { status: 503, body: 'Camera not available', headers: { 'Content-Type': 'text/plain; charset=utf-8' } };
};

const cpuOf = ({ memory }: Tools): CpuUse => {
  const cpu = (memory.get('cpu') as CpuUse | undefined) ?? new CpuUse();
  memory.set('cpu', cpu);
  return cpu;
};

/** `systemctl is-active` of seed 001's services; what Redeye does itself says how it is, what it does not know is `unknown`. */
const stats: Operation = async (_ask, tools) => {
  const { system } = (await tools.api('GET', '/metrics')) as Figures;
  const items = await tools.cameras();
  const total = system.memory_total_bytes;
  const available = system.memory_available_bytes;
  const body = {
    cpu: { temp_c: system.temperature_c, usage_percent: cpuOf(tools).percent() },
    memory: {
      total,
      used: total - available,
      available,
      percent: Math.round(((total - available) / total) * 1000) / 10,
    },
    uptime_seconds: uptimeSeconds(),
    network: { ipv4_addresses: ipv4Addresses(), internet_reachable: null },
    services: {
      camera: items.some(({ state }) => PRESENT.has(state)) ? 'active' : 'inactive',
      stepper: 'active',
      nginx: 'unknown',
      tailscaled: 'unknown',
      webhook_deploy: 'unknown',
    },
    ports: { rtsp_8554: false, api_8000: true },
    os: await operatingSystem(),
    timestamp: new Date(tools.host.clock.now()).toISOString(),
  };
  return { status: 200, body };
};

const metrics: Operation = async (_ask, tools) => {
  const { system } = (await tools.api('GET', '/metrics')) as Figures;
  const gigabytes = (bytes: number) => Math.round(bytes / 1e7) / 100;
  const total = system.memory_total_bytes;
  const body = {
    cpuTemp: system.temperature_c,
    cpuUsage: cpuOf(tools).percent(),
    memoryUsage: gigabytes(total - system.memory_available_bytes),
    memoryTotal: gigabytes(total),
    uptime: uptimeWords(uptimeSeconds()),
  };
  return { status: 200, body };
};

/** Ends the console's session, if that is how somebody came; a token runs out by itself. */
const logout: Operation = async (_ask, { raw }) => {
  const answer = await raw({ method: 'POST', path: '/auth/logout', body: {}, headers: { 'X-Redeye-Console': '1' } });
  const cookies = answer.headers['set-cookie'];
  const headers: Record<string, string[]> = cookies === undefined ? {} : { 'Set-Cookie': [cookies].flat() };
  return { status: 200, headers, body: { message: 'Logged out' } };
};

/** The dashboard of seed 001 (§2.2). */
export const uuplastination: Record<string, Operation> = {
  'camera-status': cameraStatus,
  'camera-start': cameraStart,
  'camera-stop': cameraStop,
  snapshot,
  stats,
  metrics,
  logout,
  ...webrtcOperations,
  ...stepperOperations,
};
