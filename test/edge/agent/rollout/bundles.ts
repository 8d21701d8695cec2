import type {
  BundleContent,
  FlowBundle,
  FlowDesiredMessage,
  FlowGates,
} from '../../../../runtime/contracts/deployments.ts';
import { canonicalJson, contentHash, sha256Hex } from '../../../../runtime/lib/canonical-json.ts';
import { newSigningKey, type Signer, signBundle, signerOf } from '../../../../runtime/lib/signatures.ts';

export const ID = '019a9f3e-7c00-7000-8000-000000000000';

export interface Made {
  text: string;
  bundle: FlowBundle;
  message: FlowDesiredMessage;
}

/** A signer of its own. */
export function testSigner(): Signer {
  return signerOf(newSigningKey());
}

/** A tab with these nodes on it, as a bundle has it. */
export function tab(...nodes: Record<string, unknown>[]): { id: string; type: string }[] {
  return [{ id: 't', type: 'tab', label: 'Tab' } as never, ...nodes.map((node) => ({ z: 't', ...node }) as never)];
}

/** A bundle with its pointer, signed. */
export function makeBundle(
  signer: Signer,
  options: {
    device?: string;
    generation?: number;
    flows?: BundleContent['flows'];
    gates?: FlowGates;
    credentials?: string | null;
    size?: number;
  } = {},
): Made {
  const {
    device = 'pi',
    generation = 1,
    flows = tab({ id: 'n', type: 'comment' }),
    gates = {},
    credentials = null,
  } = options;
  const nodes = [...new Set((flows ?? []).map(({ type }) => type))];
  const content: BundleContent = { flows, env: {}, nodes, credentials_digest: null };
  const manifest = { device, generation, id: ID, created: 0, revision: contentHash(content), gates };
  const bundle: FlowBundle = { v: 1, manifest, content, credentials };
  const text = canonicalJson(bundle);
  return {
    text,
    bundle,
    message: pointTo(signer, text, { device, generation, ...(options.size && { size: options.size }) }),
  };
}

/** A signed pointer to any bytes. */
export function pointTo(
  signer: Signer,
  text: string | Buffer,
  { device = 'pi', generation = 1, size = Buffer.byteLength(text) } = {},
): FlowDesiredMessage {
  const sha256 = sha256Hex(text);
  const statement = { device, generation, id: ID, sha256, size };
  return {
    v: 1,
    ts: 0,
    generation,
    id: ID,
    url: `api/v1/device/bundles/${sha256}`,
    sha256,
    size,
    signature: signBundle(signer, statement),
    key_id: signer.key_id,
  };
}
