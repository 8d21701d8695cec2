import { createHmac } from 'node:crypto';
import { type BundleContent, type FlowBundle, type FlowGates, MAX_BUNDLE_BYTES } from '../../contracts/deployments.ts';
import { AppError } from '../../contracts/errors.ts';
import type { FlowElement } from '../../flow-engine/flow-files.ts';
import { canonicalJson, contentHash, sha256Hex } from '../../lib/canonical-json.ts';
import { sealFor } from '../../lib/sealed-box.ts';

export interface BundlePlan {
  device: string;
  generation: number;
  deployment: string;
  createdAt: number;
  commit?: string | undefined;
  gates: FlowGates;
}

export interface MadeBundle {
  text: string;
  sha256: string;
  size: number;
  revision: string;
}

/** The content of a bundle from flows; `credentials` are those of its own nodes. */
export function contentOf(
  flows: FlowElement[],
  env: Record<string, string>,
  credentials: Record<string, unknown>,
  secret: Buffer,
): BundleContent {
  // Keys that JSON cannot hold are none of a flow's; what the editor shows of a credential is not the credential.
  const plain = flows.map(({ credentials: _secret, ...element }) => element as FlowElement);
  const digest = Object.keys(credentials).length > 0 ? digestOf(credentials, secret) : null;
  return { flows: plain, env, nodes: [...new Set(plain.map(({ type }) => type))].sort(), credentials_digest: digest };
}

/** The credentials of the nodes of these flows. */
export function credentialsOf(flows: readonly FlowElement[], all: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(flows.flatMap(({ id }) => (Object.hasOwn(all, id) ? [[id, all[id]]] : [])));
}

/** Makes the document. `credentials` come sealed. Throws `flow.invalid` when it is too large. */
export function makeBundle(plan: BundlePlan, content: BundleContent, credentials: string | null): MadeBundle {
  const { device, generation, deployment, createdAt, commit, gates } = plan;
  const revision = contentHash(content);
  const manifest = {
    device,
    generation,
    id: deployment,
    created: createdAt,
    revision,
    gates,
    ...(commit && { commit }),
  };
  const text = canonicalJson({ v: 1, manifest, content, credentials } satisfies FlowBundle);
  const size = Buffer.byteLength(text);
  if (size > MAX_BUNDLE_BYTES)
    throw new AppError('flow.invalid', `the flows of ${device} have ${size} bytes, more than ${MAX_BUNDLE_BYTES}`);
  return { text, sha256: sha256Hex(text), size, revision };
}

/** Seals credentials for a device; null for none. Throws `deployment.no_sealing_key` for one that never said its key. */
export function sealCredentials(
  device: string,
  credentials: Record<string, unknown>,
  sealingKey: string | undefined,
): string | null {
  if (Object.keys(credentials).length === 0) return null;
  if (sealingKey === undefined)
    throw new AppError('deployment.no_sealing_key', `"${device}" has never said how credentials for it are encrypted`, {
      device,
    });
  return sealFor(sealingKey, JSON.stringify(credentials));
}

/** Keyed: a digest of short passwords could be guessed by whoever reads the bundle. */
function digestOf(credentials: Record<string, unknown>, secret: Buffer): string {
  return createHmac('sha256', secret)
    .update(`flow credentials\n${canonicalJson(credentials)}`)
    .digest('hex');
}
