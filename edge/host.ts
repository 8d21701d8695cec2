import type { ApiHost } from '../runtime/contracts/api-host.ts';
import type { DetectionReport } from '../runtime/contracts/detection.ts';
import type { DeviceConfig } from '../runtime/contracts/device-config.ts';
import { AppError } from '../runtime/contracts/errors.ts';
import type { FrameInfo } from '../runtime/contracts/frame.ts';
import type {
  CameraHost,
  Clock,
  DetectionHost,
  DetectionMemory,
  Host,
  LiveHost,
  Log,
} from '../runtime/contracts/host.ts';
import type { PushHost } from '../runtime/contracts/pushes.ts';
import type { DetectionState } from '../runtime/detect/state.ts';
import { uuidv7 } from '../runtime/lib/ids.ts';
import type { AgentPort } from './runtime/agent-port.ts';

/** The powers of nodes on a device: its cameras, comparison of plain frames, the agent's spool and configuration. */
export function createEdgeHost(parts: {
  device: string;
  clock: Clock;
  log: Log;
  cameras: CameraHost;
  agent: AgentPort;
  pushes: PushHost;
  live: LiveHost;
  /** the cameras by the paths of the product API, for flows that answer HTTP */
  api?: ApiHost;
}): Host {
  const { device, clock, log, cameras, agent, pushes, live, api } = parts;
  return Object.freeze({
    side: 'edge' as const,
    device,
    clock,
    log,
    cameras,
    detection: plainDetection(() => agent.config()?.config),
    upload: {
      spool: (still) => agent.spool(still),
      status: () => agent.upload(),
      watch: (onChange) => agent.watchUpload(onChange),
    },
    pushes,
    live,
    ...(api && { api }),
    config: {
      current: () => agent.config(),
      watch: (onChange) => agent.watchConfig(onChange),
    },
  } satisfies Host);
}

/** Comparison of plain frames, with the whole picture as one region. */
export function plainDetection(config: () => DeviceConfig | undefined): DetectionHost {
  return {
    async compareJob(): Promise<DetectionReport> {
      throw new AppError('host.not_here', 'jobs are on the server; a device compares plain frames');
    },
    async compareFrame(frame: FrameInfo, jpeg: Buffer, memory: DetectionMemory): Promise<DetectionReport> {
      // Loaded by the first comparison: a device that only sends pictures is spared the decoder's memory.
      const [{ decodeGrey }, { compare }, { planWithoutRois }] = await Promise.all([
        import('../runtime/picture/grey.ts'),
        import('../runtime/detect/compare.ts'),
        import('../runtime/detect/default-plan.ts'),
      ]);
      const picture = await decodeGrey(jpeg);
      const plan = planWithoutRois(frame.camera, config());
      const known = memory.state as DetectionState | undefined;
      const { state, report } = compare(known, picture, frame.capturedAt, frame.id, plan, uuidv7);
      memory.state = state;
      return report;
    },
  };
}
