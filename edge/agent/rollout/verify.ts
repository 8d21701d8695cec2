import {
  type BundleStatement,
  FlowBundle,
  FlowDesiredMessage,
  MAX_BUNDLE_BYTES,
  type SigningKeyRecord,
} from '../../../runtime/contracts/deployments.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { canonicalJson, contentHash, sha256Hex } from '../../../runtime/lib/canonical-json.ts';
import { isBundleSigned } from '../../../runtime/lib/signatures.ts';
import { parser } from '../../../runtime/lib/validate.ts';

const parseMessage = parser(FlowDesiredMessage, 'bundle.invalid');
const parseContent = parser(FlowBundle, 'bundle.invalid');

/** What a device knows of itself when it judges a deployment. */
export interface Judge {
  device: string;
  /** the key that was pinned; undefined: none yet */
  pinned: SigningKeyRecord | undefined;
  /** the highest generation ever taken */
  generation: number;
}

/**
 * Looks at the pointer before a byte is fetched: shape, generation, key, signature. The statement is made from what this device knows
 * of itself, so a bundle for another one has no valid signature here. Throws `bundle.invalid`, `bundle.stale`, `bundle.untrusted`.
 */
export function checkDesired(body: unknown, judge: Judge): { message: FlowDesiredMessage; statement: BundleStatement } {
  const message = parseMessage(structuredClone(body));
  const { generation, id, key_id, sha256, signature, size, url } = message;
  if (generation <= judge.generation)
    throw new AppError('bundle.stale', `generation ${generation} is not above ${judge.generation}`);
  if (!judge.pinned) throw new AppError('bundle.untrusted', 'this device knows no signing key yet');
  if (key_id !== judge.pinned.key_id)
    throw new AppError('bundle.untrusted', `it is signed by key ${key_id}; this device trusts ${judge.pinned.key_id}`);
  if (!url.endsWith(`/${sha256}`)) throw new AppError('bundle.invalid', 'its address is not that of its hash');
  const statement = { device: judge.device, generation, id, sha256, size };
  if (!isBundleSigned(judge.pinned.public_key, statement, signature))
    throw new AppError('bundle.untrusted', 'its signature is not valid for this device');
  return { message, statement };
}

/** Looks at the fetched bytes: size, hash, form, and that they are what was signed. Throws `bundle.invalid`. */
export function checkBundle(bytes: Buffer, statement: BundleStatement): FlowBundle {
  const { device, generation, id, sha256, size } = statement;
  if (bytes.length !== size) throw new AppError('bundle.invalid', `it has ${bytes.length} bytes in place of ${size}`);
  if (sha256Hex(bytes) !== sha256) throw new AppError('bundle.invalid', 'its hash is not the one that was signed');
  const bundle = parseBundle(bytes);
  const { manifest } = bundle;
  if (manifest.device !== device || manifest.generation !== generation || manifest.id !== id)
    throw new AppError('bundle.invalid', 'its manifest is that of another deployment');
  return bundle;
}

/** A bundle from its bytes: canonical JSON, with the revision that its content has. Throws `bundle.invalid`. */
export function parseBundle(bytes: Buffer): FlowBundle {
  if (bytes.length > MAX_BUNDLE_BYTES) throw new AppError('bundle.invalid', 'it is too large');
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
    if (canonicalJson(value) !== text) throw new TypeError('it is not in canonical form');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('bundle.invalid', `it cannot be read: ${why}`.slice(0, 300), {}, { cause });
  }
  const bundle = parseContent(value);
  if (contentHash(bundle.content) !== bundle.manifest.revision)
    throw new AppError('bundle.invalid', 'its content is not the one of its revision');
  return bundle;
}
