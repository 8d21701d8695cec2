import assert from 'node:assert/strict';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Reservation } from '../../../edge/spool/reservation.ts';
import type { Spool } from '../../../edge/spool/spool.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { frame, labelOf, noting, spoolIn } from './support.ts';

describe('the spool', () => {
  let data: string;
  let spools: Spool[];

  const open = async (options: Parameters<typeof spoolIn>[1] = {}) => {
    const spool = spoolIn(data, options);
    spools.push(spool);
    await spool.start();
    return spool;
  };
  const settled = async (options: Parameters<typeof spoolIn>[1] = {}) => {
    const spool = await open(options);
    await spool.settle(-1);
    return spool;
  };
  const drain = async (spool: Spool) => {
    const taken: [number, string][] = [];
    for (let next = await spool.take(); next; next = await spool.take()) {
      taken.push([next.seq, labelOf(next.frame)]);
      await spool.acknowledge(next.seq);
    }
    return taken;
  };

  beforeEach(async () => {
    data = await temporaryFolder('spool');
    spools = [];
  });
  afterEach(async () => {
    for (const spool of spools) await spool.stop();
  });

  it('gives frames back oldest first, whole, with the numbers it promised', async () => {
    const spool = await settled();
    assert.deepEqual(await Promise.all(['a', 'b', 'c'].map((label) => spool.add(frame(label)))), [
      { seq: 0 },
      { seq: 1 },
      { seq: 2 },
    ]);
    const first = await spool.take();
    assert.deepEqual(first?.frame.meta, frame('a').meta);
    assert.deepEqual(await drain(spool), [
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ]);
    assert.deepEqual(spool.counts(), { frames: 0, bytes: 0, dropped: 0, rejected: 0, aside: 0 });
  });

  it('goes on with the next number after a restart, clean or not, with an empty spool or a full one', async () => {
    const first = await settled();
    await first.add(frame('a'));
    await first.add(frame('b'));
    // No stop: the process was killed.
    const second = await open();
    assert.deepEqual(await drain(second), [
      [0, 'a'],
      [1, 'b'],
    ]);
    const third = await open();
    assert.deepEqual(await third.add(frame('c')), { seq: 2 });
    await drain(third);
    await third.stop();
    assert.deepEqual(await (await open()).add(frame('d')), { seq: 3 });
  });

  it('never gives a number twice when the folder is emptied behind its back', async () => {
    const first = await settled();
    for (const label of ['a', 'b', 'c']) await first.add(frame(label));
    await rm(join(data, 'spool'), { recursive: true });
    const { seq } = await (await open()).add(frame('d'));
    assert.ok(seq !== undefined && seq > 2, `${seq}`);
  });

  it('goes on by its files when the counter is lost or unreadable', async () => {
    const first = await settled();
    await first.add(frame('a'));
    await first.stop();
    await writeFile(join(data, 'sequence.json'), '{"bou');
    assert.deepEqual(await (await open()).add(frame('b')), { seq: 1 });
  });

  it('holds frames without a number when counter and files are lost, until the server has told its last_seq', async () => {
    const spool = await open();
    assert.equal(spool.settled, false);
    assert.deepEqual(await spool.add(frame('a')), {});
    assert.deepEqual(await spool.add(frame('b')), {});
    assert.equal(await spool.take(), undefined);
    // Killed meanwhile: still no number.
    const again = await open();
    assert.equal(again.settled, false);
    assert.deepEqual(await again.add(frame('c')), {});
    await again.settle(500);
    assert.deepEqual(await again.add(frame('d')), { seq: 504 });
    assert.deepEqual(await drain(again), [
      [501, 'a'],
      [502, 'b'],
      [503, 'c'],
      [504, 'd'],
    ]);
  });

  it('goes above the server when the server knows more', async () => {
    const spool = await settled();
    await spool.add(frame('a'));
    await spool.settle(90);
    assert.deepEqual(await spool.add(frame('b')), { seq: 91 });
    await spool.settle(3);
    assert.deepEqual(await spool.add(frame('c')), { seq: 92 });
  });

  it('renumbers what waits above the last number the server knows, in order, and remembers it', async () => {
    const spool = await settled();
    for (const label of ['a', 'b', 'c']) await spool.add(frame(label));
    assert.equal(await spool.renumber(40), 3);
    assert.deepEqual(await spool.add(frame('d')), { seq: 44 });
    const again = await open();
    assert.deepEqual(await drain(again), [
      [41, 'a'],
      [42, 'b'],
      [43, 'c'],
      [44, 'd'],
    ]);
    assert.deepEqual(await again.add(frame('e')), { seq: 45 });
  });

  it('moves only the frames it must when it renumbers', async () => {
    const spool = await settled();
    await spool.add(frame('a'));
    await spool.settle(9);
    await spool.add(frame('b'));
    assert.equal(await spool.renumber(4), 1);
    assert.deepEqual(await drain(spool), [
      [5, 'a'],
      [10, 'b'],
    ]);
  });

  it('drops the oldest when it is full, counts them and says so once a minute', async () => {
    const lines: Parameters<typeof noting>[0] = [];
    const clock = new FakeClock();
    const spool = await settled({ maxBytes: 1000, clock, log: noting(lines) });
    for (let n = 0; n < 10; n += 1) await spool.add(frame(`${n}`, 200));
    const { frames, bytes, dropped } = spool.counts();
    assert.ok(bytes <= 1000, `${bytes}`);
    assert.equal(frames + dropped, 10);
    const gaps = () => lines.filter((line) => line.message.includes('dropped')).map((line) => line.fields);
    assert.deepEqual(gaps(), [{ count: 1, from: 0, to: 0 }]);
    await clock.advance(60_000);
    await spool.add(frame('10', 200));
    assert.deepEqual(gaps()[1], { count: dropped, from: 1, to: dropped });
    const [first] = await drain(spool);
    assert.deepEqual(first, [dropped + 1, `${dropped + 1}`]);
  });

  it('does not drop the frame that is on its way', async () => {
    const spool = await settled({ maxBytes: 1000 });
    await spool.add(frame('0', 200));
    const sending = await spool.take();
    for (let n = 1; n < 8; n += 1) await spool.add(frame(`${n}`, 200));
    assert.equal(sending?.seq, 0);
    assert.deepEqual((await spool.take())?.seq, 0);
  });

  it('refuses a frame that is larger than it may be, and lives on', async () => {
    const spool = await settled({ maxBytes: 1000 });
    await assert.rejects(spool.add(frame('big', 2000)), { code: 'spool.full' });
    assert.deepEqual(await spool.add(frame('small')), { seq: 0 });
  });

  it('sets torn and alien files aside at the start and counts them, the number of a torn one stays used', async () => {
    const first = await settled();
    for (const label of ['a', 'b']) await first.add(frame(label));
    const folder = join(data, 'spool');
    const [, torn] = (await readdir(folder)).sort();
    await truncate(join(folder, String(torn)), 50);
    await writeFile(join(folder, 'holiday.jpg'), 'x');
    await writeFile(join(folder, `.${'0'.repeat(16)}.frame.0123456789ab.tmp`), 'half');
    const second = await open();
    assert.equal(second.counts().aside, 2);
    assert.deepEqual(await second.add(frame('c')), { seq: 2 });
    assert.deepEqual(await drain(second), [
      [0, 'a'],
      [2, 'c'],
    ]);
    assert.deepEqual((await readdir(join(folder, 'aside'))).sort(), [torn, 'holiday.jpg'].sort());
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  it('notices a flipped bit when the frame is due, and sends the next', async () => {
    const spool = await settled();
    for (const label of ['a', 'b']) await spool.add(frame(label));
    const path = join(data, 'spool', '0000000000000000.frame');
    const bytes = await readFile(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await writeFile(path, bytes);
    assert.deepEqual(await drain(spool), [[1, 'b']]);
    assert.equal(spool.counts().aside, 1);
  });

  it('keeps rejected frames apart, a hundred at most, and does not use their numbers again', async () => {
    const spool = await settled({ maxBytes: 10_000_000 });
    for (let n = 0; n < 105; n += 1) {
      const { seq } = await spool.add(frame(`${n}`));
      await spool.reject(Number(seq));
    }
    const names = (await readdir(join(data, 'spool', 'rejected'))).sort();
    assert.equal(names.length, 100);
    assert.equal(names.at(-1), '0000000000000104.frame');
    assert.equal(spool.counts().rejected, 105);
    assert.deepEqual(await (await open()).add(frame('next')), { seq: 105 });
  });

  it('makes room by dropping the oldest when the disk is full, and refuses only when nothing is left to drop', async () => {
    const spool = await settled();
    for (const label of ['a', 'b', 'c']) await spool.add(frame(label));
    const before = (await readdir(join(data, 'spool'))).length;
    // The disk takes another file only when two are gone.
    const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    const cover = Reservation.prototype.cover;
    let room = before - 2;
    Reservation.prototype.cover = async function (n) {
      if (spool.counts().frames > room) throw full;
      await cover.call(this, n);
    };
    try {
      assert.deepEqual(await spool.add(frame('d')), { seq: 3 });
      assert.equal(spool.counts().dropped, 2);
      room = -1;
      await assert.rejects(spool.add(frame('e')), { code: 'disk.full' });
    } finally {
      Reservation.prototype.cover = cover;
    }
    assert.deepEqual(await spool.add(frame('f')), { seq: 4 });
  });

  it('refuses more than it can write instead of growing', async () => {
    const spool = await settled({ maxBytes: 100_000_000 });
    const answers = await Promise.allSettled(
      Array.from({ length: 60 }, (_, n) => spool.add(frame(`${n}`, 1024 * 1024))),
    );
    const refused = answers.filter((answer) => answer.status === 'rejected');
    assert.equal(refused.length, 12);
    assert.equal(spool.counts().frames, 48);
  });

  it('takes nothing after its end', async () => {
    const spool = await settled();
    await spool.stop();
    await spool.stop();
    await assert.rejects(spool.add(frame('late')), { code: 'spool.full' });
  });
});
