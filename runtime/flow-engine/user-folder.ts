import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureFolder, writeFileDurably } from '../lib/files.ts';

const PACKAGE = {
  name: 'redeye-flows',
  description: 'What the flows of this machine need',
  version: '0.0.1',
  private: true,
};

/**
 * Makes Node-RED's own folder (a storage module does not) with the package.json it expects, and answers the secret that encrypts
 * the flows' credentials: made once, kept in a file that only its owner reads.
 */
export async function openUserFolder(folder: string): Promise<{ credentialSecret: string }> {
  await ensureFolder(folder, 0o700);
  await readOrMake(join(folder, 'package.json'), () => `${JSON.stringify(PACKAGE, null, 2)}\n`, 0o644);
  const secret = await readOrMake(join(folder, 'credential-secret'), () => randomBytes(32).toString('hex'), 0o600);
  return { credentialSecret: secret.trim() };
}

async function readOrMake(path: string, make: () => string, mode: number): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const text = make();
    await writeFileDurably(path, text, mode);
    return text;
  }
}
