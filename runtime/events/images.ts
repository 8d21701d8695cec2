import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Transition } from '../contracts/detection.ts';
import { isFrameLost } from '../contracts/errors.ts';
import type { ImageRole } from '../contracts/events.ts';
import type { StoredFrame } from '../contracts/host.ts';
import type { Queryable } from '../db/db.ts';
import { type EventImage, eventImageSources } from '../db/event-images.repo.ts';
import { syncFolder, writeFileDurably } from '../lib/files.ts';
import { makeThumbnail } from '../picture/thumbnail.ts';

export type ReadFrame = (captureId: string) => Promise<{ frame: StoredFrame; jpeg: Buffer }>;

/** Pictures that lie safely on disk and wait for their rows, by event id. */
export interface PreparedImages {
  images: Map<string, EventImage[]>;
  /** what could not be had: event id → role → why */
  missing: Map<string, Partial<Record<ImageRole, string>>>;
}

/**
 * Copies the frames of events out of the segments, as plain files that outlive those. A picture that is there already from the same
 * frame is left alone; one whose bytes are gone is left out and named. Other errors (full disk, database away) are thrown.
 */
export async function prepareImages(
  options: { q: Queryable; folder: string; readFrame: ReadFrame },
  transitions: Transition[],
): Promise<PreparedImages> {
  const prepared: PreparedImages = { images: new Map(), missing: new Map() };
  if (transitions.length === 0) return prepared;
  const known = await eventImageSources(
    options.q,
    transitions.map(({ event }) => event),
  );
  const load = loadOnce(options.readFrame);
  for (const transition of transitions) {
    const { event, frames } = transition;
    const images = new Map((prepared.images.get(event) ?? []).map((image) => [image.role, image]));
    const missing = prepared.missing.get(event) ?? {};
    const put = async (role: ImageRole, frame: StoredFrame, picture: Picture) => {
      const path = imagePath(frame.device, transition, role);
      await writeInNewFolder(options.folder, path, picture.jpeg);
      const { jpeg, width, height } = picture;
      images.set(role, { role, path, captureId: frame.id, width, height, size: jpeg.length });
      delete missing[role];
    };
    for (const role of ['pre', 'during', 'post'] as const) {
      const id = frames[role];
      if (id === undefined || known.get(`${event}/${role}`) === id) continue;
      const loaded = await load(id);
      if (typeof loaded === 'string') missing[role] = loaded;
      else await put(role, loaded.frame, { ...loaded.frame, jpeg: loaded.jpeg });
    }
    for (const id of [frames.during, frames.pre]) {
      if (id === undefined) continue;
      if (known.get(`${event}/thumb`) === id) break;
      const loaded = await load(id);
      const thumbnail = typeof loaded === 'string' ? loaded : await thumbnailOf(loaded.jpeg);
      if (typeof loaded === 'string' || typeof thumbnail === 'string') {
        missing.thumb = String(thumbnail);
        continue;
      }
      await put('thumb', loaded.frame, thumbnail);
      break;
    }
    prepared.images.set(event, [...images.values()]);
    if (Object.keys(missing).length > 0) prepared.missing.set(event, missing);
    else prepared.missing.delete(event);
  }
  return prepared;
}

interface Picture {
  jpeg: Buffer;
  width: number;
  height: number;
}

/** Reads each frame once; a frame that is gone for good becomes the reason in words. */
function loadOnce(readFrame: ReadFrame) {
  const loads = new Map<string, Promise<{ frame: StoredFrame; jpeg: Buffer } | string>>();
  return (id: string) => {
    const load =
      loads.get(id) ??
      readFrame(id).catch((error: unknown) => {
        if (isFrameLost(error)) return reasonOf(error);
        throw error;
      });
    loads.set(id, load);
    return load;
  };
}

async function thumbnailOf(jpeg: Buffer): Promise<Picture | string> {
  try {
    return await makeThumbnail(jpeg);
  } catch (error) {
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `events/<device>/<yyyy-mm-dd>/<event id>/<role>.jpg`; the day is that of the start, so that all phases share one folder. */
function imagePath(device: string, transition: Transition, role: ImageRole): string {
  const day = new Date(transition.startedAt).toISOString().slice(0, 10);
  return `events/${device}/${day}/${transition.event}/${role}.jpg`;
}

/** Also the folders that had to be made are durable: each is synced into its parent. */
async function writeInNewFolder(root: string, path: string, data: Buffer): Promise<void> {
  const file = join(root, path);
  const folder = dirname(file);
  const first = await mkdir(folder, { recursive: true });
  if (first !== undefined) {
    for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
  }
  await writeFileDurably(file, data);
}
