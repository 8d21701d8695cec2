import { cameraBytes } from '../db/retention.repo.ts';
import type { RetentionRule } from '../db/retention-rules.repo.ts';
import { removeCaptures } from './captures.ts';
import { eventImageBytes, removeEventImages } from './event-images.ts';
import { GIGABYTE } from './limits.ts';
import type { Run } from './run.ts';
import { removeOldestSegments, segmentBytes } from './segments.ts';

const MEGABYTE = 1e6;
const EVERY_CAMERA = { except: [] };

/** Brings cameras that have a size of their own below it: the oldest frames first, then the pictures of the oldest events. */
export async function limitCameras(run: Run, rules: readonly RetentionRule[]): Promise<void> {
  for (const { camera, maxMb } of rules) {
    if (maxMb === undefined) continue;
    const used = await cameraBytes(run.parts.db, camera);
    const excess = used.captures + used.images - (run.goneBytes.get(camera) ?? 0) - maxMb * MEGABYTE;
    if (excess <= 0) continue;
    const freed = await removeCaptures(run, { camera }, { bytes: excess });
    if (freed < excess) await removeEventImages(run, { camera }, { bytes: excess - freed });
  }
}

/** Brings segments and pictures of events together below the limit of the site. */
export async function limitSize(run: Run): Promise<void> {
  const { maxBytes } = run.parts.limits;
  if (maxBytes === undefined) return;
  const excess = (await segmentBytes(run)) + (await eventImageBytes(run)) - maxBytes;
  if (excess <= 0) return;
  const left = excess - (await removeOldest(run, excess));
  if (left > 0) run.note(`${gigabytes(left)} over the limit of size: the rest is kept, not analysed, or being written`);
}

/** Deletes until enough of the disk is free. */
export async function limitFreeDisk(run: Run): Promise<void> {
  const { freeBytes, limits } = run.parts;
  if (limits.minFreeBytes === 0) return;
  const free = (await freeBytes()) + (run.dry ? run.freedBytes : 0);
  const missing = limits.minFreeBytes - free;
  if (missing <= 0) return;
  const left = missing - (await removeOldest(run, missing));
  if (left > 0) run.note(`${gigabytes(left)} more should be free: the rest is kept, not analysed, or not ours`);
}

/**
 * Staging goes before pictures of events, which are what people look for; each the oldest first. Segments count by their number,
 * not by a clock. Answers the bytes.
 */
async function removeOldest(run: Run, bytes: number): Promise<number> {
  const freed = await removeOldestSegments(run, bytes);
  return freed < bytes ? freed + (await removeEventImages(run, EVERY_CAMERA, { bytes: bytes - freed })) : freed;
}

/** Bytes for people. */
export function gigabytes(bytes: number): string {
  return bytes < GIGABYTE / 10 ? `${Math.ceil(bytes / MEGABYTE)} MB` : `${(bytes / GIGABYTE).toFixed(1)} GB`;
}
