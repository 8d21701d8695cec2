import type { BundleContent, DeploymentCreate, FlowBundle, FlowDiff } from '../../contracts/deployments.ts';
import { AppError } from '../../contracts/errors.ts';
import { SERVER_DEVICE } from '../../contracts/ids.ts';
import type { Db, Queryable } from '../../db/db.ts';
import { findActiveBefore, type TargetRow } from '../../db/deployments.repo.ts';
import { type DeviceRow, listDevices } from '../../db/devices.repo.ts';
import { readCredentials } from '../../flow-engine/credentials.ts';
import type { FlowElement } from '../../flow-engine/flow-files.ts';
import { contentHash } from '../../lib/canonical-json.ts';
import { contentOf, credentialsOf, sealCredentials } from './bundle.ts';
import type { BundleFiles } from './bundle-files.ts';
import { deviceFlow } from './device-flow.ts';
import { checkFlows, diffOf, flowsFor, readEdgeFlows } from './edge-tabs.ts';
import { isMeant, ringsOf } from './rings.ts';
import type { Source } from './source.ts';

/** What one device is to get, before it has a generation. */
export interface Planned {
  device: string;
  ring: number;
  content: BundleContent;
  credentials: string | null;
  diff: FlowDiff;
}

export interface PlanParts {
  db: Db;
  files: BundleFiles;
  flowsDir: string;
  /** Node-RED's own folder, with the credentials */
  userDir: string;
  /** of this installation */
  secret: Buffer;
}

/**
 * The edge tabs as they are now, for each device of the target. Throws `deployment.no_devices`, `deployment.nothing_new`, `flow.invalid` and
 * what sealing throws.
 */
export async function planDeployment(
  parts: PlanParts & { runsNow: (device: string) => Promise<readonly FlowElement[] | undefined> },
  body: DeploymentCreate,
): Promise<{ planned: Planned[]; source: Source }> {
  const { devices, secrets, source } = await gather(parts, body);
  const meant = body.only_changed ? devices.filter((device) => !runsAlready(parts, device, source, secrets)) : devices;
  if (meant.length === 0)
    throw new AppError('deployment.nothing_new', `every device of ${body.target} runs these flows already`, {
      field: 'target',
    });
  const rings = ringsOf(meant, body.rings);
  // Asked all at once: each may take its time.
  const before = await Promise.all(meant.map(({ id }) => parts.runsNow(id)));
  const planned: Planned[] = [];
  for (const [at, device] of meant.entries())
    planned.push(
      await planFor(parts, device, { source, secrets, ring: rings.get(device.id) ?? 0, before: before[at] }),
    );
  return { planned, source };
}

/** What the plan for one device is made of. */
export interface ForDevice {
  source: Source;
  secrets: Record<string, unknown>;
  ring: number;
  /** what it runs now; undefined: not known */
  before: readonly FlowElement[] | undefined;
}

/** What one device gets of a source. Throws `flow.invalid` and what sealing throws. */
export async function planFor(
  parts: PlanParts,
  device: DeviceRow,
  { source, secrets, ring, before }: ForDevice,
): Promise<Planned> {
  const elements = flowsFor(source.flows, device);
  checkFlows(elements, device.id, typesOf(device));
  const credentials = credentialsOf(elements, secrets);
  return {
    device: device.id,
    ring,
    content: contentOf(elements, source.env, credentials, parts.secret),
    credentials: sealCredentials(device.id, credentials, sealingKeyOf(device)),
    diff: diffOf(before, elements),
  };
}

/** What each of the devices had before that deployment: an earlier one, or what it was shipped with. Throws `bundle.gone`. */
export async function planRollback(parts: PlanParts, targets: readonly TargetRow[]): Promise<Planned[]> {
  const planned: Planned[] = [];
  for (const { device_id: device, generation, sha256 } of targets) {
    const now = await bundleIn(parts.files, sha256);
    const before = await activeBundle(parts, device, generation);
    const content = before?.content ?? { flows: null, env: {}, nodes: [], credentials_digest: null };
    const flows = content.flows as FlowElement[] | null;
    // What a device was shipped with is the device's own: no names of tabs can be told.
    const diff = flows
      ? diffOf((now?.content.flows as FlowElement[] | null) ?? undefined, flows)
      : { added: [], changed: [], removed: [], shipped: true };
    planned.push({ device, ring: 0, content, credentials: before?.credentials ?? null, diff });
  }
  return planned;
}

/** Devices that flows can be sent to. */
export async function devicesOf(db: Queryable): Promise<DeviceRow[]> {
  return (await listDevices(db)).filter(({ id, disabled_at }) => id !== SERVER_DEVICE && disabled_at === null);
}

/** The types that a device said it has; none where it never did. */
export function typesOf({ info }: DeviceRow): string[] {
  const { node_types: types } = info;
  return Array.isArray(types) ? types.filter((type) => typeof type === 'string') : [];
}

/** The devices of a target, what they would get, and the credentials of now. Throws `deployment.no_devices`, `flow.invalid`. */
export async function gather(parts: PlanParts, body: DeploymentCreate) {
  const { db, flowsDir, userDir } = parts;
  const devices = (await devicesOf(db)).filter((device) => isMeant(body.target, device));
  if (devices.length === 0)
    throw new AppError('deployment.no_devices', `${body.target} names no device`, { field: 'target' });
  const source: Source = { flows: await readEdgeFlows(flowsDir), env: body.env ?? {}, gates: body.gates ?? {} };
  return { devices, source, secrets: await readCredentials(userDir) };
}

/** The device was told to run just this, and says that it does. */
export function runsAlready(
  { secret }: PlanParts,
  device: DeviceRow,
  { flows, env }: Source,
  secrets: Record<string, unknown>,
): boolean {
  const { desired_revision: desired, revision } = deviceFlow(device);
  const elements = flowsFor(flows, device);
  return (
    revision !== null &&
    desired === revision &&
    contentHash(contentOf(elements, env, credentialsOf(elements, secrets), secret)) === revision
  );
}

/** What the device came to run last, below a generation; undefined for none. Throws `bundle.gone` where one below a generation is missing. */
export async function activeBundle(
  { db, files }: PlanParts,
  device: string,
  below: number,
): Promise<FlowBundle | undefined> {
  const row = await findActiveBefore(db, device, below);
  if (!row) return undefined;
  const bundle = await bundleIn(files, row.sha256);
  if (!bundle && below !== Number.MAX_SAFE_INTEGER)
    throw new AppError('bundle.gone', `what "${device}" ran before is not kept on this server`, { device });
  return bundle;
}

async function bundleIn(files: BundleFiles, sha256: string): Promise<FlowBundle | undefined> {
  const text = await files.read(sha256);
  return text === undefined ? undefined : (JSON.parse(text) as FlowBundle);
}

/** The key that credentials for the device are sealed with; undefined before it said one. */
export function sealingKeyOf({ info }: DeviceRow): string | undefined {
  return typeof info.sealing_key === 'string' ? info.sealing_key : undefined;
}
