import assert from 'node:assert/strict';
import type { CameraTest } from '../../../runtime/contracts/cameras.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { WhepService } from '../../../runtime/contracts/live.ts';
import { openDoor } from '../../support/http-door.ts';
import { FakeStreams } from '../../support/stream-fixture.ts';

const PATH = '/api/v1/cameras/test';

describe('POST /cameras/test', () => {
  let door: Awaited<ReturnType<typeof openDoor>>;
  let asked: string[];
  let failing: Error | undefined;

  beforeEach(async () => {
    asked = [];
    failing = undefined;
    const test = async (url: string): Promise<CameraTest> => {
      asked.push(url);
      if (failing) throw failing;
      return { ok: false, code: 'camera.unreachable', reason: 'nobody answers' };
    };
    const whep = { sessions: () => [], kick: () => false } as unknown as WhepService;
    door = await openDoor({ live: { streams: new FakeStreams(), whep, sessions: [], test } });
  });

  afterEach(() => door.close());

  it('answers what came of it, to an admin only', async () => {
    const body = { url: 'rtsp://10.0.0.9/cam' };
    for (const role of ['viewer', 'operator'] as const) {
      const { status } = await door.call('POST', PATH, { token: await door.userToken(role), body });
      assert.equal(status, 403, role);
    }
    assert.equal((await door.call('POST', PATH, { body })).status, 401);
    assert.deepEqual(asked, []);
    const { status, json } = await door.call('POST', PATH, { token: await door.userToken('admin'), body });
    assert.equal(status, 200);
    assert.deepEqual(json, { ok: false, code: 'camera.unreachable', reason: 'nobody answers' });
    assert.deepEqual(asked, [body.url]);
  });

  it('refuses a body without an address, and says when it is too busy', async () => {
    const token = await door.userToken('admin');
    for (const body of [{}, { url: '' }, { url: 1 }, { url: 'sim:shelf', more: true }]) {
      assert.equal((await door.call('POST', PATH, { token, body })).status, 400, JSON.stringify(body));
    }
    assert.deepEqual(asked, []);
    failing = new AppError('stream.busy', 'two are being tried', { retryAfterS: 5 });
    const { status, json } = await door.call('POST', PATH, { token, body: { url: 'sim:shelf' } });
    assert.deepEqual([status, json.code], [503, 'stream.busy']);
  });
});
