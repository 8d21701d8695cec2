import assert from 'node:assert/strict';
import express from 'express';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import type { FleetService } from '../../../../runtime/contracts/services.ts';
import { viewerDoor } from '../../../../runtime/http/auth/viewers.ts';
import { authenticator } from '../../../../runtime/http/authenticate.ts';
import { errorHandler } from '../../../../runtime/http/errors.ts';
import { HttpServer } from '../../../../runtime/http/server.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { openDoor } from '../../../support/http-door.ts';
import { ListLog } from '../../../support/list-log.ts';

describe('stream tokens', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** The API, and beside it pictures behind the viewers' door. */
  const open = async () => {
    const clock = new FakeClock();
    const fleet = {
      async camera(id: string) {
        if (id !== 'gate' && id !== 'door') throw new AppError('camera.not_found', 'no such camera');
        return { id };
      },
      deviceOfKey: async () => undefined,
    } as unknown as FleetService;
    const door = await openDoor({ clock, fleet });
    const viewerOf = viewerDoor({ accounts: door.accounts, clock, authenticate: authenticator(door.accounts) });
    const log = new ListLog();
    const app = express();
    app.all('/:camera/picture', async (req, res) => {
      const user = await viewerOf(req, req.params.camera);
      if (req.get('X-Fail') !== undefined) throw new Error('something broke');
      res.json({ name: user.name });
    });
    app.use(errorHandler(log));
    const server = new HttpServer({ host: '127.0.0.1', port: 0 });
    server.serve(app);
    const port = await server.start();
    closing.push(
      () => door.close(),
      () => server.stop(),
    );
    const look = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
      const { name, code } = (await response.json().catch(() => ({}))) as { name?: string; code?: string };
      return [response.status, name ?? code];
    };
    const issue = async (token: string, camera = 'gate') => {
      const { status, json } = await door.call('POST', `/api/v1/cameras/${camera}/stream-token`, { token });
      return { status, ...json } as { status: number; token: string; expires_at: string; code: string };
    };
    return { ...door, clock, look, issue, log };
  };

  it('show one camera to whom they were given, for five minutes', async () => {
    const { clock, look, issue, userToken } = await open();
    const { token, expires_at, status } = await issue(await userToken('viewer'));
    assert.deepEqual([status, expires_at], [200, new Date(clock.now() + 300_000).toISOString()]);
    assert.deepEqual(await look(`/gate/picture?token=${token}`), [200, 'viewer0']);
    assert.deepEqual(await look(`/door/picture?token=${token}`), [401, 'auth.invalid']);
    await clock.advance(299_000);
    assert.deepEqual(await look(`/gate/picture?token=${token}`), [200, 'viewer0']);
    await clock.advance(2_000);
    assert.deepEqual(await look(`/gate/picture?token=${token}`), [401, 'auth.expired']);
  });

  it('are for reading, and for nothing else of the API', async () => {
    const { look, issue, userToken, call } = await open();
    const login = await userToken('admin');
    const { token } = await issue(login);
    assert.deepEqual(await look(`/gate/picture?token=${token}`, { method: 'POST' }), [401, 'auth.missing']);
    assert.equal((await look(`/gate/picture?token=${token}`, { method: 'HEAD' }))[0], 200);
    assert.equal((await call('GET', `/api/v1/cameras/gate?token=${token}`)).status, 401);
    assert.equal((await call('GET', '/api/v1/cameras/gate', { token })).status, 401);
    assert.deepEqual(await look(`/gate/picture?token=${login}`), [401, 'auth.invalid']);
    assert.deepEqual(await look('/gate/picture?token=a.b.c'), [401, 'auth.invalid']);
    assert.deepEqual(await look('/gate/picture?token=a&token=b'), [401, 'auth.missing']);
  });

  it('are given only for cameras that exist and may be seen', async () => {
    const { issue, userToken, users, look } = await open();
    const limited = await userToken('viewer', ['gate']);
    assert.deepEqual((await issue(limited, 'door')).code, 'auth.forbidden');
    assert.deepEqual((await issue(await userToken('viewer'), 'nothing')).code, 'camera.not_found');
    // The right that is taken away later counts too, and so does another password.
    const { token } = await issue(limited);
    const [user] = users.users;
    assert.ok(user);
    user.cameras = ['door'];
    assert.deepEqual(await look(`/gate/picture?token=${token}`), [403, 'auth.forbidden']);
    user.cameras = ['gate'];
    assert.deepEqual(await look(`/gate/picture?token=${token}`), [200, 'viewer0']);
    await users.setPassword(user.id, 'another hash', false);
    assert.deepEqual(await look(`/gate/picture?token=${token}`), [401, 'auth.invalid']);
  });

  it('stay out of the log', async () => {
    const { look, issue, userToken, log } = await open();
    const { token } = await issue(await userToken('viewer'));
    assert.equal((await look(`/gate/picture?token=${token}`, { headers: { 'X-Fail': '1' } }))[0], 500);
    const text = JSON.stringify(log.lines);
    assert.ok(text.includes('/gate/picture') && !text.includes(token));
  });
});
