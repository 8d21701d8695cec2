import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import type { BundleStatement, SigningKeyRecord, SigningKeys } from '../contracts/deployments.ts';
import { canonicalJson } from './canonical-json.ts';

/** What is signed begins with what it is, so that a signature made for one thing is worth nothing for another. */
const BUNDLE = 'redeye-flow-bundle.1\n';
const KEY = 'redeye-signing-key.1\n';

/** Name of a public key: the first 64 bits of its SHA-256. It finds a key; trust comes from the key itself. */
export function keyIdOf(publicKey: string): string {
  return createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest('hex').slice(0, 16);
}

/** An Ed25519 key that can sign (RFC 8032). */
export interface Signer {
  key_id: string;
  /** 32 bytes, base64url */
  public_key: string;
  sign(data: string): string;
}

/** A new private key as PKCS#8 PEM. */
export function newSigningKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** A signer from PKCS#8 PEM; throws for any other kind of key. */
export function signerOf(pem: string): Signer {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError('the key is not an Ed25519 one');
  const { x: publicKey = '' } = createPublicKey(key).export({ format: 'jwk' });
  return {
    key_id: keyIdOf(publicKey),
    public_key: publicKey,
    sign: (data) => sign(null, Buffer.from(data), key).toString('base64url'),
  };
}

/** Signs what a bundle is and whom it is for. */
export function signBundle(signer: Signer, statement: BundleStatement): string {
  return signer.sign(statementText(statement));
}

/** Tells whether the holder of the key vouches for this bundle, device and generation. */
export function isBundleSigned(publicKey: string, statement: BundleStatement, signature: string): boolean {
  return isSigned(publicKey, statementText(statement), signature);
}

/** The new key, vouched for by the old one. */
export function signSuccessor(old: Signer, next: Pick<Signer, 'key_id' | 'public_key'>): SigningKeyRecord {
  const { key_id, public_key } = next;
  return { key_id, public_key, signed_by: old.key_id, signature: old.sign(keyText(public_key, old.key_id)) };
}

/**
 * The key to trust from now on for who trusts `pinned`: the served one, if each key on the way to it was signed by the one before;
 * undefined when there is no such way.
 */
export function followRotations(pinned: SigningKeyRecord, served: SigningKeys): SigningKeyRecord | undefined {
  const { current, rotations } = served;
  let trusted = pinned;
  for (let steps = 0; steps <= rotations.length; steps += 1) {
    if (trusted.public_key === current.public_key) return trusted;
    const next = rotations.find((record) => isSuccessor(trusted, record));
    if (!next) return undefined;
    trusted = next;
  }
  return undefined;
}

/** Tells whether the record's key is vouched for by the trusted one. */
export function isSuccessor(
  trusted: SigningKeyRecord,
  { key_id, public_key, signed_by, signature }: SigningKeyRecord,
): boolean {
  if (signed_by !== trusted.key_id || signature === undefined || keyIdOf(public_key) !== key_id) return false;
  return isSigned(trusted.public_key, keyText(public_key, signed_by), signature);
}

function statementText({ device, generation, id, sha256, size }: BundleStatement): string {
  return BUNDLE + canonicalJson({ device, generation, id, sha256, size });
}

function keyText(publicKey: string, signedBy: string): string {
  return KEY + canonicalJson({ public_key: publicKey, signed_by: signedBy });
}

function isSigned(publicKey: string, text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, 'base64url');
  // Several texts stand for the same bytes; only the one that we write counts.
  if (bytes.length !== 64 || bytes.toString('base64url') !== signature) return false;
  const key = publicKeyOf(publicKey);
  return key !== undefined && verify(null, Buffer.from(text), key, bytes);
}

function publicKeyOf(publicKey: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  } catch {
    return undefined;
  }
}
