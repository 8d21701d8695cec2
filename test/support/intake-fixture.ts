import { crc32 } from 'node:zlib';
import type { FrameMeta } from '../../runtime/contracts/frame.ts';
import type { StoredFrame } from '../../runtime/contracts/host.ts';
import type { IncomingFrame } from '../../runtime/contracts/services.ts';
import type { Db } from '../../runtime/db/db.ts';
import { createFrames } from '../../runtime/frames/frames.ts';
import { createFrameIntake, type IntakeLimits } from '../../runtime/frames/intake.ts';
import { replayFrames } from '../../runtime/frames/replay.ts';
import type { SegmentDisk } from '../../runtime/frames/segment-files.ts';
import { SegmentStore } from '../../runtime/frames/segment-store.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { uuidv7 } from '../../runtime/lib/ids.ts';
import { silentLog } from '../../runtime/lib/log.ts';

export const NODE_ID = 'node-a';

/** Bytes that differ for every text; the stage itself never looks into a picture. */
export function bytesOf(text: string, length = 4000): Buffer {
  return Buffer.alloc(length, `${text}|`);
}

/** A frame as the door hands it on. */
export function incoming(
  seq: number,
  options: { device?: string; camera?: string; jpeg?: Buffer; meta?: Partial<FrameMeta>; capturedAt?: number } = {},
): IncomingFrame {
  const device = options.device ?? 'pi';
  const meta = { device_id: device, capture_ts: 0, seq, width: 64, height: 48, jpeg_quality: 80, ...options.meta };
  return {
    device,
    camera: options.camera ?? `${device}-cam`,
    meta,
    capturedAt: options.capturedAt ?? 1_790_000_000_000 + seq * 1000,
    jpeg: options.jpeg ?? bytesOf(`${device} ${seq}`),
  };
}

/** Store, intake and service over a folder and a database, with a flow attached that wants jobs; as the server starts them. */
export async function openFrames(
  db: Db,
  folder: string,
  options: {
    limits?: Partial<IntakeLimits>;
    disk?: SegmentDisk;
    nodeId?: string;
    attach?: boolean;
    segmentBytes?: number;
  } = {},
) {
  const nodeId = options.nodeId ?? NODE_ID;
  const store = new SegmentStore({
    folder,
    log: silentLog,
    minFreeBytes: 0,
    ...(options.segmentBytes && { segmentBytes: options.segmentBytes }),
    ...(options.disk && { disk: options.disk }),
  });
  const intake = createFrameIntake({
    db,
    store,
    nodeId,
    clock: systemClock,
    log: silentLog,
    newId: uuidv7,
    ...(options.limits && { limits: options.limits }),
  });
  await store.start();
  const replay = await replayFrames({ db, store, nodeId, log: silentLog });
  await intake.start();
  const told: StoredFrame[] = [];
  if (options.attach !== false) intake.attach({ analyse: true, onFrame: (frame) => told.push(frame) });
  const frames = createFrames({ db, store, nodeId, intake });
  return {
    store,
    intake,
    frames,
    replay,
    told,
    async stop() {
      await intake.stop();
      await store.stop();
    },
  };
}

/** A database that can be made to fail: `down` refuses everything, `afterCommit` lets the next statement through and then lies. */
export function shaky(db: Db): {
  db: Db;
  fault: { down: boolean; inserts: boolean; afterInsert: boolean; code: string };
} {
  const fault = { down: false, inserts: false, afterInsert: false, code: '08006' };
  const fail = () => Object.assign(new Error('the connection is gone'), { code: fault.code });
  return {
    fault,
    db: {
      kind: db.kind,
      async query(text, params) {
        if (fault.down) throw fail();
        const isInsert = text.includes('insert into captures');
        if (isInsert && fault.inserts) throw fail();
        const result = await db.query(text, params);
        if (isInsert && fault.afterInsert) throw fail();
        return result as never;
      },
      tx: (work) => db.tx(work),
      listen: (channel, onNotify) => db.listen(channel, onNotify),
      close: () => db.close(),
    },
  };
}

/** What the tables say, in words that a test can compare. */
export async function tables(db: Db) {
  const captures = await db.query<{ id: string; device_id: string; seq: number; size: number; crc32: number }>(
    'select id, device_id, seq, size, crc32 from captures order by device_id, seq',
  );
  const jobs = await db.query<{ capture_id: string; camera_id: string; seq: number; state: string }>(
    'select capture_id, camera_id, seq, state from jobs order by id',
  );
  const lanes = await db.query<{ camera_id: string; enqueued: number }>(
    'select camera_id, enqueued from camera_lanes order by camera_id',
  );
  const devices = await db.query<{ id: string; last_seq: number }>('select id, last_seq from devices order by id');
  return { captures: captures.rows, jobs: jobs.rows, lanes: lanes.rows, devices: devices.rows };
}

/** crc32 of bytes, as rows hold it. */
export function crcOf(bytes: Buffer): number {
  return crc32(bytes);
}
