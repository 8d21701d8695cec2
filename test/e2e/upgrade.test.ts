import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EventRecord } from '../../runtime/contracts/events.ts';
import { makeSchema } from '../../runtime/db/migrate.ts';
import { openPostgres } from '../../runtime/db/postgres.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { ServerUnderTest } from '../support/servers.ts';

const EVENT = '0198c000-0000-7000-8000-000000000001';
const hash = (text: string) => createHash('sha256').update(text).digest('hex');

describe('an upgrade', function () {
  this.timeout(180_000);

  it('takes the database of the first version along: devices, numbers, regions and events are as they were', async () => {
    const postgres = await startPostgres();
    const db = await openPostgres({ url: postgres.url(), log: silentLog, clock: systemClock });
    await db.tx(async (q) => {
      await makeSchema(q, 1);
      await q.query(
        `insert into devices (id, name, last_seq) values ('pi', 'Kitchen', 41);
         insert into cameras (id, device_id, name) values ('pi-cam', 'pi', 'Shelf');
         insert into rois (camera_id, version, rois, created_by) values ('pi-cam', 1,
           '[{"id": 1, "name": "left", "kind": "inventory", "points": [[0.1, 0.1], [0.3, 0.1], [0.3, 0.4]]}]', 'user:admin');
         insert into events (id, type, state, device_id, camera_id, rois, started_at, ended_at, stock_changed, score, note, keep)
           values ('${EVENT}', 'interaction_detected', 'closed', 'pi', 'pi-cam', '{left}', now() - interval '1 hour',
                   now() - interval '59 minutes', true, 0.4, 'a bottle', true)`,
      );
    });
    await db.close();
    const server = await ServerUnderTest.start({ DATABASE_URL: postgres.url() });
    const event = await server.api.get<EventRecord>(`/events/${EVENT}`);
    assert.deepEqual(
      [event.stock_changed, event.note, event.keep, event.rois, event.state],
      [true, 'a bottle', true, ['left'], 'closed'],
    );
    const device = await server.api.get<{ name: string; last_seq: number }>('/devices/pi');
    assert.deepEqual([device.name, device.last_seq], ['Kitchen', 41]);
    const { rois } = await server.api.get<{ rois: { name: string }[] }>('/cameras/pi-cam/rois');
    assert.deepEqual(
      rois.map((roi) => roi.name),
      ['left'],
    );
    await server.api.get('/retention');
    await server.end();

    // The same folder, as a version with other flows would have left it: one tab as it came, one with words of the owner.
    const frames = join(server.flowsDir, 'server/frames-in.json');
    const detection = join(server.flowsDir, 'server/detection.json');
    const memoryFile = join(server.folder, 'data/node-red/shipped.json');
    const memory = JSON.parse(await readFile(memoryFile, 'utf8')) as Record<string, unknown>;
    const shipped = await readFile(frames, 'utf8');
    const older = shipped.replace('durably', 'safely');
    assert.notEqual(older, shipped);
    const edited = (await readFile(detection, 'utf8')).replace('"info": "', '"info": "Words of the owner. ');
    await writeFile(frames, older);
    await writeFile(detection, edited);
    memory['server/frames-in.json'] = { placed: hash(older), shipped: hash(older) };
    memory['server/detection.json'] = { placed: hash('as it came'), shipped: hash('as it came') };
    await writeFile(memoryFile, JSON.stringify(memory));
    await server.start();
    assert.equal(await readFile(frames, 'utf8'), shipped, 'an untouched tab follows the product');
    assert.equal(await readFile(detection, 'utf8'), edited, 'an edited one stays');
    assert.match(
      server.program.lines.join('\n'),
      /flows edited here are kept; a newer version is shipped: server\/detection\.json/,
    );
    await server.end();
  });
});
