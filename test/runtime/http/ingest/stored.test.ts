import assert from 'node:assert/strict';
import type { Db } from '../../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../../support/databases.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { frameForm, jpegOf, metaOf, openIngest } from '../../../support/ingest-door.ts';
import { openFrames, tables } from '../../../support/intake-fixture.ts';

describeOnBothDatabases('frames through the door', (database) => {
  let db: Db;
  let parts: Awaited<ReturnType<typeof openFrames>>;
  let door: Awaited<ReturnType<typeof openIngest>>;

  beforeEach(async () => {
    db = await database.open();
    parts = await openFrames(db, await temporaryFolder('stored'), { attach: false });
    door = await openIngest({ accept: (frame) => parts.frames.accept(frame) });
  });

  afterEach(async () => {
    await door.close();
    await parts.stop();
  });

  it('are answered as the contract says: 503 without a flow, then 201, 200, 409', async () => {
    const [jpeg, other] = await Promise.all([jpegOf(), jpegOf(64, 48, '#fff')]);
    const early = await door.post(frameForm(jpeg));
    assert.deepEqual([early.status, early.body.code], [503, 'ingest.no_flow']);
    assert.ok(Number(early.headers.get('retry-after')) > 0);
    parts.intake.attach({ analyse: true, onFrame() {} });

    const first = await door.post(frameForm(jpeg));
    const again = await door.postJson({ ...metaOf(), image_b64: jpeg.toString('base64') });
    const taken = await door.post(frameForm(other));
    assert.deepEqual([first.status, again.status, taken.status], [201, 200, 409]);
    assert.deepEqual(again.body, { ...first.body, duplicate: true });
    assert.deepEqual([taken.body.frame_id, taken.body.last_seq], [first.body.frame_id, 1]);
    assert.ok((await parts.frames.image(first.body.frame_id ?? '')).equals(jpeg));
    const { captures, jobs } = await tables(db);
    assert.deepEqual([captures.length, jobs.length], [1, 1]);
  });

  it('become one frame when ten senders send the same at once', async () => {
    parts.intake.attach({ analyse: true, onFrame() {} });
    const form = frameForm(await jpegOf());
    const answers = await Promise.all(Array.from({ length: 10 }, () => door.post(form)));
    assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 200, 200, 200, 200, 200, 200, 200, 200, 201]);
    assert.equal(new Set(answers.map((answer) => answer.body.frame_id)).size, 1);
    assert.equal((await tables(db)).captures.length, 1);
  });
});
