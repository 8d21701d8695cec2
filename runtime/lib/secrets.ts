import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { AppError } from '../contracts/errors.ts';
import { writeFileDurably } from './files.ts';
import { parser } from './validate.ts';

const SecretFile = Type.Record(Type.String(), Type.String({ pattern: '^[0-9a-f]{64}$' }));
const parse = parser(SecretFile, 'setting.invalid');

/**
 * Secrets of this installation, 256 bits each, by name: made at the first start and kept in one file that only its owner may read.
 * Whoever loses the file loses what was encrypted with it, so backups must hold it. A damaged file throws; it is never replaced.
 */
export async function openSecrets<Name extends string>(
  folder: string,
  names: readonly Name[],
): Promise<Record<Name, Buffer>> {
  const path = join(folder, 'secrets.json');
  const known = await readSecrets(path);
  const missing = names.filter((name) => known[name] === undefined);
  for (const name of missing) known[name] = randomBytes(32).toString('hex');
  if (missing.length > 0) await writeFileDurably(path, `${JSON.stringify(known, null, 2)}\n`, 0o600);
  return Object.fromEntries(names.map((name) => [name, Buffer.from(known[name] ?? '', 'hex')])) as Record<Name, Buffer>;
}

async function readSecrets(path: string): Promise<Static<typeof SecretFile>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    return parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError(
      'setting.invalid',
      `${path} is damaged; restore it from a backup`,
      { field: 'DATA_DIR' },
      { cause },
    );
  }
}

/** Encrypts short texts with AES-256-GCM; what was tampered with does not open. */
export function createCipher(key: Buffer) {
  return {
    seal(text: string): string {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, iv);
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return `v1.${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')}`;
    },
    open(text: string): string {
      const bytes = Buffer.from(text.replace(/^v1\./, ''), 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
    },
  };
}
