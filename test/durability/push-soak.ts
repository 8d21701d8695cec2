import { join } from 'node:path';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { createCameraSet } from '../../runtime/media/camera-set.ts';
import { RPICAM_VID } from '../../runtime/media/drivers/parts.ts';
import { createPushFile } from '../../runtime/media/push/memory.ts';
import { Pushes } from '../../runtime/media/push/pushes.ts';
import { createStreams } from '../../runtime/media/stream/streams.ts';
import { patternClip } from '../support/clips.ts';
import { temporaryFolder } from '../support/folders.ts';
import { RtmpIngest } from '../support/rtmp-ingest.ts';
import { type CycleReport, pushCycles } from './push-cycles.ts';

const WARM_UP = 5;
/** The heap breathes by less than this between two looks. */
const HEAP_MB = 8;

/** A camera of a file over the hub to a real RTMP server that is killed and brought back so many times. */
export async function pushSoak(count: number, onCycle: (n: number, backMs: number) => void): Promise<CycleReport> {
  const clip = await patternClip(10);
  const folder = await temporaryFolder('push-soak');
  const ingest = await RtmpIngest.start();
  const parts = { clock: systemClock, log: silentLog, ffmpegPath: 'ffmpeg' };
  const cameras = createCameraSet({ ...parts, cameras: [{ id: 'gate', url: `file:${clip}` }] });
  const streams = createStreams({ ...parts, cameras, rpicamVid: RPICAM_VID });
  const keys = join(folder, 'keys');
  const memory = createPushFile(join(folder, 'pushes.json'));
  const resolve = (camera: string) => camera;
  const pushes = new Pushes({ ...parts, streams: async () => streams, folder: keys, resolve, memory });
  try {
    await cameras.start();
    await streams.start();
    await pushes.start();
    pushes.declare({ name: 'out', camera: 'gate', url: ingest.url, key: 'again' }, { started: true });
    return await pushCycles({ pushes, name: 'out', ingest, keys, onCycle }, count, WARM_UP);
  } finally {
    await pushes.stop();
    await streams.stop();
    await cameras.stop();
    await ingest.kill();
  }
}

/** What of a report is broken, in words; nothing: all was given back. */
export function leftBehind({ before, after }: CycleReport): string[] {
  const counted = (['children', 'descriptors', 'keys'] as const).flatMap((what) =>
    after[what] > before[what] ? [`${what}: ${before[what]} → ${after[what]}`] : [],
  );
  const heap = after.heapMb - before.heapMb > HEAP_MB;
  return [...counted, ...(heap ? [`heap: ${before.heapMb.toFixed(1)} → ${after.heapMb.toFixed(1)} MB`] : [])];
}

/** The report as a table. */
export function pushTable({ before, after, backMs }: CycleReport): string {
  const sorted = backMs.toSorted((one, other) => one - other);
  const seconds = (ms = 0) => `${(ms / 1000).toFixed(2)} s`;
  const rows = Object.keys(before).map((what) => {
    const [first, last] = [before, after].map((one) => one[what as keyof typeof before]);
    return `| ${what} | ${first?.toFixed(1)} | ${last?.toFixed(1)} |`;
  });
  const back = `${backMs.length} kills; live again after ${seconds(sorted[Math.floor(sorted.length / 2)])} (median), ${seconds(sorted.at(-1))} (worst)`;
  return `${back}\n\n| held | before | after |\n|---|---|---|\n${rows.join('\n')}\n`;
}
