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

/** What a device said on `flow/reported`. */
export interface FlowReport {
  device: string;
  body: FlowReportedMessage;
  at: Date;
}

/**
 * Keeps what devices say of their flows, and moves their parts of the deployments that this is about, unless they have ended or were never
 * sent: then the deployment's id is the answer, by device. One statement, since a thousand devices may speak at once.
 */
export async function noteReports(q: Queryable, reports: readonly FlowReport[]): Promise<Map<string, string>> {
  const { rows } = await q.query<{ device_id: string; deployment_id: string }>(
    `with reports as (
       select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[], $6::text[], $7::boolean[],
                             $8::bigint[], $9::bigint[])
                  as r(device, body, at, generation, phase, reason, is_last, frames_before, frames_until)),
     said as (
       insert into desired_flows (device_id, generation, reported, reported_at)
       select device, 0, body::jsonb, at from reports order by device
       on conflict (device_id) do update set reported = excluded.reported, reported_at = excluded.reported_at)
     update deployment_targets t
        set state = r.phase, reason = coalesce(r.reason, t.reason), ended_at = case when r.is_last then r.at end,
            frames_before = coalesce(r.frames_before, t.frames_before), frames_until = coalesce(r.frames_until, t.frames_until)
       from reports r
      where t.device_id = r.device and t.generation = r.generation and t.ended_at is null and t.sent_at is not null
      returning t.device_id, t.deployment_id`,
    [
      reports.map(({ device }) => device),
      reports.map(({ body }) => JSON.stringify(body)),
      reports.map(({ at }) => at),
      reports.map(({ body }) => body.generation),
      reports.map(({ body }) => body.phase),
      reports.map(({ body }) => body.reason ?? null),
      reports.map(({ body }) => isLastPhase(body.phase)),
      reports.map(({ body }) => body.frames?.before ?? null),
      reports.map(({ body }) => body.frames?.until ?? null),
    ],
    { prepared: 'flow-reports' },
  );
  return new Map(rows.map(({ device_id, deployment_id }) => [device_id, deployment_id]));
}

/** The content that a device runs and is to run, as far as it is known. */
export async function findDesiredRevision(q: Queryable, device: string): Promise<string | null> {
  const { rows } = await q.query<{ revision: string | null }>(
    'select revision from desired_flows where device_id = $1',
    [device],
  );
  return rows[0]?.revision ?? null;
}
