import type { FlowReportedMessage } from '../contracts/deployments.ts';
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

/** Keeps what a device says of its flows. */
export async function noteReported(q: Queryable, device: string, body: FlowReportedMessage, at: Date): Promise<void> {
  await q.query(
    `insert into desired_flows (device_id, generation, reported, reported_at) values ($1, 0, $2::text::jsonb, $3)
     on conflict (device_id) do update set reported = excluded.reported, reported_at = excluded.reported_at`,
    [device, JSON.stringify(body), at],
  );
}

/** The content that a device runs and is to run, as far as it is known. */
export async function findDesiredRevision(q: Queryable, device: string): Promise<string | null> {
  const { rows } = await q.query<{ revision: string | null }>(
    'select revision from desired_flows where device_id = $1',
    [device],
  );
  return rows[0]?.revision ?? null;
}
