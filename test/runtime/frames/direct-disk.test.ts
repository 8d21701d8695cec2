import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { constants, readdir, readFile, readlink, stat, unlink } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { directDisk } from '../../../runtime/frames/direct-disk.ts';
import type { RecordHeader } from '../../../runtime/frames/record.ts';
import { segmentDisk, segmentPath } from '../../../runtime/frames/segment-files.ts';
import { type Location, type NewRecord, SegmentStore } from '../../../runtime/frames/segment-store.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { temporaryFolder } from '../../support/folders.ts';

const MIB = 1024 * 1024;

function record(seq: number, bytes: number): NewRecord {
  const jpeg = randomBytes(bytes);
  const header: RecordHeader = {
    id: `0198c000-0000-7000-8000-${String(seq).padStart(12, '0')}`,
    device: 'pi',
    camera: 'pi-cam',
    seq,
    capturedAt: 1_790_000_000_000 + seq,
    receivedAt: 1_790_000_001_000 + seq,
    width: 64,
    height: 48,
    quality: 80,
    analyse: true,
    meta: { notes: 'grüße' },
  };
  return { header, jpeg, crc: crc32(jpeg) };
}

async function openStore(folder: string, disk = directDisk(), segmentBytes = 64 * MIB) {
  const made = new SegmentStore({ folder, log: silentLog, minFreeBytes: 0, segmentBytes, disk });
  await made.start();
  return made;
}

async function checkAll(store: SegmentStore, records: readonly NewRecord[], locations: readonly Location[]) {
  for (const [index, { header, jpeg }] of records.entries()) {
    const read = await store.read(locations[index] as Location, jpeg.length);
    assert.deepEqual(read.header, header);
    assert.ok(read.jpeg.equals(jpeg), `frame ${header.seq}`);
  }
}

async function seqsIn(store: SegmentStore): Promise<number[]> {
  const seqs: number[] = [];
  const counts = await store.replay(undefined, async ({ header }) => void seqs.push(header.seq));
  assert.deepEqual([counts.damaged, counts.torn], [0, 0]);
  return seqs;
}

describe('directDisk', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await temporaryFolder('direct');
  });

  it('gives back every frame, of batches small and larger than its memory, before and after a restart', async () => {
    const store = await openStore(folder);
    const all: { records: NewRecord[]; locations: Location[] } = { records: [], locations: [] };
    let seq = 0;
    for (const sizes of [[1], [70_000, 4096, 333], [3 * MIB, 3 * MIB + 17, 3 * MIB, 100], [5000], [MIB, MIB, MIB]]) {
      const records = sizes.map((bytes) => record(seq++, bytes));
      const { locations, end } = await store.append(records);
      assert.equal(end.offset % 4096, 0);
      await checkAll(store, records, locations);
      all.records.push(...records);
      all.locations.push(...locations);
    }
    await checkAll(store, all.records, all.locations);
    await store.stop();
    const again = await openStore(folder);
    await checkAll(again, all.records, all.locations);
    assert.deepEqual(
      await seqsIn(again),
      all.records.map(({ header }) => header.seq),
    );
    await again.stop();
  });

  it('goes past the page cache', async () => {
    if (constants.O_DIRECT === undefined) return;
    const store = await openStore(folder);
    await store.append([record(1, 10_000)]);
    const flags: number[] = [];
    for (const fd of await readdir('/proc/self/fd')) {
      const target = await readlink(`/proc/self/fd/${fd}`).catch(() => '');
      if (target !== segmentPath(folder, 1)) continue;
      const [, octal = ''] = /^flags:\s+(\d+)/m.exec(await readFile(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
      flags.push(Number.parseInt(octal, 8));
    }
    assert.ok(
      flags.some((each) => (each & constants.O_DIRECT) !== 0),
      `flags ${flags.join(' ')}`,
    );
    await store.stop();
  });

  it('has what was written last in memory, and no more than it can hold', async () => {
    const store = await openStore(folder);
    const records = [1, 2, 3, 4, 5].map((seq) => record(seq, MIB));
    const locations: Location[] = [];
    for (const each of records) locations.push(...(await store.append([each])).locations);
    await unlink(segmentPath(folder, 1));
    await checkAll(store, records.slice(2), locations.slice(2));
    await assert.rejects(
      store.read(locations[0] as Location, MIB),
      (error) => error instanceof AppError && error.code === 'capture.bytes_gone',
    );
    await store.stop();
  });

  it('does not take one segment for another', async () => {
    const store = await openStore(folder, directDisk(), 100_000);
    const first = record(1, 80_000);
    const second = record(2, 80_000);
    const { locations } = await store.append([first]);
    const after = await store.append([second]);
    assert.deepEqual(
      [...locations, ...after.locations].map(({ segment, offset }) => [segment, offset]),
      [
        [1, 0],
        [2, 0],
      ],
    );
    await checkAll(store, [first, second], [...locations, ...after.locations]);
    await store.stop();
  });

  it('goes on behind segments that were written otherwise', async () => {
    const plain = await openStore(folder, segmentDisk);
    await plain.append([record(1, 1000), record(2, 1001)]);
    await plain.stop();
    assert.notEqual((await stat(segmentPath(folder, 1))).size % 4096, 0);
    const direct = await openStore(folder);
    await direct.append([record(3, 1000)]);
    await direct.stop();
    const last = await openStore(folder);
    assert.deepEqual(await seqsIn(last), [1, 2, 3]);
    await last.stop();
  });

  it('writes as ever once the file system takes no direct write', async () => {
    const file = await directDisk().create(folder, 1);
    const whole = randomBytes(8192);
    await file.write([whole], 0);
    // What is no whole block is refused by every file system that knows direct writes.
    const rest = randomBytes(100);
    await file.write([rest], 8192);
    await file.write([rest], 8292);
    await file.datasync();
    assert.equal(file.recent?.(0, 100), undefined);
    await file.close();
    assert.ok((await readFile(segmentPath(folder, 1))).equals(Buffer.concat([whole, rest, rest])));
  });

  it('hands out nothing of a write that failed, and the second try at the same place counts', async () => {
    const file = await directDisk().create(folder, 1);
    const [first, second, third] = [randomBytes(8192), randomBytes(4096), randomBytes(4096)];
    await file.write([first], 0);
    await file.write([second], 8192);
    // As the store does after a batch that failed half done.
    await file.truncate(8192);
    await file.write([third], 8192);
    assert.ok(file.recent?.(8192, 4096)?.equals(third));
    await file.close();
    await assert.rejects(file.write([second], 12_288));
    assert.equal(file.recent?.(12_288, 4096), undefined);
    assert.ok((await readFile(segmentPath(folder, 1))).equals(Buffer.concat([first, third])));
  });
});
