import assert from 'node:assert/strict';
import { KEY, openIngest } from '../../../support/ingest-door.ts';

describe('device routes', () => {
  let door: Awaited<ReturnType<typeof openIngest>>;

  beforeEach(async () => {
    door = await openIngest();
  });

  afterEach(async () => {
    await door.close();
  });

  const get = (query: string, headers: Record<string, string> = { 'X-DEVICE-KEY': KEY }) =>
    fetch(`${door.url}/device/config${query}`, { headers });

  describe('GET /api/v1/device/config', () => {
    it('answers the configuration to its device, in any case of its id, by either header', async () => {
      for (const query of ['?device_id=pi', '?device_id=PI', '']) {
        const response = await get(query, { 'X-API-Key': KEY });
        assert.equal(response.status, 200);
        assert.deepEqual(await response.json(), door.config);
      }
    });

    it('answers 304 while nothing but last_seq has changed, and tells last_seq in a header', async () => {
      const first = await get('?device_id=pi');
      const tag = first.headers.get('etag') ?? '';
      assert.match(tag, /^W\/"[\w-]+"$/);
      door.config.last_seq = 8;
      for (const header of [tag, tag.slice(2), `"x", ${tag}`, '*']) {
        const again = await get('?device_id=pi', { 'X-DEVICE-KEY': KEY, 'If-None-Match': header });
        assert.deepEqual([again.status, await again.text()], [304, '']);
        assert.deepEqual([again.headers.get('etag'), again.headers.get('x-last-seq')], [tag, '8']);
      }
      door.config.mode = 'burst';
      const changed = await get('?device_id=pi', { 'X-DEVICE-KEY': KEY, 'If-None-Match': tag });
      assert.equal(changed.status, 200);
      assert.notEqual(changed.headers.get('etag'), tag);
    });

    it('answers 401 without a known key, 403 for another or disabled device, 400 for two ids', async () => {
      const cases: [string, Record<string, string>, number, string][] = [
        ['?device_id=pi', {}, 401, 'auth.missing'],
        ['?device_id=pi', { 'X-DEVICE-KEY': 'wrong' }, 401, 'auth.invalid'],
        ['?device_id=zero', { 'X-DEVICE-KEY': KEY }, 403, 'device.foreign'],
        ['?device_id=off', { 'X-DEVICE-KEY': 'cam_off_secret' }, 403, 'device.disabled'],
        ['?device_id=pi&device_id=zero', { 'X-DEVICE-KEY': KEY }, 400, 'request.invalid'],
      ];
      for (const [query, headers, status, code] of cases) {
        const response = await get(query, headers);
        const body = (await response.json()) as { ok: boolean; code: string };
        assert.deepEqual([response.status, body.ok, body.code], [status, false, code]);
      }
    });
  });

  describe('POST /api/v1/ingest/heartbeat', () => {
    const beat = (body: unknown, headers: Record<string, string> = {}) =>
      door.postJson(body, headers, '/ingest/heartbeat');

    it('notes what the device says', async () => {
      const body = { device_id: 'PI', rssi: -70, battery_mv: 3600, fw_version: '2', health: { uptime_s: 5, other: 1 } };
      const answer = await beat(body);
      assert.deepEqual([answer.status, answer.body], [200, { ok: true, last_seen: '2026-09-21T14:13:20.000Z' }]);
      assert.deepEqual(door.beats, [{ ...body, device_id: 'pi' }]);
    });

    it('refuses what is wrong, with the field', async () => {
      const cases: [unknown, number, string | undefined][] = [
        [{}, 400, 'device_id'],
        [[], 400, 'body'],
        [null, 400, 'body'],
        [{ device_id: 'pi', rssi: 'x' }, 400, 'rssi'],
        [{ device_id: 'pi', fw_version: '\0' }, 400, 'fw_version'],
        [{ device_id: 'pi', health: { '\ud800': 1 } }, 400, 'health'],
        [{ device_id: 'zero' }, 403, 'device_id'],
      ];
      for (const [body, status, field] of cases) {
        const answer = await beat(body);
        assert.deepEqual([answer.status, answer.body.ok, answer.body.field], [status, false, field]);
      }
      assert.equal((await beat({ device_id: 'pi' }, { 'X-DEVICE-KEY': 'wrong' })).status, 401);
      const long = await door.post('x'.repeat(70_000), { 'Content-Type': 'application/json' }, '/ingest/heartbeat');
      assert.equal(long.status, 413);
      assert.deepEqual(door.beats, []);
    });
  });
});
