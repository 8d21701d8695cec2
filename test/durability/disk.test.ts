import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Db } from '../../runtime/db/db.ts';
import { listSegments, type SegmentDisk, type SegmentFile, segmentDisk } from '../../runtime/frames/segment-files.ts';
import { describeOnBothDatabases } from '../support/databases.ts';
import { temporaryFolder } from '../support/folders.ts';
import { incoming, openFrames } from '../support/intake-fixture.ts';
import { random } from '../support/scenes.ts';
import { until } from '../support/until.ts';
import { broken, compareRows, type StoredFrame } from './checker.ts';
import { fickleDisk } from './fickle-disk.ts';
import { Ledger, sha256 } from './ledger.ts';

const ROUNDS = 4;
const FRAMES = 60;
const SEED = Number(process.env.DURABILITY_SEED ?? Date.now() % 1_000_000);

describeOnBothDatabases(`frames on a disk that fails (DURABILITY_SEED=${SEED})`, (database) => {
  let db: Db;
  let folder: string;
  let ledger: Ledger;

  beforeEach(async () => {
    db = await database.open();
    // What the door knows before a frame comes.
    await db.query(`insert into devices (id, name) values ('pi', 'pi')`);
    await db.query(`insert into cameras (id, name, device_id) values ('pi-cam', 'pi', 'pi')`);
    folder = await temporaryFolder('fickle');
    ledger = new Ledger(join(await temporaryFolder('ledger'), 'ledger.jsonl'));
  });

  afterEach(() => ledger.close());

  /** Sends frames that mostly come again when they were refused; then the power goes. Answers what a clean start finds. */
  async function rounds(fickle: ReturnType<typeof fickleDisk>): Promise<StoredFrame[]> {
    const next = random(SEED + 1);
    for (let round = 0; round < ROUNDS; round += 1) {
      const parts = await openFrames(db, folder, { disk: fickle.disk, segmentBytes: 60_000 });
      const send = async (seq: number) => {
        const frame = incoming(seq);
        for (let attempt = 0; attempt < 3; attempt += 1) {
          const line = ledger.send('pi', seq, sha256(frame.jpeg));
          const accepted = await parts.frames.accept(frame).catch(() => undefined);
          line.answered(accepted ? (accepted.outcome === 'conflict' ? 409 : 200) : 503);
          if (accepted || next() < 0.3) return;
        }
      };
      const seqs = Array.from({ length: FRAMES }, (_, n) => round * FRAMES + n);
      // A few at a time, so that there are many batches.
      while (seqs.length > 0) await Promise.all(seqs.splice(0, 5).map(send));
      await parts.stop();
      await fickle.cut(folder);
    }
    const parts = await openFrames(db, folder);
    const { rows } = await db.query<{ id: string; seq: number }>(`select id, seq from captures where device_id = 'pi'`);
    const stored: StoredFrame[] = [];
    for (const { id, seq } of rows) {
      const jpeg = await parts.frames.image(id).catch(() => undefined);
      stored.push({ id, key: `pi ${seq}`, sha: jpeg && sha256(jpeg) });
    }
    await parts.stop();
    return stored;
  }

  it('are there when they were acknowledged, though writes are cut short, syncs fail, and the power goes', async () => {
    const fickle = fickleDisk({ random: random(SEED), writes: 0.1, syncs: 0.1 });
    const found = compareRows(ledger, await rounds(fickle));
    assert.equal(broken(found), 0, JSON.stringify(found));
    assert.ok(fickle.failed.write > 0 && fickle.failed.sync > 0, JSON.stringify(fickle.failed));
    assert.ok(ledger.summary().ok > FRAMES);
  });

  /** A process dies between write and sync, the next one puts the frame back and promises it, and then the power goes. */
  async function killedThenCut(change: Partial<SegmentDisk>): Promise<Buffer | undefined> {
    const fickle = fickleDisk({ random: random(SEED), writes: 0, syncs: 0 });
    const disk = { ...fickle.disk, ...change };
    let file: SegmentFile | undefined;
    const killed = await openFrames(db, folder, {
      disk: {
        ...disk,
        async create(...where) {
          file = await segmentDisk.create(...where);
          return { ...file, datasync: () => new Promise(() => undefined) };
        },
      },
    });
    const frame = incoming(1);
    void killed.frames.accept(frame);
    await until('the bytes are written', async () => ((await listSegments(folder))[0]?.size ?? 0) > frame.jpeg.length);
    await file?.close();
    const next = await openFrames(db, folder, { disk });
    const { outcome, frameId } = await next.frames.accept(frame);
    assert.equal(outcome, 'duplicate');
    await next.stop();
    await fickle.cut(folder);
    const last = await openFrames(db, folder);
    const jpeg = await last.frames.image(frameId).catch(() => undefined);
    await last.stop();
    return jpeg;
  }

  it('survive a power cut that follows a kill between write and sync', async () => {
    assert.ok((await killedThenCut({}))?.equals(incoming(1).jpeg));
  });

  it('would not survive it if the start after the kill did not sync them', async () => {
    assert.equal(await killedThenCut({ sync: async () => undefined }), undefined);
  });

  it('are missed by the checker when the disk says that it synced and did not', async () => {
    const fickle = fickleDisk({ random: random(SEED), writes: 0, syncs: 0, lies: true });
    const found = compareRows(ledger, await rounds(fickle));
    assert.ok(found.lost.length > FRAMES, JSON.stringify(found));
  });
});
