import { join } from 'node:path';
import type { BundleStatement } from '../../../runtime/contracts/deployments.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { type CallServer, NoAnswer } from '../server-http.ts';
import type { Disk } from './disk.ts';

/** Fetched at a time: what a cut costs at most. */
const PIECE_BYTES = 256 * 1024;

export interface Fetching {
  folder: string;
  disk: Disk;
  call: CallServer;
  signal: AbortSignal;
}

/**
 * Brings a bundle's bytes, piece by piece by Range, each kept on disk: a fetch that was cut, by the network or by the end of the
 * agent, goes on where it was. Throws NoAnswer (try again later) or `bundle.gone`, when the server does not have it.
 */
export async function fetchBundle(
  { sha256, size }: Pick<BundleStatement, 'sha256' | 'size'>,
  { folder, disk, call, signal }: Fetching,
): Promise<Buffer> {
  const path = join(folder, 'fetched.part');
  const head = join(folder, 'fetched.of');
  let have: Buffer = Buffer.alloc(0);
  if ((await disk.read(head))?.toString('utf8') === sha256) have = (await disk.read(path)) ?? have;
  else {
    await disk.remove(path);
    await disk.write(head, sha256);
  }
  while (have.length < size) {
    const end = Math.min(have.length + PIECE_BYTES, size) - 1;
    const answer = await call({
      method: 'GET',
      path: `api/v1/device/bundles/${sha256}`,
      headers: { range: `bytes=${have.length}-${end}` },
      signal,
    });
    if (answer.status === 404 || answer.status === 410)
      throw new AppError('bundle.gone', 'the server does not have this bundle (any more)');
    const piece = pieceOf(answer, have.length, size);
    await disk.append(path, piece);
    have = Buffer.concat([have, piece]);
  }
  return have;
}

/** Forgets what was fetched: it was used, or was not what it should be. */
export async function forgetFetched({ folder, disk }: Pick<Fetching, 'folder' | 'disk'>): Promise<void> {
  await disk.remove(join(folder, 'fetched.part'));
  await disk.remove(join(folder, 'fetched.of'));
}

function pieceOf(answer: Awaited<ReturnType<CallServer>>, from: number, size: number): Buffer {
  const { status, headers, body } = answer;
  // A proxy that knows no ranges sends the whole.
  if (status === 200 && body.length > from) return body.subarray(from, size);
  if (status !== 206) throw new NoAnswer(`the bundle was answered with ${status}`);
  const start = /^bytes (\d+)-/.exec(String(headers['content-range'] ?? ''))?.[1];
  if (Number(start) !== from || body.length === 0) throw new NoAnswer('another part of the bundle came');
  return body.subarray(0, size - from);
}
