import {
  type BundleStatement,
  type DeploymentCreate,
  type DeploymentPreview,
  type DeploymentRecord,
  type DeviceFlows,
  type FlowDesiredMessage,
  FlowReportedMessage,
  isLastPhase,
  type SigningKeys as ServedKeys,
  type SigningAnswer,
  type SigningRequest,
} from '../../contracts/deployments.ts';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import type { Actor, DeploymentService } from '../../contracts/services.ts';
import { writeAudit } from '../../db/audit.repo.ts';
import type { Db, Queryable } from '../../db/db.ts';
import {
  type DeploymentRow,
  findActiveBefore,
  findDeployment,
  followersOf,
  isBundleOf,
  listDeployments,
  listTargets,
  lockDeployment,
  namedBundles,
  openDeployments,
  picturesOfTrials,
  supersedeTargets,
  type TargetRow,
  updateDeployment,
  updateTarget,
} from '../../db/deployments.repo.ts';
import { setDesired } from '../../db/desired-flows.repo.ts';
import type { FlowElement } from '../../flow-engine/flow-files.ts';
import { sha256Hex } from '../../lib/canonical-json.ts';
import { commitOf } from '../../lib/git-commit.ts';
import { isUuid, type NewId } from '../../lib/ids.ts';
import type { Part } from '../../lib/part.ts';
import { isBundleSigned } from '../../lib/signatures.ts';
import { Turns } from '../../lib/turns.ts';
import { parser } from '../../lib/validate.ts';
import { beginDeployment } from './begin.ts';
import type { BundleFiles } from './bundle-files.ts';
import { checkTabs } from './check-tabs.ts';
import { type CrowdQuestions, createCrowdQuestions } from './crowd-questions.ts';
import { flowsBefore } from './flows-before.ts';
import { missedBy } from './later-devices.ts';
import { devicesOf, planDeployment, planRollback } from './plan.ts';
import { previewDeployment } from './preview.ts';
import { deploymentRecord } from './record.ts';
import { isMeant, nextStep } from './rings.ts';
import { runningFlows } from './running-flows.ts';
import type { SigningKeys } from './signing-keys.ts';
import { sourceText } from './source.ts';

const DEFAULTS = { pause_s: 0, abort_share: 0, timeout_s: 900 };
/** Timers hold 24 days at most; a far moment is looked at again by then. */
const LONGEST_WAIT_MS = 3_600_000;

export interface DeploymentsOptions {
  db: Db;
  clock: Clock;
  log: Log;
  newId: NewId;
  files: BundleFiles;
  keys: SigningKeys;
  flowsDir: string;
  userDir: string;
  secret: Buffer;
  /** Sends to the device's `flow/desired`. Whether it arrives is learned from what it reports. */
  publish: (device: string, body: FlowDesiredMessage) => Promise<void>;
  /** Has the device say what it runs (command `flows`). */
  askFlows: (device: string) => Promise<unknown>;
}

const parseReported = parser(FlowReportedMessage);

/** See DeploymentService for what is asked of it; the rest is what the broker's handlers tell it. */
export class Deployments implements DeploymentService, Part {
  readonly #options: DeploymentsOptions;
  readonly #questions: CrowdQuestions;
  readonly #alarms = new Map<string, () => void>();
  readonly #turns = new Turns();
  #joins: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: DeploymentsOptions) {
    this.#options = options;
    this.#questions = createCrowdQuestions(options);
  }

  async start(): Promise<void> {
    const { db, files, keys } = this.#options;
    this.#isStopped = false;
    await files.open();
    await files.sweep(await namedBundles(db));
    await keys.open();
    for (const id of await openDeployments(db)) await this.#advance(id);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const cancel of this.#alarms.values()) cancel();
    this.#alarms.clear();
    await this.#joins;
    await this.#turns.over();
  }

  /** What devices are told of the signing keys. */
  signing(): ServedKeys | undefined {
    return this.#options.keys.served();
  }

  async create(body: DeploymentCreate, actor: Actor): Promise<DeploymentRecord> {
    const { pause_s = DEFAULTS.pause_s, abort_share = DEFAULTS.abort_share, timeout_s = DEFAULTS.timeout_s } = body;
    const runsNow = flowsBefore(this.#options);
    const { planned, source } = await planDeployment({ ...this.#options, runsNow }, body);
    const text = sourceText(source);
    await this.#options.files.put(text);
    const about = {
      target: body.target,
      note: body.note ?? null,
      commit: (await commitOf(this.#options.flowsDir)) ?? null,
      options: { pause_s, abort_share, timeout_s },
      source: sha256Hex(text),
    };
    return this.#begin({ planned, about, gates: source.gates, actor });
  }

  preview(body: DeploymentCreate): Promise<DeploymentPreview> {
    return previewDeployment(this.#options, body);
  }

  /** Refuses edge tabs that a device which they are meant for cannot run. Throws `flow.invalid`. */
  checkTabs(flows: FlowElement[], changed: ReadonlySet<string>): Promise<void> {
    return checkTabs(this.#options.db, flows, changed);
  }

  running(device: string): Promise<DeviceFlows> {
    return runningFlows(this.#options, device);
  }

  async list({ limit, cursor }: { limit: number; cursor?: string }) {
    const { db } = this.#options;
    const before = cursor === undefined ? undefined : await this.#row(cursor);
    const rows = await listDeployments(db, {
      limit: limit + 1,
      before: before && { at: before.created_at, id: before.id },
    });
    const shown = rows.slice(0, limit);
    const ids = shown.map(({ id }) => id);
    const [targets, trials] = await Promise.all([listTargets(db, ids), picturesOfTrials(db, ids)]);
    const of = (id: string) => targets.filter(({ deployment_id }) => deployment_id === id);
    const next = rows.length > limit ? (shown.at(-1)?.id ?? null) : null;
    return { items: shown.map((row) => deploymentRecord(row, of(row.id), trials)), next };
  }

  async get(id: string): Promise<DeploymentRecord> {
    const row = await this.#row(id);
    const { db } = this.#options;
    return deploymentRecord(row, await listTargets(db, [id]), await picturesOfTrials(db, [id]));
  }

  async abort(id: string, actor: Actor): Promise<DeploymentRecord> {
    await this.#row(id);
    await this.#options.db.tx(async (q) => {
      const row = await lockDeployment(q, id);
      if (row?.state !== 'running' && row?.state !== 'unsigned')
        throw new AppError('deployment.over', 'the deployment has ended already');
      const at = this.#now();
      for (const target of await listTargets(q, [id])) {
        // What a device has begun it ends by itself; what it may not even have heard of is withdrawn.
        if (target.state !== 'waiting' && target.state !== 'sent') continue;
        await updateTarget(q, target, { state: 'aborted', ended_at: at });
        if (target.state === 'sent') await this.#withdraw(q, target);
      }
      await updateDeployment(q, id, { state: 'aborted', reason: `by ${actor.name}`, finished_at: at, resume_at: null });
      await this.#audit(q, actor, 'deployment.abort', id);
    });
    this.#alarms.get(id)?.();
    return this.get(id);
  }

  async rollback(id: string, actor: Actor): Promise<DeploymentRecord> {
    const row = await this.#row(id);
    // With the devices that came later and were brought the same.
    const all = await listTargets(this.#options.db, [id, ...(await followersOf(this.#options.db, id))]);
    const targets = all.filter(({ state }) => state === 'active');
    if (targets.length === 0) throw new AppError('deployment.over', 'no device runs what this deployment brought');
    const planned = await planRollback(this.#options, targets);
    const about = {
      target: row.target,
      note: null,
      commit: null,
      options: { ...DEFAULTS, abort_share: 1 },
      rollback_of: id,
    };
    return this.#begin({ planned, about, actor });
  }

  async signingRequest(id: string): Promise<SigningRequest> {
    const row = await this.#row(id);
    if (row.state !== 'unsigned') throw new AppError('deployment.not_waiting', 'the deployment waits for no signature');
    const bundles: SigningRequest['bundles'] = [];
    for (const target of await listTargets(this.#options.db, [id])) {
      const bundle = await this.#options.files.read(target.sha256);
      if (bundle === undefined) throw new AppError('bundle.gone', `the bundle for "${target.device_id}" is not there`);
      bundles.push({ statement: statementOf(target), bundle });
    }
    return { v: 1, deployment: id, bundles };
  }

  async sign(id: string, answer: SigningAnswer, actor: Actor): Promise<DeploymentRecord> {
    const { db, keys } = this.#options;
    await this.#row(id);
    await db.tx(async (q) => {
      const row = await lockDeployment(q, id);
      if (row?.state !== 'unsigned')
        throw new AppError('deployment.not_waiting', 'the deployment waits for no signature');
      if (answer.deployment !== id)
        throw new AppError('deployment.signature_invalid', 'these are signatures for another deployment');
      await keys.accept(q, answer.key);
      for (const target of await listTargets(q, [id])) {
        const { signature } = answer.signatures.find(({ sha256 }) => sha256 === target.sha256) ?? {};
        if (signature === undefined || !isBundleSigned(answer.key.public_key, statementOf(target), signature))
          throw new AppError('deployment.signature_invalid', `there is no valid signature for "${target.device_id}"`);
        await updateTarget(q, target, { signature, key_id: answer.key.key_id });
      }
      await updateDeployment(q, id, { state: 'running' });
      await this.#audit(q, actor, 'deployment.sign', id, { key_id: answer.key.key_id });
    });
    await keys.refresh();
    await this.#advance(id);
    return this.get(id);
  }

  async bundlePart(device: string, sha256: string, from: number, to: number): Promise<{ bytes: Buffer; size: number }> {
    const { db, files } = this.#options;
    const isOwn = /^[0-9a-f]{64}$/.test(sha256) && (await isBundleOf(db, device, sha256));
    const part = isOwn ? await files.part(sha256, from, to) : undefined;
    if (!part) throw new AppError('bundle.gone', 'there is no such bundle for this device');
    return part;
  }

  /** The device listens to `flow/desired` now: what it is to run is said (again). */
  async deviceListens(device: string): Promise<void> {
    const target = await this.#questions.desired(device);
    const isOver = target && ['rejected', 'rolled_back', 'aborted', 'superseded'].includes(target.state);
    if (target && !isOver) await this.#publish(target);
  }

  /** The device is there, or belongs to another group: what it missed is brought to it. */
  async deviceCame(device: string): Promise<void> {
    // Mostly there is nothing: only then is it worth standing in line.
    const may = await this.#questions.mayHaveMissed(device).catch((error) => this.#notBrought(device, error));
    if (may) await this.#bringMissed(device);
  }

  #bringMissed(device: string): Promise<void> {
    const done = this.#joins.then(async () => {
      const missed = this.#isStopped ? undefined : await missedBy(this.#options, device);
      if (!missed) return;
      const { row, source, planned } = missed;
      const about = {
        target: `device/${device}`,
        note: null,
        commit: row.commit,
        options: { ...DEFAULTS, abort_share: 1 },
        follows: row.id,
      };
      await this.#begin({ planned: [planned], about, gates: source.gates, actor: { name: 'server' } });
    });
    this.#joins = done.catch((error) => this.#notBrought(device, error));
    return this.#joins;
  }

  #notBrought(device: string, error: unknown): void {
    this.#options.log.warn('a device that came later did not get what the others have', { device, error });
  }

  /** What a device said on `flow/reported`. */
  async hear(device: string, body: unknown): Promise<void> {
    const said = parseReported(body);
    const { code, frames, generation, phase, reason, revision, slot, ts } = said;
    const kept: FlowReportedMessage = {
      v: 1,
      ts,
      generation,
      phase,
      revision,
      ...(slot && { slot }),
      ...(reason && { reason }),
      ...(code && { code }),
      ...(frames && { frames }),
    };
    const deployment = await this.#questions.reported({ device, body: kept, at: this.#now() });
    if (deployment === undefined) return;
    this.#options.log.info('a device reports on a deployment', { device, deployment, phase, reason });
    if (isLastPhase(phase)) await this.#advance(deployment);
  }

  async #begin(what: Parameters<typeof beginDeployment>[1]): Promise<DeploymentRecord> {
    const id = await beginDeployment(this.#options, what);
    await this.#advance(id);
    return this.get(id);
  }

  /** Does what is due of a deployment, until nothing is. */
  async #advance(id: string): Promise<void> {
    const others = new Set<string>();
    const late = new Set<string>();
    await this.#turns.take(async () => {
      while (await this.#step(id, others, late));
    });
    // Those whose device was taken over by this one may be at their end now.
    for (const other of others) await this.#advance(other);
    for (const device of late) void this.deviceCame(device);
  }

  async #step(id: string, others: Set<string>, late: Set<string>): Promise<boolean> {
    const { clock, db } = this.#options;
    const { lookAt, more, sent, told } = await db.tx(async (q) => {
      const row = await lockDeployment(q, id);
      if (!row) return { sent: [], more: false };
      const at = this.#now();
      const { send, change, lookAt } = nextStep(row, await listTargets(q, [id]), at.getTime());
      for (const target of send) {
        const { device_id: device, generation, revision } = target;
        for (const other of await supersedeTargets(q, device, generation, at)) others.add(other);
        await setDesired(q, { device, deployment: id, revision });
        await updateTarget(q, target, { state: 'sent', sent_at: at });
      }
      const isOver = change.state === 'done' || change.state === 'failed';
      const isChanged = Object.keys(change).length > 0;
      if (isChanged) await updateDeployment(q, id, { ...change, ...(isOver && { finished_at: at }) });
      if (change.state === 'failed')
        for (const target of await listTargets(q, [id]))
          if (target.state === 'waiting') await updateTarget(q, target, { state: 'aborted', ended_at: at });
      const isAllTold = change.ring !== undefined && change.ring + 1 >= row.rings;
      return { sent: send, more: send.length > 0 || (isChanged && !isOver), lookAt, told: isAllTold && row.target };
    });
    for (const target of sent) await this.#publish(target);
    // Whoever came meanwhile is next.
    if (told) for (const device of await devicesOf(db)) if (isMeant(told, device)) late.add(device.id);
    this.#alarms.get(id)?.();
    if (lookAt !== undefined && !this.#isStopped) {
      const inMs = Math.min(Math.max(1, lookAt - clock.now()), LONGEST_WAIT_MS);
      this.#alarms.set(
        id,
        clock.after(inMs, () => this.#lookAgain(id)),
      );
    }
    return more;
  }

  #lookAgain(id: string): void {
    this.#advance(id).catch((error) => this.#options.log.error('a deployment did not go on', { id, error }));
  }

  async #publish(target: TargetRow): Promise<void> {
    const { clock, log, publish } = this.#options;
    const { signature, key_id: keyId, deployment_id: id, device_id: device, generation, sha256, size } = target;
    if (signature === null || keyId === null) return;
    const url = `api/v1/device/bundles/${sha256}`;
    const body = { v: 1 as const, ts: clock.now(), generation, id, url, sha256, size, signature, key_id: keyId };
    await publish(device, body).catch((error) =>
      log.warn('a deployment was not said; it is at the next connect', { device, error }),
    );
  }

  async #withdraw(q: Queryable, { device_id: device, generation }: TargetRow): Promise<void> {
    const before = await findActiveBefore(q, device, generation);
    const deployment = before?.deployment_id ?? null;
    await setDesired(q, { device, deployment, revision: before?.revision ?? null });
  }

  async #row(id: string): Promise<DeploymentRow> {
    const row = isUuid(id) ? await findDeployment(this.#options.db, id) : undefined;
    if (!row) throw new AppError('deployment.not_found', `There is no deployment "${id}".`);
    return row;
  }

  #audit(q: Queryable, { name, ip }: Actor, action: string, id: string, details = {}): Promise<void> {
    return writeAudit(q, { actor: name, ip, action, object: `deployment/${id}`, details });
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

function statementOf({ device_id, deployment_id, generation, sha256, size }: TargetRow): BundleStatement {
  return { device: device_id, generation, id: deployment_id, sha256, size };
}
