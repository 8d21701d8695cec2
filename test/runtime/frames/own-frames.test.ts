import assert from 'node:assert/strict';
import { SERVER_DEVICE } from '../../../runtime/contracts/ids.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { insertDevice } from '../../../runtime/db/devices.repo.ts';
import { OwnFrames } from '../../../runtime/frames/own-frames.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { bytesOf, incoming, openFrames, shaky, tables } from '../../support/intake-fixture.ts';
import { until } from '../../support/until.ts';

const NOW = 1_790_000_000_000;

function still(name: string, camera = 'gate') {
  return { jpeg: bytesOf(name), camera, capturedAt: NOW, width: 64, height: 48, jpegQuality: 80 };
}

describeOnBothDatabases("frames of the server's own cameras", (database) => {
  let db: Db;
  let folder: string;
  let clock: FakeClock;
  let opened: Awaited<ReturnType<typeof openFrames>>;
  let own: OwnFrames;
  let failed: number;

  const open = async (through: Db = db) => {
    opened = await openFrames(through, folder);
    const { accept } = opened.frames;
    failed = 0;
    const frames: Pick<typeof opened.frames, 'accept'> = {
      accept: (frame) =>
        accept(frame).catch((error) => {
          failed += 1;
          throw error;
        }),
    };
    own = new OwnFrames({ db: through, frames, clock, log: silentLog, isOwn: (id) => id !== 'pi-cam' });
    await own.start();
  };
  const close = async () => {
    await own.stop();
    await opened.stop();
  };
  const numbers = async () => (await tables(db)).captures.map(({ device_id, seq }) => [device_id, seq]);

  beforeEach(async () => {
    db = await database.open();
    folder = await temporaryFolder('own-frames');
    clock = new FakeClock();
    await insertDevice(db, { id: SERVER_DEVICE, name: 'Server', at: new Date(NOW) });
  });

  afterEach(() => close());

  it('are numbered from 0 in the order in which they came, each with a job', async () => {
    await open();
    const stored = await Promise.all(['a', 'b', 'c'].map((name) => own.store(still(name))));
    assert.deepEqual(
      stored.map(({ seq }) => seq),
      [0, 1, 2],
    );
    const { captures, jobs } = await tables(db);
    assert.deepEqual(
      captures.map(({ id, seq }) => [id, seq]),
      stored.map(({ id, seq }) => [id, seq]),
    );
    assert.deepEqual(
      jobs.map(({ camera_id, seq }) => [camera_id, seq]),
      [0, 1, 2].map((seq) => ['gate', seq]),
    );
  });

  it('go on with the next number after a restart, also when the row was lost with the crash', async () => {
    await open();
    await own.store(still('a'));
    await close();
    // The bytes are on disk and the row is not committed: the start puts it in.
    const broken = shaky(db);
    await open(broken.db);
    broken.fault.inserts = true;
    const lost = own.store(still('b'));
    lost.catch(() => undefined);
    await until('a try has failed', () => failed > 0);
    await close();
    await assert.rejects(lost, { code: 'flows.stopped' });
    broken.fault.inserts = false;
    await open();
    const { seq } = await own.store(still('c'));
    const all = (await numbers()).map(([, number]) => number);
    assert.deepEqual(all, [...new Set(all)], 'none twice');
    assert.equal(seq, Math.max(...all.map(Number)));
    assert.deepEqual(
      all,
      all.map((_, at) => at),
      'none left out',
    );
  });

  it('wait for a database that is away, and are there once when only the answer was lost', async () => {
    const broken = shaky(db);
    await open(broken.db);
    await own.store(still('a'));
    broken.fault.afterInsert = true;
    const both = Promise.all([own.store(still('b')), own.store(still('c'))]);
    await until('the answers were lost', () => failed === 2);
    assert.equal((await numbers()).length, 3);
    broken.fault.afterInsert = false;
    const stored = until('both are stored', async () => {
      await clock.advance(1000);
      return Promise.race([both, Promise.resolve(undefined)]);
    });
    assert.deepEqual(
      (await stored).map(({ seq }) => seq),
      [1, 2],
    );
    assert.deepEqual(
      await numbers(),
      [0, 1, 2].map((seq) => [SERVER_DEVICE, seq]),
    );
  });

  it('take another number when somebody else has used theirs', async () => {
    await open();
    await own.store(still('a'));
    await opened.frames.accept(incoming(1, { device: SERVER_DEVICE, camera: 'gate' }));
    await opened.frames.accept(incoming(2, { device: SERVER_DEVICE, camera: 'gate' }));
    const stored = own.store(still('b'));
    const { seq } = await until('it is stored', async () => {
      await clock.advance(1);
      return Promise.race([stored, Promise.resolve(undefined)]);
    });
    assert.equal(seq, 3);
  });

  it('are refused for a camera of a device, and when too many wait', async () => {
    const broken = shaky(db);
    await open(broken.db);
    await assert.rejects(own.store(still('x', 'pi-cam')), { code: 'camera.foreign' });
    broken.fault.down = true;
    const waiting = Array.from({ length: 64 }, (_, at) => own.store(still(`${at}`)));
    await assert.rejects(own.store(still('one more')), { code: 'ingest.busy' });
    broken.fault.down = false;
    await until('all are stored', async () => {
      await clock.advance(1000);
      return (await numbers()).length === 64;
    });
    assert.deepEqual(
      (await Promise.all(waiting)).map(({ seq }) => seq),
      waiting.map((_, at) => at),
    );
  });

  it('are refused after stop', async () => {
    await open();
    await own.stop();
    await assert.rejects(own.store(still('a')), { code: 'flows.stopped' });
  });
});
