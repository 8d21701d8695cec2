import { lookup } from 'node:dns/promises';
import { realpath } from 'node:fs/promises';
import { BlockList, isIP } from 'node:net';
import { basename, resolve, sep } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { parseCameraUrl } from './camera-url.ts';

export interface UrlPolicy {
  /** networks (CIDR) that a camera's address may lie in */
  allow: readonly string[];
  /** folder that clips must lie in */
  clipsDir: string;
  /** for tests; default: the machine's resolver */
  resolve?: (host: string) => Promise<string[]>;
}

/**
 * Checks a camera URL that came through the API, where it could be used to reach what only the server can: every address its host has
 * must lie in an allowed network, and a clip below the clips folder, links followed. Throws `camera.url_invalid`. A URL given by the
 * environment is not asked. The name is looked up again when the camera is opened, so whoever owns the name is trusted to keep it.
 */
export function createUrlCheck(policy: UrlPolicy): (text: string) => Promise<void> {
  const networks = networksOf(policy.allow);
  const resolve = policy.resolve ?? (async (host) => (await lookup(host, { all: true })).map(({ address }) => address));
  return async (text) => {
    const url = parseCameraUrl(text);
    if (url.kind === 'file') return checkClip(url.path, policy.clipsDir);
    if (url.kind !== 'rtsp' && url.kind !== 'http' && url.kind !== 'relab') return;
    const host = new URL(url.url).hostname.replace(/^\[|\]$/g, '');
    const addresses = isIP(host)
      ? [host]
      : await resolve(host).catch((cause) => refuse(`the name ${host} cannot be resolved`, cause));
    const outside = addresses.find((address) => !contains(networks, address));
    if (outside !== undefined || addresses.length === 0) {
      refuse(`${outside ?? host} lies in no network of CAMERA_URL_ALLOW (${policy.allow.join(', ')})`);
    }
  };
}

/** Reads CIDRs; throws `setting.invalid` that names the wrong one. */
function networksOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/');
    const family = isIP(address);
    const prefix = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits);
    if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > (family === 6 ? 128 : 32)) {
      throw new AppError(
        'setting.invalid',
        `CAMERA_URL_ALLOW: ${JSON.stringify(cidr)} is no network as 192.168.0.0/16`,
        {
          field: 'CAMERA_URL_ALLOW',
        },
      );
    }
    list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

function contains(networks: BlockList, address: string): boolean {
  // The same host in IPv6 clothes is judged by its IPv4 address; URL has brought it into the hexadecimal form.
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address);
  if (mapped) {
    const words = [mapped[1], mapped[2]].map((word) => Number.parseInt(word ?? '0', 16));
    return networks.check(words.flatMap((word) => [word >> 8, word & 0xff]).join('.'), 'ipv4');
  }
  return networks.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

async function checkClip(path: string, clipsDir: string): Promise<void> {
  const [clip, folder] = await Promise.all([real(path), real(clipsDir)]);
  if (clip === undefined && resolve(path).startsWith(resolve(clipsDir) + sep)) {
    refuse(`there is no clip ${basename(path)} in ${clipsDir}`);
  }
  if (clip === undefined || folder === undefined || !clip.startsWith(folder + sep)) {
    refuse(`a clip must lie in ${clipsDir}`);
  }
}

async function real(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function refuse(why: string, cause?: unknown): never {
  throw new AppError('camera.url_invalid', `camera URL: ${why}`, { field: 'url' }, { cause });
}
