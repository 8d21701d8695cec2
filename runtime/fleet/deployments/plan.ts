import type { BundleContent, DeploymentCreate, FlowBundle, FlowDiff } from '../../contracts/deployments.ts';
import { AppError } from '../../contracts/errors.ts';
import { SERVER_DEVICE } from '../../contracts/ids.ts';
import type { Db } from '../../db/db.ts';
import { findActiveBefore, type TargetRow } from '../../db/deployments.repo.ts';
import { type DeviceRow, listDevices } from '../../db/devices.repo.ts';
import { readCredentials } from '../../flow-engine/credentials.ts';
import type { FlowElement } from '../../flow-engine/flow-files.ts';
import { contentOf, credentialsOf, sealCredentials } from './bundle.ts';
import type { BundleFiles } from './bundle-files.ts';
import { checkFlows, diffOf, flowsFor, readEdgeFlows } from './edge-tabs.ts';
import { isMeant, ringsOf } from './rings.ts';

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

/** The edge tabs as they are now, for each device of the target. Throws `deployment.no_devices`, `flow.invalid` and what sealing throws. */
export async function planDeployment(parts: PlanParts, body: DeploymentCreate): Promise<Planned[]> {
  const { db, flowsDir, secret, userDir } = parts;
  const devices = (await devicesOf(db)).filter((device) => isMeant(body.target, device));
  if (devices.length === 0)
    throw new AppError('deployment.no_devices', `${body.target} names no device`, { field: 'target' });
  const flows = await readEdgeFlows(flowsDir);
  const secrets = await readCredentials(userDir);
  const rings = ringsOf(devices, body.rings);
  const planned: Planned[] = [];
  for (const device of devices) {
    const elements = flowsFor(flows, device);
    checkFlows(elements, device.id, typesOf(device));
    const credentials = credentialsOf(elements, secrets);
    const before = await activeBundle(parts, device.id, Number.MAX_SAFE_INTEGER);
    planned.push({
      device: device.id,
      ring: rings.get(device.id) ?? 0,
      content: contentOf(elements, body.env ?? {}, credentials, secret),
      credentials: sealCredentials(device.id, credentials, sealingKeyOf(device)),
      diff: diffOf((before?.content.flows as FlowElement[] | null | undefined) ?? null, elements),
    });
  }
  return planned;
}

/** What each of the devices had before that deployment: an earlier one, or what it was shipped with. Throws `bundle.gone`. */
export async function planRollback(parts: PlanParts, targets: readonly TargetRow[]): Promise<Planned[]> {
  const planned: Planned[] = [];
  for (const { device_id: device, generation, sha256 } of targets) {
    const now = await bundleIn(parts.files, sha256);
    const before = await activeBundle(parts, device, generation);
    const content = before?.content ?? { flows: null, env: {}, nodes: [], credentials_digest: null };
    const diff = diffOf((now?.content.flows as FlowElement[] | null) ?? null, content.flows as FlowElement[] | null);
    planned.push({ device, ring: 0, content, credentials: before?.credentials ?? null, diff });
  }
  return planned;
}

async function activeBundle({ db, files }: PlanParts, device: string, below: number): Promise<FlowBundle | undefined> {
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

async function devicesOf(db: Db): Promise<DeviceRow[]> {
  return (await listDevices(db)).filter(({ id, disabled_at }) => id !== SERVER_DEVICE && disabled_at === null);
}

function typesOf({ info }: DeviceRow): string[] {
  const { node_types: types } = info;
  return Array.isArray(types) ? types.filter((type) => typeof type === 'string') : [];
}

function sealingKeyOf({ info }: DeviceRow): string | undefined {
  return typeof info.sealing_key === 'string' ? info.sealing_key : undefined;
}
