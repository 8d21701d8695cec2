import type { Clock } from '../../runtime/contracts/host.ts';
import type { ChildView } from '../ipc.ts';
import type { Spool } from '../spool/spool.ts';
import type { Child } from './child.ts';
import type { Config } from './config.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { Machine } from './machine/machine.ts';
import type { OwnCaptures } from './own-captures.ts';
import type { ServerTime } from './server-time.ts';

const MB = 1024 * 1024;

/** How the device is, as its heartbeat says it. `startedAt`: of the agent, monotonic ms. */
export async function conditionOf(parts: {
  version: string;
  folder: string;
  startedAt: number;
  clock: Clock;
  machine: Pick<Machine, 'measure'>;
  childView: ChildView;
  child: Pick<Child, 'status'>;
  spool: Pick<Spool, 'counts' | 'lastSeq'>;
  captures: Pick<OwnCaptures, 'health'>;
  time: Pick<ServerTime, 'skewMs' | 'clockOk'>;
  config: Pick<Config, 'current'>;
}): Promise<Heartbeat> {
  const { clock, childView, child, spool, time } = parts;
  const { health, rssi } = await parts.machine.measure(parts.folder);
  const { rssMb: flowsMb, streamLimited, flows } = childView;
  const { starts, alive } = child.status();
  const { frames, bytes, dropped, rejected } = spool.counts();
  const skewMs = time.skewMs();
  return {
    fw_version: parts.version,
    ...(rssi !== undefined && { rssi }),
    health: {
      uptime_s: Math.round((clock.monotonicMs() - parts.startedAt) / 1000),
      rss_mb: Math.round(process.memoryUsage.rss() / MB + flowsMb),
      ...health,
      ...(streamLimited && { stream_limited: true }),
      spool_frames: frames,
      spool_bytes: bytes,
      dropped_frames: dropped,
      rejected_frames: rejected,
      ...parts.captures.health(),
      ...(skewMs !== undefined && { clock_ok: time.clockOk(), clock_skew_s: Math.round(skewMs / 1000) }),
      last_seq: spool.lastSeq,
      mode: parts.config.current()?.mode ?? 'baseline',
      flows: alive ? flows.slice(0, 40) : 'not running',
      flow_starts: starts,
    },
  };
}

/** What the device says of itself at each connection. */
export function birthOf(version: string, { nodeTypes, cameras }: ChildView, sealingKey: string | undefined) {
  return {
    version,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    node_types: nodeTypes.slice(0, 500),
    cameras: cameras.map(({ id, driver, state }) => ({ id, driver, state })).slice(0, 64),
    sealing_key: sealingKey,
  };
}
