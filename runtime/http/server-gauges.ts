import { JOB_STATES } from '../contracts/jobs.ts';
import type { Metrics, ServerState } from '../contracts/metrics.ts';

const FLOW_STATES = ['starting', 'running', 'stopped', 'failed'];

/** Has the state of the server measured whenever somebody asks for the figures. */
export function registerServerGauges(metrics: Metrics, state: ServerState, version: string): void {
  const one = (value: number) => [{ value }];
  metrics.gauge({ name: 'build_info', help: 'Always 1; the version is in the label', labels: ['version'] }, () => [
    { value: 1, labels: { version } },
  ]);
  metrics.gauge({ name: 'queue_jobs', help: 'Analysis jobs, by state', labels: ['state'] }, async () => {
    const counts = await state.jobCounts();
    return JOB_STATES.map((name) => ({ value: counts[name], labels: { state: name } }));
  });
  metrics.gauge({ name: 'devices_online', help: 'Devices that are online' }, async () =>
    one((await state.devices()).online),
  );
  metrics.gauge({ name: 'devices', help: 'Devices that are registered' }, async () =>
    one((await state.devices()).total),
  );
  metrics.gauge({ name: 'segments', help: 'Files that hold frames' }, async () => one((await state.segments()).count));
  metrics.gauge({ name: 'segments_bytes', help: 'Size of the files that hold frames' }, async () =>
    one((await state.segments()).bytes),
  );
  metrics.gauge({ name: 'disk_free_bytes', help: 'Room on the disk of the data folder' }, async () =>
    one((await state.disk()).freeBytes),
  );
  metrics.gauge({ name: 'disk_size_bytes', help: 'Size of the disk of the data folder' }, async () =>
    one((await state.disk()).totalBytes),
  );
  metrics.gauge({ name: 'database_up', help: '1 while the database answers', labels: ['kind'] }, async () => {
    const value = await state.database.ask().then(
      () => 1,
      () => 0,
    );
    return [{ value, labels: { kind: state.database.kind } }];
  });
  metrics.gauge({ name: 'outbox_waiting', help: 'Event messages that not everybody has been told yet' }, async () =>
    one(await state.outboxWaiting()),
  );
  metrics.gauge({ name: 'mqtt_connections', help: 'Connections to the MQTT broker' }, () =>
    one(state.mqttConnections()),
  );
  metrics.gauge({ name: 'flows_state', help: '1 for the state that flows are in', labels: ['state'] }, () => {
    const now = state.flows().state;
    return FLOW_STATES.map((name) => ({ value: name === now ? 1 : 0, labels: { state: name } }));
  });
}
