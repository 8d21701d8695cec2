import assert from 'node:assert/strict';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { RetentionReport, RetentionStatus } from '../../../runtime/contracts/retention.ts';
import type { RetentionService } from '../../../runtime/contracts/services.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { openDoor } from '../../support/http-door.ts';

type Asked = Parameters<RetentionService['run']>[0];

describe('retention over HTTP', () => {
  const asked: Asked[] = [];
  let failing: Error | undefined;
  let door: Awaited<ReturnType<typeof openDoor>>;
  let admin: string;

  before(async () => {
    const fake = new FakeHost();
    door = await openDoor({
      retention: {
        status: async () => ({ last_run: null, next: null }) as unknown as RetentionStatus,
        async run(options): Promise<RetentionReport> {
          if (failing) throw failing;
          asked.push(options);
          return fake.retention.run(options);
        },
      },
    });
    admin = await door.userToken('admin');
  });
  after(() => door.close());

  it('is for admins only', async () => {
    const operator = await door.userToken('operator');
    assert.equal((await door.call('GET', '/api/v1/retention')).status, 401);
    assert.equal((await door.call('GET', '/api/v1/retention', { token: operator })).status, 403);
    assert.equal((await door.call('POST', '/api/v1/retention/run', { token: operator, body: {} })).status, 403);
    assert.deepEqual((await door.call('GET', '/api/v1/retention', { token: admin })).json, {
      last_run: null,
      next: null,
    });
    assert.equal(asked.length, 0);
  });

  it('deletes for real unless asked to look only, and answers what', async () => {
    const dry = await door.call('POST', '/api/v1/retention/run', {
      token: admin,
      body: { dry_run: true, work: 'space' },
    });
    assert.equal(dry.status, 200);
    assert.equal(dry.json.deleted.captures, 120);
    await door.call('POST', '/api/v1/retention/run', { token: admin });
    assert.deepEqual(
      asked.map(({ dryRun, work }) => ({ dryRun, work })),
      [
        { dryRun: true, work: 'space' },
        { dryRun: false, work: 'all' },
      ],
    );
    assert.match(asked[0]?.actor.name ?? '', /^user:admin/);
  });

  it('refuses what it does not know, and a second run at a time', async () => {
    const count = asked.length;
    for (const body of [{ dry: true }, { dry_run: 'yes' }, { work: 'none' }]) {
      const { status, json } = await door.call('POST', '/api/v1/retention/run', { token: admin, body });
      assert.deepEqual([status, json.code], [400, 'request.invalid']);
    }
    assert.equal(asked.length, count);
    failing = new AppError('retention.running', 'a run is under way', { retryAfterS: 10 });
    const { status, json, headers } = await door.call('POST', '/api/v1/retention/run', { token: admin, body: {} });
    assert.deepEqual([status, json.code, headers.get('retry-after')], [409, 'retention.running', '10']);
  });
});
