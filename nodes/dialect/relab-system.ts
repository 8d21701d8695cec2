import { cpus, freemem, loadavg, totalmem } from 'node:os';
import { THERMAL_BANDS, thermalBand } from '../../runtime/contracts/thermal.ts';
import type { Operation, Tools } from './operation.ts';
import { isWatched } from './relab-streams.ts';

/** What a device tells of itself; null: it does not know. */
interface Telemetry {
  cpu_temp_c: number | null;
  cpu_percent: number;
  mem_percent: number;
  disk_percent: number | null;
  preview_fps: number | null;
  preview_sessions: number;
  thermal_state: (typeof THERMAL_BANDS)[number];
  current_preview_size: [number, number] | null;
}

async function telemetryOf(tools: Tools): Promise<Telemetry> {
  const [load = 0] = loadavg();
  const { temperature_c, disk_percent } = (await tools.api('GET', '/system')) as {
    temperature_c: number | null;
    disk_percent: number | null;
  };
  const { viewers, isLive, fps, size } = await previewOf(tools);
  return {
    cpu_temp_c: temperature_c,
    cpu_percent: Math.min(100, Math.round((load / Math.max(1, cpus().length)) * 1000) / 10),
    mem_percent: Math.round((1 - freemem() / totalmem()) * 1000) / 10,
    disk_percent,
    preview_fps: isLive ? fps : null,
    preview_sessions: viewers,
    thermal_state: thermalBand(temperature_c),
    current_preview_size: isLive ? size : null,
  };
}

/** Who watches the camera, and how large and fast it then is. */
async function previewOf(tools: Tools): Promise<{
  viewers: number;
  isLive: boolean;
  fps: number | null;
  size: [number, number] | null;
}> {
  const { id } = await tools.camera();
  const { live } = tools.host;
  const ways = (['webrtc', 'hls', 'mjpeg'] as const).flatMap((kind) => (live ? [live.status(id, kind)] : []));
  const { status, body } = await tools.raw({ method: 'GET', path: `/cameras/${id}/settings` });
  const { fps, resolution } = (status === 200 ? body : {}) as {
    fps?: number;
    resolution?: { width: number; height: number };
  };
  return {
    // One that is kept ready counts as watched: the camera runs for it.
    viewers: Math.max(
      ways.reduce((sum, { viewers }) => sum + viewers, 0),
      isWatched(tools) ? 1 : 0,
    ),
    isLive: ways.some(({ state }) => state === 'live'),
    fps: fps ?? null,
    size: resolution ? [resolution.width, resolution.height] : null,
  };
}

const telemetry: Operation = async (_ask, tools) => {
  const told = await telemetryOf(tools);
  return { status: 200, body: { timestamp: new Date(tools.host.clock.now()).toISOString(), ...told } };
};

/** Prometheus text with the names of seed 000; a figure that nobody knows is left out. */
const prometheus: Operation = async (_ask, tools) => {
  const told = await telemetryOf(tools);
  const gauges: [string, string, number | null][] = [
    ['rpi_cam_cpu_percent', 'Load of the processors', told.cpu_percent],
    ['rpi_cam_mem_percent', 'Memory in use', told.mem_percent],
    ['rpi_cam_disk_percent', 'Disk in use', told.disk_percent],
    ['rpi_cam_preview_sessions', 'Who watches live', told.preview_sessions],
    ['rpi_cam_cpu_temp_celsius', 'Temperature of the processor', told.cpu_temp_c],
    ['rpi_cam_preview_fps', 'Pictures a second of the live picture', told.preview_fps],
  ];
  const lines = gauges.flatMap(([name, help, value]) =>
    value === null ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name} ${value}`],
  );
  const states = THERMAL_BANDS.map(
    (band) => `rpi_cam_thermal_state{state="${band}"} ${band === told.thermal_state ? 1 : 0}`,
  );
  const body = [
    ...lines,
    '# HELP rpi_cam_thermal_state 1 for how hot it is',
    '# TYPE rpi_cam_thermal_state gauge',
    ...states,
    '',
  ];
  return {
    status: 200,
    body: body.join('\n'),
    headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8', 'Cache-Control': 'no-store' },
  };
};

interface Access {
  local_api_key: string;
  candidate_urls: string[];
  mdns_name: string | null;
}

/** How the device is reached in its own network, with a key of its own that is good nowhere else. */
const localAccess: Operation = async (_ask, { api }) => ({
  status: 200,
  body: (await api('GET', '/local-access')) as Access,
  headers: { 'Cache-Control': 'no-store' },
});

const localKey: Operation = async (_ask, { api }) => ({
  status: 200,
  body: ((await api('GET', '/local-access')) as Access).local_api_key,
  headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' },
});

/** Redeye pairs by its own code, over MQTT: a device that answers here is paired, and there is no relay. */
const pairingState: Operation = () => ({ status: 200, body: { status: 'paired', relay_enabled: false } });

/** The status page is where this device is set up from. */
const setup: Operation = () => ({ status: 307, headers: { Location: '/' } });

/** What the Pi camera API of seed 000, dialect B, tells of the machine (§2.0). */
export const relabSystem: Record<string, Operation> = {
  telemetry,
  prometheus,
  'local-access': localAccess,
  'local-key': localKey,
  'pairing-state': pairingState,
  setup,
};
