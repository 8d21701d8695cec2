import { createDecipheriv, createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { ifThere } from '../lib/files.ts';

/**
 * The credentials that were typed into the editor, by node, in clear. Node-RED keeps them in `userDir` as `{"$": iv + base64}`, encrypted
 * with AES-256-CTR under the SHA-256 of the secret beside them. Throws `flow.invalid` where they cannot be read.
 */
export async function readCredentials(userDir: string): Promise<Record<string, unknown>> {
  const text = await ifThere(() => readFile(join(userDir, 'credentials.json'), 'utf8'));
  if (text === undefined) return {};
  try {
    const stored = JSON.parse(text) as Record<string, unknown>;
    const { $: sealed } = stored;
    if (typeof sealed !== 'string') return stored;
    const secret = (await readFile(join(userDir, 'credential-secret'), 'utf8')).trim();
    const key = createHash('sha256').update(secret).digest();
    const decipher = createDecipheriv('aes-256-ctr', key, Buffer.from(sealed.slice(0, 32), 'hex'));
    const clear = decipher.update(sealed.slice(32), 'base64', 'utf8') + decipher.final('utf8');
    return JSON.parse(clear) as Record<string, unknown>;
  } catch (cause) {
    throw new AppError('flow.invalid', 'the credentials of the flows cannot be read', {}, { cause });
  }
}
