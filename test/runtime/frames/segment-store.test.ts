import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile, open, readdir, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { RecordHeader } from '../../../runtime/frames/record.ts';
import { type SegmentDisk, segmentDisk, segmentPath } from '../../../runtime/frames/segment-files.ts';
import { type Location, type NewRecord, SegmentStore } from '../../../runtime/frames/segment-store.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { temporaryFolder } from '../../support/folders.ts';

function record(seq: number, bytes = 2000): NewRecord {
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

async function store(folder: string, more: { segmentBytes?: number; disk?: SegmentDisk } = {}) {
  const made = new SegmentStore({ folder, log: silentLog, minFreeBytes: 0, ...more });
  await made.start();
  return made;
}

async function replayed(from: SegmentStore, since?: Location) {
  const seqs: number[] = [];
  const counts = await from.replay(since, async ({ header }) => {
    seqs.push(header.seq);
  });
  return { seqs, ...counts };
}

/** A disk on which the next call of a kind fails with a code, as often as told. */
function failingDisk() {
  const faults = { write: 0, datasync: 0, truncate: 0, create: 0, code: 'EIO', partial: 0 };
  const calls: string[] = [];
  const fail = (kind: 'write' | 'datasync' | 'truncate' | 'create') => {
    if (faults[kind] <= 0) return;
    faults[kind] -= 1;
    throw Object.assign(new Error(`${faults.code} on ${kind}`), { code: faults.code });
  };
  const disk: SegmentDisk = {
    ...segmentDisk,
    async create(folder, segment) {
      calls.push('create');
      fail('create');
      const file = await segmentDisk.create(folder, segment);
      return {
        ...file,
        async write(buffers, position) {
          calls.push('write');
          if (faults.write > 0 && faults.partial > 0) {
            await file.write([Buffer.concat(buffers).subarray(0, faults.partial)], position);
          }
          fail('write');
          await file.write(buffers, position);
        },
        async datasync() {
          calls.push('datasync');
          fail('datasync');
          await file.datasync();
        },
        async truncate(length) {
          calls.push('truncate');
          fail('truncate');
          await file.truncate(length);
        },
      };
    },
  };
  return { disk, faults, calls };
}

const failsWith = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

describe('SegmentStore', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await temporaryFolder('segments');
  });

  it('gives back what it took, header and bytes, also after a restart', async () => {
    const first = await store(folder);
    const records = [record(1), record(2, 300_000), record(3, 1)];
    const { locations } = await first.append(records);
    for (const [index, { header, jpeg }] of records.entries()) {
      const read = await first.read(locations[index] as Location, jpeg.length);
      assert.deepEqual(read.header, header);
      assert.ok(read.jpeg.equals(jpeg));
    }
    await first.stop();
    const second = await store(folder);
    const read = await second.read(locations[1] as Location, 0);
    assert.ok(read.jpeg.equals(records[1]?.jpeg as Buffer));
    await second.stop();
  });

  it('spends one write and one sync on a batch', async () => {
    const { disk, calls } = failingDisk();
    const made = await store(folder, { disk });
    await made.append([1, 2, 3, 4, 5].map((seq) => record(seq)));
    await made.append([record(6), record(7)]);
    assert.deepEqual(calls, ['create', 'write', 'datasync', 'write', 'datasync']);
    await made.stop();
  });

  it('takes a batch of more buffers than the system takes at once', async () => {
    const made = await store(folder);
    const many = Array.from({ length: 3000 }, (_, seq) => record(seq, 10));
    const { locations } = await made.append(many);
    assert.equal((await made.read(locations[2999] as Location, 10)).header.seq, 2999);
    await made.stop();
  });

  it('begins a new segment when the file is full, and after every restart', async () => {
    const made = await store(folder, { segmentBytes: 5000 });
    for (let seq = 0; seq < 5; seq += 1) (await made.append([record(seq)])).settle();
    assert.deepEqual(
      (await made.segments()).map(({ segment, closed }) => [segment, closed]),
      [
        [1, true],
        [2, true],
        [3, false],
      ],
    );
    await made.stop();
    const again = await store(folder, { segmentBytes: 5000 });
    const { locations } = await again.append([record(5)]);
    assert.deepEqual(locations, [{ segment: 4, offset: 0 }]);
    assert.deepEqual((await replayed(again)).seqs, [0, 1, 2, 3, 4, 5]);
    assert.deepEqual((await replayed(again, { segment: 3, offset: 0 })).seqs, [4, 5]);
    await again.stop();
  });

  it('replays from the place behind a batch', async () => {
    const made = await store(folder);
    const { end } = await made.append([record(1), record(2)]);
    await made.append([record(3)]);
    await made.stop();
    assert.deepEqual((await replayed(await store(folder), end)).seqs, [3]);
  });

  it('makes durable what an earlier process wrote before it hands that out, and only where there is something new', async () => {
    const first = await store(folder, { segmentBytes: 3000 });
    const { end } = await first.append([record(1)]);
    await first.append([record(2)]);
    await first.stop();
    const order: string[] = [];
    const disk: SegmentDisk = {
      ...segmentDisk,
      async sync(folder, segment) {
        await segmentDisk.sync(folder, segment);
        order.push(`sync ${segment}`);
      },
    };
    const next = await store(folder, { disk });
    await next.replay(end, async ({ header }) => void order.push(`record ${header.seq}`));
    assert.deepEqual(order, ['sync 2', 'record 2']);
    const failing: SegmentDisk = { ...disk, sync: () => Promise.reject(new Error('EIO')) };
    assert.deepEqual((await replayed(await store(folder, { disk: failing }))).seqs, [1, 2]);
  });

  it('passes over a torn end, whatever its shape, and goes on with the next segment', async () => {
    const made = await store(folder);
    const { locations } = await made.append([record(1), record(2)]);
    await made.stop();
    const next = await store(folder);
    await next.append([record(3)]);
    await next.stop();
    const path = segmentPath(folder, 1);
    const { size } = await stat(path);
    const second = locations[1]?.offset ?? 0;
    for (const length of [size - 1, second + 40, second + 28, second + 27, second + 1]) {
      await truncate(path, length);
      assert.deepEqual(await replayed(await store(folder)), { seqs: [1, 3], records: 2, damaged: 0, torn: 1 });
    }
    await truncate(path, second);
    assert.deepEqual(await replayed(await store(folder)), { seqs: [1, 3], records: 2, damaged: 0, torn: 0 });
    await appendFile(path, Buffer.alloc(70_000));
    assert.deepEqual(await replayed(await store(folder)), { seqs: [1, 3], records: 2, damaged: 0, torn: 1 });
  });

  it('steps over a damaged picture, and never hands it out', async () => {
    const made = await store(folder);
    const { locations } = await made.append([record(1), record(2), record(3)]);
    await made.stop();
    const file = await open(segmentPath(folder, 1), 'r+');
    await file.write(Buffer.from([1, 2, 3, 4]), 0, 4, (locations[1]?.offset ?? 0) + 1500);
    await file.close();
    const again = await store(folder);
    assert.deepEqual(await replayed(again), { seqs: [1, 3], records: 2, damaged: 1, torn: 0 });
    await assert.rejects(again.read(locations[1] as Location, 2000), failsWith('capture.bytes_gone'));
    await assert.rejects(again.read({ segment: 1, offset: 5 }, 2000), failsWith('capture.bytes_gone'));
    await assert.rejects(again.read({ segment: 9, offset: 0 }, 2000), failsWith('capture.bytes_gone'));
  });

  it('does not acknowledge on a full disk, cuts the torn end off, and goes on by itself', async () => {
    const { disk, faults } = failingDisk();
    const made = await store(folder, { disk });
    await made.append([record(1)]);
    Object.assign(faults, { write: 2, code: 'ENOSPC', partial: 900 });
    await assert.rejects(made.append([record(2)]), failsWith('disk.full'));
    await assert.rejects(made.append([record(2)]), failsWith('disk.full'));
    assert.match(made.trouble() ?? '', /full/);
    await made.append([record(3)]);
    assert.equal(made.trouble(), undefined);
    await made.stop();
    assert.deepEqual(await readdir(folder), ['000000000001.seg']);
    assert.deepEqual(await replayed(await store(folder)), { seqs: [1, 3], records: 2, damaged: 0, torn: 0 });
  });

  it('leaves a segment for good when the torn end cannot be cut off', async () => {
    const { disk, faults } = failingDisk();
    const made = await store(folder, { disk });
    await made.append([record(1)]);
    Object.assign(faults, { write: 1, truncate: 1, partial: 900 });
    await assert.rejects(made.append([record(2)]), failsWith('disk.failed'));
    assert.equal((await made.append([record(3)])).end.segment, 2);
    await made.stop();
    assert.deepEqual(await replayed(await store(folder)), { seqs: [1, 3], records: 2, damaged: 0, torn: 1 });
  });

  it('never trusts a segment again after a failed sync', async () => {
    const { disk, faults, calls } = failingDisk();
    const made = await store(folder, { disk });
    await made.append([record(1)]);
    faults.datasync = 1;
    await assert.rejects(made.append([record(2)]), failsWith('disk.failed'));
    calls.length = 0;
    assert.equal((await made.append([record(3)])).end.segment, 2);
    assert.deepEqual(calls, ['create', 'write', 'datasync']);
    await made.stop();
  });

  it('does not pile up files while the disk is full or fails', async () => {
    const { disk, faults } = failingDisk();
    const made = await store(folder, { disk });
    faults.datasync = 3;
    for (let round = 0; round < 3; round += 1) await assert.rejects(made.append([record(1)]), failsWith('disk.failed'));
    Object.assign(faults, { create: 3, code: 'ENOSPC' });
    for (let round = 0; round < 3; round += 1) await assert.rejects(made.append([record(1)]), failsWith('disk.full'));
    assert.deepEqual(await readdir(folder), []);
    await made.append([record(1)]);
    assert.equal((await readdir(folder)).length, 1);
    await made.stop();
  });

  it('refuses frames while little is free, without touching the disk', async () => {
    const { disk, calls } = failingDisk();
    let free = 1000;
    const made = new SegmentStore({
      folder,
      log: silentLog,
      minFreeBytes: 100_000,
      disk: { ...disk, freeBytes: async () => free },
    });
    await made.start();
    await assert.rejects(made.append([record(1)]), failsWith('disk.full'));
    assert.deepEqual(calls, []);
    free = 1_000_000;
    await made.append([record(1)]);
    await made.stop();
  });

  it('deletes closed segments only, and not while their rows are under way', async () => {
    const made = await store(folder, { segmentBytes: 3000 });
    const first = await made.append([record(1)]);
    assert.equal(await made.remove(1), false);
    (await made.append([record(2)])).settle();
    assert.equal(await made.remove(1), false);
    first.settle();
    first.settle();
    assert.equal(await made.remove(1), true);
    assert.equal(await made.remove(1), false);
    assert.equal(await made.remove(2), false);
    assert.deepEqual(await readdir(folder), ['000000000002.seg']);
    await made.stop();
  });

  it('lists what is there when a segment is deleted while it looks', async () => {
    const made = await store(folder);
    (await made.append([record(1)])).settle();
    // A name without a file is what a listing meets when the file goes between its two looks.
    await symlink(join(folder, 'gone'), segmentPath(folder, 2));
    assert.deepEqual(
      (await made.segments()).map((info) => info.segment),
      [1],
    );
    await made.stop();
  });

  it('gives no number twice, even when the files that had it are gone', async () => {
    const made = await store(folder);
    made.numbersAbove(41);
    assert.equal((await made.append([record(1)])).end.segment, 42);
    await made.stop();
    await made.stop();
  });

  it('keeps its hands off files that are not its own', async () => {
    await writeFile(join(folder, 'notes.txt'), 'mine');
    await writeFile(join(folder, '7.seg'), 'mine');
    const made = await store(folder);
    assert.deepEqual(await made.segments(), []);
    assert.deepEqual(await replayed(made), { seqs: [], records: 0, damaged: 0, torn: 0 });
  });
});
