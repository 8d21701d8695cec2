import type { DeploymentState, FlowDiff, TargetState } from '../contracts/deployments.ts';
import type { Queryable } from './db.ts';

export interface DeploymentRow {
  id: string;
  target: string;
  state: DeploymentState;
  reason: string | null;
  actor: string;
  note: string | null;
  commit: string | null;
  rollback_of: string | null;
  /** the deployment that this one brings to a device that came later */
  follows: string | null;
  /** hash of the edge tabs that it was made from, kept for devices that come later */
  source: string | null;
  options: { pause_s: number; abort_share: number; timeout_s: number };
  ring: number;
  rings: number;
  resume_at: Date | null;
  created_at: Date;
  finished_at: Date | null;
}

export interface TargetRow {
  deployment_id: string;
  device_id: string;
  ring: number;
  state: TargetState;
  generation: number;
  revision: string;
  sha256: string;
  size: number;
  signature: string | null;
  key_id: string | null;
  diff: FlowDiff;
  reason: string | null;
  sent_at: Date | null;
  ended_at: Date | null;
}

const COLUMNS =
  'id, target, state, reason, actor, note, commit, rollback_of, follows, source, options, ring, rings, resume_at, created_at, finished_at';
const TARGET_COLUMNS =
  'deployment_id, device_id, ring, state, generation, revision, sha256, size, signature, key_id, diff, reason, sent_at, ended_at';
const PAIRS = (columns: string) =>
  columns
    .split(', ')
    .map((name) => `t.${name}`)
    .join(', ');

/** Writes a deployment down. */
export async function insertDeployment(q: Queryable, row: DeploymentRow): Promise<void> {
  await q.query(
    `insert into deployments (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb, $12, $13, $14, $15, $16)`,
    [
      row.id,
      row.target,
      row.state,
      row.reason,
      row.actor,
      row.note,
      row.commit,
      row.rollback_of,
      row.follows,
      row.source,
      JSON.stringify(row.options),
      row.ring,
      row.rings,
      row.resume_at,
      row.created_at,
      row.finished_at,
    ],
  );
}

/** Writes down what one device is to get. */
export async function insertTarget(q: Queryable, row: TargetRow): Promise<void> {
  await q.query(
    `insert into deployment_targets (${TARGET_COLUMNS})
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb, $12, $13, $14)`,
    [
      row.deployment_id,
      row.device_id,
      row.ring,
      row.state,
      row.generation,
      row.revision,
      row.sha256,
      row.size,
      row.signature,
      row.key_id,
      JSON.stringify(row.diff),
      row.reason,
      row.sent_at,
      row.ended_at,
    ],
  );
}

/** One deployment, locked until the transaction ends. */
export async function lockDeployment(q: Queryable, id: string): Promise<DeploymentRow | undefined> {
  return (await q.query<DeploymentRow>(`select ${COLUMNS} from deployments where id = $1 for update`, [id])).rows[0];
}

/** One deployment, or undefined. */
export async function findDeployment(q: Queryable, id: string): Promise<DeploymentRow | undefined> {
  return (await q.query<DeploymentRow>(`select ${COLUMNS} from deployments where id = $1`, [id])).rows[0];
}

/** Newest first; `before` is the last one of the page before. */
export async function listDeployments(
  q: Queryable,
  { limit, before }: { limit: number; before?: { at: Date; id: string } | undefined },
): Promise<DeploymentRow[]> {
  const { rows } = await q.query<DeploymentRow>(
    `select ${COLUMNS} from deployments
      where $2::timestamptz is null or (created_at, id) < ($2::timestamptz, $3::uuid)
      order by created_at desc, id desc limit $1`,
    [limit, before?.at ?? null, before?.id ?? null],
  );
  return rows;
}

// What may be meant for a device that was not there: not for another one alone, made from edge tabs, not later taken back, neither
// failed nor aborted, made after the last one that had a part for it.
const missed = (device: string) => `
  source is not null and follows is null and state in ('running', 'done')
    and (target not like 'device/%' or target = 'device/' || ${device})
    and not exists (select 1 from deployments b where b.rollback_of = d.id and b.state <> 'aborted')
    and created_at > coalesce((select max(o.created_at) from deployment_targets t
                                 join deployments o on o.id = t.deployment_id where t.device_id = ${device}), '-infinity')`;

/** Which of the devices may have missed something. */
export async function whoMissedDeployments(q: Queryable, devices: readonly string[]): Promise<Set<string>> {
  const { rows } = await q.query<{ id: string }>(
    `select w.id from unnest($1::text[]) w(id) where exists (select 1 from deployments d where ${missed('w.id')})`,
    [devices],
    { prepared: 'who-missed-deployments' },
  );
  return new Set(rows.map(({ id }) => id));
}

/** What may be meant for a device that was not there, newest first. */
export async function deploymentsMissedBy(q: Queryable, device: string): Promise<DeploymentRow[]> {
  const { rows } = await q.query<DeploymentRow>(
    `select ${COLUMNS} from deployments d where ${missed('$1::text')}
      order by created_at desc, id desc limit 100`,
    [device],
  );
  return rows;
}

/** Ids of the deployments that brought this one to devices that came later. */
export async function followersOf(q: Queryable, id: string): Promise<string[]> {
  const { rows } = await q.query<{ id: string }>('select id from deployments where follows = $1 order by created_at', [
    id,
  ]);
  return rows.map((row) => row.id);
}

/** Ids of those that have not ended. */
export async function openDeployments(q: Queryable): Promise<string[]> {
  const { rows } = await q.query<{ id: string }>(
    `select id from deployments where state = 'running' order by created_at`,
  );
  return rows.map(({ id }) => id);
}

/** What the devices of these deployments get. */
export async function listTargets(q: Queryable, deployments: readonly string[]): Promise<TargetRow[]> {
  const { rows } = await q.query<TargetRow>(
    `select ${TARGET_COLUMNS} from deployment_targets where deployment_id = any($1::uuid[]) order by ring, device_id`,
    [deployments],
  );
  return rows;
}

/** Changes what is given of a deployment. */
export async function updateDeployment(
  q: Queryable,
  id: string,
  change: Partial<Pick<DeploymentRow, 'state' | 'reason' | 'ring' | 'resume_at' | 'finished_at'>>,
): Promise<void> {
  const { state, reason, ring, resume_at, finished_at } = change;
  await q.query(
    `update deployments
        set state = coalesce($2, state), reason = coalesce($3, reason), ring = coalesce($4::int, ring),
            resume_at = case when $5 then $6::timestamptz else resume_at end,
            finished_at = coalesce($7::timestamptz, finished_at)
      where id = $1`,
    [id, state ?? null, reason ?? null, ring ?? null, resume_at !== undefined, resume_at ?? null, finished_at ?? null],
  );
}

/** Changes what is given of one device's part. */
export async function updateTarget(
  q: Queryable,
  { deployment_id, device_id }: Pick<TargetRow, 'deployment_id' | 'device_id'>,
  change: Partial<Pick<TargetRow, 'state' | 'reason' | 'signature' | 'key_id' | 'sent_at' | 'ended_at'>>,
): Promise<void> {
  const { state, reason, signature, key_id, sent_at, ended_at } = change;
  await q.query(
    `update deployment_targets
        set state = coalesce($3, state), reason = coalesce($4, reason), signature = coalesce($5, signature),
            key_id = coalesce($6, key_id), sent_at = coalesce($7::timestamptz, sent_at),
            ended_at = coalesce($8::timestamptz, ended_at)
      where deployment_id = $1 and device_id = $2`,
    [
      deployment_id,
      device_id,
      state ?? null,
      reason ?? null,
      signature ?? null,
      key_id ?? null,
      sent_at ?? null,
      ended_at ?? null,
    ],
  );
}

/** Earlier deployments of the device that are not over for it: a later one takes their place. Answers whose they are. */
export async function supersedeTargets(q: Queryable, device: string, generation: number, at: Date): Promise<string[]> {
  const { rows } = await q.query<{ deployment_id: string }>(
    `update deployment_targets set state = 'superseded', ended_at = $3
      where device_id = $1 and generation < $2 and ended_at is null returning deployment_id`,
    [device, generation, at],
  );
  return rows.map(({ deployment_id }) => deployment_id);
}

/** The last one below a generation that the device came to run: what it had before. */
export async function findActiveBefore(
  q: Queryable,
  device: string,
  generation: number,
): Promise<TargetRow | undefined> {
  const { rows } = await q.query<TargetRow>(
    `select ${TARGET_COLUMNS} from deployment_targets
      where device_id = $1 and generation < $2 and state = 'active' order by generation desc limit 1`,
    [device, generation],
  );
  return rows[0];
}

/** Hashes of what any deployment names: bundles, and what they were made from. */
export async function namedBundles(q: Queryable): Promise<Set<string>> {
  const { rows } = await q.query<{ sha256: string }>(
    'select sha256 from deployment_targets union select source from deployments where source is not null',
  );
  return new Set(rows.map(({ sha256 }) => sha256));
}

/** Whether a bundle is one of the device's own. */
export async function isBundleOf(q: Queryable, device: string, sha256: string): Promise<boolean> {
  const { rows } = await q.query(
    `select 1 from deployment_targets where device_id = $1 and sha256 = $2 and signature is not null limit 1`,
    [device, sha256],
  );
  return rows.length > 0;
}

/** What these devices are to be told now: the pointer of what is wanted of each, if it is signed and was not withdrawn. */
export async function findDesired(q: Queryable, devices: readonly string[]): Promise<TargetRow[]> {
  const { rows } = await q.query<TargetRow>(
    `select ${PAIRS(TARGET_COLUMNS)} from desired_flows d
       join deployment_targets t on t.deployment_id = d.deployment_id and t.device_id = d.device_id
      where d.device_id = any($1::text[]) and t.signature is not null`,
    [devices],
    { prepared: 'desired-flows' },
  );
  return rows;
}

/** Captures around each part of these deployments that its device took back by itself, by device and deployment. */
export async function picturesOfTrials(q: Queryable, deployments: readonly string[]) {
  const { rows } = await q.query<
    { deployment_id: string; device_id: string } & Record<'before' | 'during' | 'after', string | null>
  >(
    `select deployment_id, device_id,
       (select id from captures c where c.device_id = t.device_id and seq <= frames_before order by seq desc limit 1) as before,
       (select id from captures c where c.device_id = t.device_id and seq > frames_before and seq <= frames_until
         order by seq desc limit 1) as during,
       (select id from captures c where c.device_id = t.device_id and seq > frames_until order by seq limit 1) as after
     from deployment_targets t where deployment_id = any($1::uuid[]) and frames_until is not null`,
    [deployments],
  );
  return rows;
}
