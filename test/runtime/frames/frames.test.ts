import assert from 'node:assert/strict';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { bytesOf, incoming, openFrames } from '../../support/intake-fixture.ts';

const failsWith = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;
const UNKNOWN = '0198c000-0000-7000-8000-00000000dead';

describeOnBothDatabases('frames service', (database) => {
  let db: Db;
  let parts: Awaited<ReturnType<typeof openFrames>>;

  beforeEach(async () => {
    db = await database.open();
    parts = await openFrames(db, await temporaryFolder('frames'), { segmentBytes: 10_000 });
  });

  afterEach(async () => {
    await parts.stop();
  });

  it('tells of a capture what was sent, and where its picture is', async () => {
    const frame = incoming(3, { meta: { notes: 'top shelf', rssi: -50 }, capturedAt: 1_790_000_000_123 });
    const { frameId } = await parts.frames.accept(frame);
    const { received_at, ...record } = await parts.frames.get(frameId);
    assert.deepEqual(record, {
      id: frameId,
      device: 'pi',
      camera: 'pi-cam',
      seq: 3,
      captured_at: '2026-09-21T14:13:20.123Z',
      width: 64,
      height: 48,
      jpeg_quality: 80,
      size: 4000,
      image: `/api/v1/captures/${frameId}/image.jpg`,
      meta: { notes: 'top shelf', rssi: -50 },
    });
    assert.ok(Math.abs(Date.now() - Date.parse(received_at)) < 10_000);
    assert.ok((await parts.frames.image(frameId)).equals(bytesOf('pi 3')));
  });

  it('lists newest first, page by page, each capture once, also when many came in the same millisecond', async () => {
    await Promise.all(Array.from({ length: 25 }, (_, seq) => parts.frames.accept(incoming(seq))));
    const seen: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = await parts.frames.list({ limit: 10, cameras: null, ...(cursor && { cursor }) });
      seen.push(...page.items.map((item) => item.id));
      cursor = page.next ?? undefined;
      pages += 1;
    } while (cursor !== undefined);
    assert.equal(pages, 3);
    assert.equal(new Set(seen).size, 25);
    const { rows } = await db.query<{ id: string }>('select id from captures order by received_at desc, id desc');
    assert.deepEqual(
      seen,
      rows.map((row) => row.id),
    );
    assert.equal((await parts.frames.list({ limit: 25, cameras: null })).next, null);
  });

  it('lists what is asked for, and only cameras that may be seen', async () => {
    for (const device of ['a', 'b']) {
      for (const seq of [0, 1]) await parts.frames.accept(incoming(seq, { device }));
    }
    const count = async (query: object) =>
      (await parts.frames.list({ limit: 50, cameras: null, ...query })).items.length;
    assert.equal(await count({}), 4);
    assert.equal(await count({ device: 'a' }), 2);
    assert.equal(await count({ camera: 'b-cam' }), 2);
    assert.equal(await count({ device: 'a', camera: 'b-cam' }), 0);
    assert.equal(await count({ cameras: ['a-cam'] }), 2);
    assert.equal(await count({ cameras: ['a-cam'], camera: 'b-cam' }), 0);
    assert.equal(await count({ cameras: [] }), 0);
    await db.query(`update captures set received_at = to_timestamp(1000 + seq) where device_id = 'a'`);
    assert.equal(await count({ from: 1_000_000, to: 1_001_000 }), 1);
    assert.equal(await count({ from: 1_000_001, to: 1_001_001 }), 1);
    assert.equal(await count({ to: 1_000_000 }), 0);
    assert.equal(await count({ from: 2_000_000 }), 2);
  });

  it('refuses a cursor that no list gave', async () => {
    for (const cursor of ['', 'x', Buffer.from('1.2').toString('base64url'), 'AAAA'.repeat(100)]) {
      await assert.rejects(parts.frames.list({ limit: 10, cameras: null, cursor }), failsWith('request.invalid'));
    }
  });

  it('knows no capture by an unknown or impossible id', async () => {
    for (const id of [UNKNOWN, 'x', "' or 1=1", '']) {
      await assert.rejects(parts.frames.get(id), failsWith('capture.not_found'));
      await assert.rejects(parts.frames.image(id), failsWith('capture.not_found'));
      await assert.rejects(parts.frames.read(id), failsWith('capture.not_found'));
    }
  });

  it('says that bytes are gone when their segment is, and never gives another picture', async () => {
    const ids: string[] = [];
    for (const seq of [0, 1, 2, 3]) ids.push((await parts.frames.accept(incoming(seq))).frameId);
    const [first = '', second = ''] = ids;
    await db.query(
      `update captures set segment_offset = (select segment_offset from captures where id = $2) where id = $1`,
      [first, second],
    );
    await assert.rejects(parts.frames.image(first), failsWith('capture.bytes_gone'));
    assert.equal(await parts.store.remove(1), true);
    await assert.rejects(parts.frames.image(second), failsWith('capture.bytes_gone'));
    assert.equal((await parts.frames.get(second)).seq, 1);
    assert.ok((await parts.frames.image(ids[3] ?? '')).equals(bytesOf('pi 3')));
  });
});
