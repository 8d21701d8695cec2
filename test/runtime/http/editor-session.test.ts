import assert from 'node:assert/strict';
import type { DeploymentService, FleetService } from '../../../runtime/contracts/services.ts';
import { openDoor } from '../../support/http-door.ts';

describe("the session of the flow editor at the product's API", () => {
  let door: Awaited<ReturnType<typeof openDoor>>;
  const asked: string[] = [];

  before(async () => {
    const note = (what: string) => async () => {
      asked.push(what);
      return { items: [], next: null, devices: [] };
    };
    const deployments = {
      list: note('list'),
      create: note('create'),
      preview: note('preview'),
      running: note('running'),
    };
    const fleet = { devices: async () => [] };
    door = await openDoor({
      deployments: deployments as unknown as DeploymentService,
      fleet: fleet as unknown as FleetService,
    });
  });
  after(() => door.close());
  beforeEach(() => {
    asked.length = 0;
  });

  /** Somebody in the editor, by its session. */
  async function session(
    role: 'viewer' | 'operator' | 'admin',
    cameras: string[] | null,
    mayEditFlows = true,
  ): Promise<string> {
    await door.userToken(role, cameras);
    const user = door.users.users.at(-1);
    assert.ok(user);
    user.mayEditFlows = mayEditFlows;
    return door.accounts.openEditorSession(user);
  }
  const status = async (token: string, method: string, path: string, body?: object) =>
    (await door.call(method, `/api/v1${path}`, { token, body })).status;

  it('counts where the sidebar Edge needs it, and nowhere else', async () => {
    const token = await session('admin', null);
    for (const [method, path, body] of [
      ['GET', '/auth/me'],
      ['GET', '/devices'],
      ['GET', '/deployments'],
      ['POST', '/deployments/preview', { target: 'all' }],
      ['POST', '/deployments', { target: 'all' }],
      ['GET', '/devices/pi/flows'],
    ] as const)
      assert.ok((await status(token, method, path, body)) < 300, `${method} ${path}`);
    assert.deepEqual(asked, ['list', 'preview', 'create', 'running']);
    for (const path of ['/users', '/events', '/devices/pi', '/cameras', '/retention', '/audit'])
      assert.equal(await status(token, 'GET', path), 401, path);
  });

  it('deploys for an administrator of all cameras only, whoever may edit flows', async () => {
    for (const [role, cameras, looks] of [
      ['viewer', null, 403],
      ['operator', null, 200],
      ['operator', ['gate'], 403],
      ['admin', ['gate'], 403],
    ] as const) {
      const token = await session(role, cameras && [...cameras]);
      assert.equal(await status(token, 'GET', '/deployments'), looks, `${role} ${cameras}`);
      for (const path of ['/deployments', '/deployments/preview'])
        assert.equal(await status(token, 'POST', path, { target: 'all' }), 403, `${role} ${cameras} ${path}`);
      assert.equal(await status(token, 'GET', '/devices/pi/flows'), 403);
    }
    assert.deepEqual(asked, ['list']);
  });

  it('ends with the right to edit flows, and with the session', async () => {
    assert.equal(await status(await session('admin', null, false), 'GET', '/deployments'), 401);
    const token = await session('admin', null);
    await door.accounts.endEditorSession(token);
    assert.equal(await status(token, 'GET', '/deployments'), 401);
    assert.equal(await status('red_nonsense', 'GET', '/deployments'), 401);
  });
});
