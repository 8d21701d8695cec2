import type { CameraHost, Clock, IngestHost, Log, RetentionHost } from '../../runtime/contracts/host.ts';
import { planWithoutRois } from '../../runtime/detect/default-plan.ts';
import { createServerHost, type ServerHostParts } from '../../runtime/host.ts';
import { uuidv7 } from '../../runtime/lib/ids.ts';
import { readPictures } from '../pictures.ts';

// Our own side: what the server does with a job (decode, compare, encode the state to be committed), the whole picture being the ROI,
// as motion's is. The database answers at once.
const [file = '', width = '', height = '', fps = '30'] = process.argv.slice(2);
const jpegs = readPictures(file);
const plan = planWithoutRois('bench');
const nothing = { rows: [], rowCount: 0 };
const q = { query: async () => nothing };
const host = createServerHost({
  clock: {} as Clock,
  log: {} as Log,
  newId: () => uuidv7(),
  db: q as unknown as ServerHostParts['db'],
  cameras: {} as CameraHost,
  ingest: {} as IngestHost,
  retention: {} as RetentionHost,
  own: {} as ServerHostParts['own'],
  live: {} as ServerHostParts['live'],
  pushes: {} as ServerHostParts['pushes'],
  commands: {} as ServerHostParts['commands'],
  devices: {} as ServerHostParts['devices'],
  jobs: {
    finish: async (_job: unknown, write: (queryable: typeof q) => Promise<void>) => {
      await write(q);
      return 'done';
    },
  } as unknown as ServerHostParts['jobs'],
  events: {
    prepareImages: async () => new Map(),
    record: async () => undefined,
  } as unknown as ServerHostParts['events'],
  fleet: {
    detectionPlan: async () => plan,
    requestBurst: async () => undefined,
  } as unknown as ServerHostParts['fleet'],
});

let seq = 0;
process.on('message', async (count: number) => {
  const before = process.cpuUsage();
  for (let n = 0; n < count; n += 1) {
    const capturedAt = 1_700_000_000_000 + Math.round((seq * 1000) / Number(fps));
    const frame = {
      id: `frame-${seq}`,
      device: 'bench',
      camera: 'bench',
      seq,
      capturedAt,
      receivedAt: capturedAt,
      width: Number(width),
      height: Number(height),
      jpegQuality: 0,
    };
    const job = { id: seq, camera: 'bench', seq, attempt: 1, epoch: 1 };
    const jpeg = jpegs[seq % jpegs.length] ?? Buffer.alloc(0);
    await host.detection.compareJob(job, frame, jpeg, { flow: '' });
    seq += 1;
  }
  const { user, system } = process.cpuUsage(before);
  process.send?.({ cpu: (user + system) / 1e6, frames: count });
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
