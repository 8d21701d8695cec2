import { join } from 'node:path';
import type { Clock, Log, UploadStatus } from '../../../runtime/contracts/host.ts';
import type { ChildView } from '../../ipc.ts';
import type { Settings } from '../../settings.ts';
import type { Child } from '../child.ts';
import type { Config } from '../config.ts';
import type { Link } from '../link.ts';
import { type CallServer, NoAnswer } from '../server-http.ts';
import { systemDisk } from './disk.ts';
import { PinnedKey } from './pinned-key.ts';
import { Rollout } from './rollout.ts';

/** New flows that do not run by then are taken for bad ones. */
const START_MS = 45_000;
const SILENCE_MS = 10_000;
const DEFAULT_INTERVAL_MS = 30_000;

export interface RolloutParts {
  settings: Settings;
  call: CallServer;
  clock: Clock;
  log: Log;
  config: Pick<Config, 'askNow' | 'current' | 'trouble' | 'watch'>;
  upload: () => UploadStatus;
  lastSeq: () => number;
  childView: () => ChildView;
  child: Child;
  link: Link;
}

/** Deployments among the other parts of the agent. */
export function createRollout({
  settings,
  call,
  clock,
  log,
  config,
  upload,
  lastSeq,
  childView,
  child,
  link,
}: RolloutParts): Rollout {
  const folder = join(settings.EDGE_DATA_DIR, 'rollout');
  const keys = new PinnedKey({ file: join(folder, 'signing-key.json'), disk: systemDisk, log });
  const rollout = new Rollout({
    device: settings.DEVICE_ID,
    folder,
    disk: systemDisk,
    keys,
    call,
    clock,
    log,
    limits: {
      probationMs: settings.PROBATION_S * 1000,
      startMs: START_MS,
      silenceMs: SILENCE_MS,
      maxRssMb: settings.FLOWS_MAX_MB,
    },
    captureIntervalMs: () => config.current()?.config.capture_interval_ms ?? DEFAULT_INTERVAL_MS,
    upload,
    lastSeq,
    nodeTypes: () => (childView().flows === 'running' ? childView().nodeTypes : []),
    restart: (now) => child.restart(now),
    handOver(n, load) {
      const isWell = child.status().alive && childView().flows === 'running';
      if (isWell) child.send({ type: 'switch', n, ...load });
      return isWell;
    },
    ping: (n) => child.send({ type: 'ping', n }),
    async askKeys() {
      await config.askNow();
      const trouble = config.trouble();
      if (trouble !== undefined) throw new NoAnswer(trouble);
      await keys.hear(config.current()?.signing);
    },
    report: (body) => {
      link.tellFlow(body);
      link.tellState();
    },
  });
  config.watch((served) => void keys.hear(served.signing));
  return rollout;
}
