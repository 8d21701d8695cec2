import { type FlowReportedMessage, isLastPhase } from '../contracts/deployments.ts';
import type { Queryable } from './db.ts';

/**
 * The next generation of a device: above every earlier one, and not below the epoch ms, so that a database that was lost goes on above
 * what devices remember.
 */
export async function nextGeneration(q: Queryable, device: string, now: number): Promise<number> {
  const { rows } = await q.query<{ generation: number }>(
    `insert into desired_flows (device_id, generation) values ($1, $2::bigint)
     on conflict (device_id) do update
       set generation = greatest(desired_flows.generation + 1, excluded.generation) returning generation`,
    [device, now],
  );
  return rows[0]?.generation ?? now;
}

/** From now on the device is to run what this deployment has for it. */
export async function setDesired(
  q: Queryable,
  desired: { device: string; deployment: string | null; revision: string | null },
): Promise<void> {
  await q.query('update desired_flows set deployment_id = $2, revision = $3 where device_id = $1', [
    desired.device,
    desired.deployment,
    desired.revision,
  ]);
}

/**
 * Keeps what a device says of its flows, and moves its part of the deployment that this is about, unless that has ended or was never sent:
 * then its deployment's id is the answer. One statement, since a thousand devices may speak at once.
 */
export async function noteReported(q: Queryable, device: string, body: FlowReportedMessage, at: Date) {
  const { generation, phase, reason } = body;
  const { rows } = await q.query<{ deployment_id: string }>(
    `with said as (
       insert into desired_flows (device_id, generation, reported, reported_at) values ($1, 0, $2::text::jsonb, $3)
       on conflict (device_id) do update set reported = excluded.reported, reported_at = excluded.reported_at)
     update deployment_targets
        set state = $5, reason = coalesce($6, reason), ended_at = case when $7 then $3::timestamptz end
      where device_id = $1 and generation = $4 and ended_at is null and sent_at is not null
      returning deployment_id`,
    [device, JSON.stringify(body), at, generation, phase, reason ?? null, isLastPhase(phase)],
    { prepared: 'flow-reported' },
  );
  return rows[0]?.deployment_id;
}

/** The content that a device runs and is to run, as far as it is known. */
export async function findDesiredRevision(q: Queryable, device: string): Promise<string | null> {
  const { rows } = await q.query<{ revision: string | null }>(
    'select revision from desired_flows where device_id = $1',
    [device],
  );
  return rows[0]?.revision ?? null;
}
