import { join } from 'node:path';
import type { MessageBroker } from './broker/message-broker.ts';
import type { Clock } from './contracts/host.ts';
import { SERVER_DEVICE } from './contracts/ids.ts';
import type { BackgroundRecord, ServerState } from './contracts/metrics.ts';
import type { FleetService, JobsService } from './contracts/services.ts';
import { listBackups } from './db/backup-files.ts';
import type { Db } from './db/db.ts';
import { databaseFigures } from './db/figures.repo.ts';
import { countUnpublished } from './db/outbox.repo.ts';
import { lastRetentionRun } from './db/retention-runs.repo.ts';
import type { OutboxRelay } from './events/outbox-relay.ts';
import type { FlowEngine } from './flow-engine/flow-engine.ts';
import type { Frames } from './frames/frames.ts';
import type { SegmentStore } from './frames/segment-store.ts';
import type { HealthCheck } from './http/health.ts';
import { diskSpace } from './lib/machine.ts';

export interface ServerStateParts {
  dataDir: string;
  db: Db;
  clock: Clock;
  store: Pick<SegmentStore, 'segments'>;
  jobs: Pick<JobsService, 'counts'>;
  fleet: Pick<FleetService, 'devices'>;
  broker: Pick<MessageBroker, 'connections'>;
  engine: Pick<FlowEngine, 'state'>;
  relay: Pick<OutboxRelay, 'trouble'>;
}

/** Puts together, from the stages, what the operations pages look at. */
export function createServerState(parts: ServerStateParts): ServerState {
  const { dataDir, db, clock, store, jobs, fleet, broker, engine, relay } = parts;
  const backups = join(dataDir, 'backups');
  const records: (() => Promise<BackgroundRecord>)[] = [
    async () => {
      const { state, reason } = engine.state();
      const { queued, failed, dead } = await jobs.counts();
      const details = `flows ${state}, ${queued + failed} jobs wait, ${dead} are dead`;
      return { name: 'analysis', ok: state === 'running', lastSuccess: null, lastError: reason ?? null, details };
    },
    async () => {
      const trouble = relay.trouble();
      return { name: 'outbox', ok: trouble === undefined, lastSuccess: null, lastError: trouble ?? null };
    },
    async () => {
      const run = await lastRetentionRun(db);
      const failed = run?.state === 'failed';
      return {
        name: 'retention',
        ok: !failed,
        lastSuccess: run && !failed ? run.finished_at : null,
        lastError: failed ? (run.notes.at(-1) ?? 'the last run failed') : null,
        details: run ? `${run.state}: ${run.deleted.captures} frames deleted` : 'no run yet',
      };
    },
  ];
  if (db.kind === 'pglite') {
    records.push(async () => {
      const newest = (await listBackups(backups))[0];
      const lastSuccess = newest ? new Date(newest.at).toISOString() : null;
      return { name: 'backup', ok: true, lastSuccess, lastError: null };
    });
  }
  return {
    disk: () => diskSpace(dataDir),
    async segments() {
      const found = await store.segments();
      return { count: found.length, bytes: found.reduce((sum, { size }) => sum + size, 0) };
    },
    database: {
      kind: db.kind,
      ask: async () => void (await db.query('select 1')),
      figures: databaseFigures(db, clock),
    },
    jobCounts: () => jobs.counts(),
    async devices() {
      // The server is in the register too, for its own cameras.
      const all = (await fleet.devices()).filter(({ id }) => id !== SERVER_DEVICE);
      return { online: all.filter(({ state }) => state !== 'offline').length, total: all.length };
    },
    outboxWaiting: () => countUnpublished(db),
    mqttConnections: () => broker.connections(),
    flows: () => engine.state(),
    folders: ['', 'segments', 'node-red'].map((name) => ({ name: name || 'data', path: join(dataDir, name) })),
    background: () => Promise.all(records.map((record) => record())),
  };
}

export interface CheckedParts {
  db: Db;
  broker: Pick<MessageBroker, 'trouble'>;
  store: Pick<SegmentStore, 'trouble'>;
  frames: Pick<Frames, 'trouble'>;
  engine: Pick<FlowEngine, 'state'>;
  relay: Pick<OutboxRelay, 'trouble'>;
}

/** What `/readyz` looks at (CONTRACTS §3). */
export function healthChecks({ db, broker, store, frames, engine, relay }: CheckedParts): HealthCheck[] {
  return [
    { name: 'database', trouble: async () => void (await db.query('select 1')) },
    { name: 'broker', trouble: () => broker.trouble() },
    { name: 'disk', trouble: () => store.trouble() },
    { name: 'frames', trouble: () => frames.trouble() },
    { name: 'flows', trouble: () => flowTrouble(engine.state()) },
    { name: 'events', trouble: () => relay.trouble() },
  ];
}

/** How the flows are, in words; undefined when they run. */
export function flowTrouble({ state, reason }: ReturnType<FlowEngine['state']>): string | undefined {
  return state === 'running' ? undefined : `flows are ${state}${reason ? `: ${reason}` : ''}`;
}
