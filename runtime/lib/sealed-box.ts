import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

const INFO = 'redeye pairing v1';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** A key pair for one pairing: X25519, the public part as its 32 bytes in base64url. */
export function newBoxKeys(): { publicKey: string; privateKey: string } {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return { publicKey: bytesOf(publicKey).toString('base64url'), privateKey: jwkPart(privateKey, 'd') };
}

/**
 * Encrypts a text for whoever has the private part of `publicKey` (base64url): X25519 with an ephemeral key, HKDF-SHA-256, AES-256-GCM.
 * Throws for what is no key, and for the points that would make the secret known to anybody (RFC 7748 §6.1).
 */
export function sealFor(publicKey: string, text: string): string {
  const theirs = Buffer.from(publicKey, 'base64url');
  const own = generateKeyPairSync('x25519');
  const ephemeral = bytesOf(own.publicKey);
  const iv = randomBytes(IV_BYTES);
  const key = agree(own.privateKey, keyOf(theirs), ephemeral, theirs);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([ephemeral, iv, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** Opens what `sealFor` made; throws when it was tampered with or is for somebody else. */
export function openSealed(keys: { publicKey: string; privateKey: string }, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const ephemeral = bytes.subarray(0, KEY_BYTES);
  const iv = bytes.subarray(KEY_BYTES, KEY_BYTES + IV_BYTES);
  const tag = bytes.subarray(KEY_BYTES + IV_BYTES, KEY_BYTES + IV_BYTES + TAG_BYTES);
  const ours = Buffer.from(keys.publicKey, 'base64url');
  const own = createPrivateKey({
    key: { kty: 'OKP', crv: 'X25519', x: keys.publicKey, d: keys.privateKey },
    format: 'jwk',
  });
  const decipher = createDecipheriv('aes-256-gcm', agree(own, keyOf(ephemeral), ephemeral, ours), iv);
  decipher.setAuthTag(tag);
  const text = bytes.subarray(KEY_BYTES + IV_BYTES + TAG_BYTES);
  return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
}

function agree(own: KeyObject, other: KeyObject, ephemeral: Buffer, recipient: Buffer): Buffer {
  const shared = diffieHellman({ privateKey: own, publicKey: other });
  return Buffer.from(hkdfSync('sha256', shared, Buffer.concat([ephemeral, recipient]), INFO, 32));
}

function keyOf(bytes: Buffer): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: bytes.toString('base64url') }, format: 'jwk' });
}

function bytesOf(key: KeyObject): Buffer {
  return Buffer.from(jwkPart(key, 'x'), 'base64url');
}

function jwkPart(key: KeyObject, part: 'x' | 'd'): string {
  return key.export({ format: 'jwk' })[part] ?? '';
}
