import { randomBytes } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import type { LocalAccess } from '../../runtime/contracts/remote-cameras.ts';

const PATTERN = /^LOCAL_[A-Za-z0-9_-]{43}$/;

/** The key for this device's own network, made at its first start (seed 000, S0.38); file mode 0600. */
export async function localKey(file: string): Promise<string> {
  const known = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (PATTERN.test(known.trim())) {
    await chmod(file, 0o600);
    return known.trim();
  }
  const key = `LOCAL_${randomBytes(32).toString('base64url')}`;
  await writeFile(`${file}.new`, `${key}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return key;
}

/** Where the device is reached, as far as it knows: its addresses when it listens on all of them. */
export function localAccess(key: string, { host, port }: { host: string; port: number }): LocalAccess {
  const name = host.replace(/^\[(.*)\]$/, '$1');
  const isOpen = name === '0.0.0.0' || name === '::';
  const isHere = name === 'localhost' || name === '::1' || /^127\./.test(name);
  const hosts = isOpen ? ownAddresses() : [name.includes(':') ? `[${name}]` : name];
  return {
    local_api_key: key,
    candidate_urls: hosts.map((one) => `http://${one}:${port}`),
    mdns_name: isHere ? null : `${hostname().split('.', 1)[0]}.local`,
  };
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
}
