import { HOST_OFFERED, type Host, type Log, type OfferedHost } from '../runtime/contracts/host.ts';
import { systemClock } from '../runtime/lib/clock.ts';
import { createCameraSet } from '../runtime/media/camera-set.ts';
import { plainDetection } from './host.ts';

/** What of a Node-RED that is not ours is used. */
interface PlainNodeRed {
  log: Record<'debug' | 'info' | 'warn' | 'error', (line: string) => void>;
}

const DEVICE = 'node-red';

/**
 * The powers of nodes in a Node-RED that is not ours (`npm run pack:nodes`): cameras of this machine (CAMERA, else the first that is
 * found; and those that a `camera` node brings along) and comparison of plain frames. There is no spool, no server and no live output:
 * nodes that need one say so.
 */
export function createPlainHost(log: Log, camera = process.env.CAMERA ?? 'auto'): Host {
  const cameras = createCameraSet({ clock: systemClock, log, cameras: [{ id: `${DEVICE}-cam`, url: camera }] });
  return Object.freeze({
    side: 'edge' as const,
    device: DEVICE,
    clock: systemClock,
    log,
    cameras,
    detection: plainDetection(() => undefined),
  } satisfies Host);
}

/** Called by Node-RED, which takes this file for one of the package's nodes; it registers none. */
export default function offerHost(RED: PlainNodeRed): void {
  (globalThis as OfferedHost)[HOST_OFFERED] ??= createPlainHost(linesOf(RED.log, 'redeye'));
}

function linesOf(log: PlainNodeRed['log'], scope: string): Log {
  const say = (level: keyof PlainNodeRed['log']) => (message: string, fields?: Record<string, unknown>) => {
    const error = fields?.error instanceof Error ? `: ${fields.error.message}` : '';
    log[level](`[${scope}] ${message}${error}`);
  };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: (name) => linesOf(log, `${scope}.${name}`),
  };
}
