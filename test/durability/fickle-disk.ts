import { stat, truncate } from 'node:fs/promises';
import { listSegments, type SegmentDisk, segmentDisk, segmentPath } from '../../runtime/frames/segment-files.ts';

export interface FickleDisk {
  disk: SegmentDisk;
  /** how many calls failed, by kind */
  failed: { write: number; sync: number };
  /** The power goes: what no sync has made durable is cut off. */
  cut(folder: string): Promise<void>;
}

/**
 * The real disk, on which writes fail half done (ENOSPC) and syncs fail (EIO) by chance; after a failed sync the pages are gone, as on Linux.
 * With `lies` a sync answers without doing anything.
 */
export function fickleDisk(options: {
  random: () => number;
  writes: number;
  syncs: number;
  lies?: boolean;
}): FickleDisk {
  const durable = new Map<string, number>();
  const failed = { write: 0, sync: 0 };
  const broken = (code: string) => Object.assign(new Error(`${code}, as told`), { code });
  const sizeOf = async (path: string) => (await stat(path)).size;
  return {
    failed,
    disk: {
      ...segmentDisk,
      async create(folder, segment) {
        const path = segmentPath(folder, segment);
        const file = await segmentDisk.create(folder, segment);
        return {
          ...file,
          async write(buffers, position) {
            if (options.random() < options.writes) {
              failed.write += 1;
              const all = Buffer.concat(buffers);
              await file.write([all.subarray(0, Math.floor(options.random() * all.length))], position);
              throw broken('ENOSPC');
            }
            await file.write(buffers, position);
          },
          async datasync() {
            if (options.lies) return;
            const size = await sizeOf(path);
            if (options.random() < options.syncs) {
              failed.sync += 1;
              throw broken('EIO');
            }
            await file.datasync();
            durable.set(path, size);
          },
        };
      },
      async sync(folder, segment) {
        await segmentDisk.sync(folder, segment);
        const path = segmentPath(folder, segment);
        durable.set(path, await sizeOf(path));
      },
    },
    async cut(folder) {
      for (const { segment, size } of await listSegments(folder)) {
        const path = segmentPath(folder, segment);
        const kept = durable.get(path) ?? 0;
        if (size > kept) await truncate(path, kept);
      }
    },
  };
}
