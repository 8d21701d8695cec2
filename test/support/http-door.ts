import type { AddressInfo } from 'node:net';
import type { Role } from '../../runtime/contracts/users.ts';
import { createHttpApp, type HttpParts } from '../../runtime/http/app.ts';
import { Accounts } from '../../runtime/http/auth/accounts.ts';
import { hashPassword } from '../../runtime/http/auth/passwords.ts';
import { createFrameCounts } from '../../runtime/http/frame-counts.ts';
import { createMetrics } from '../../runtime/http/metrics.ts';
import { HttpServer } from '../../runtime/http/server.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { memoryUsers } from './memory-users.ts';

/** A part whose every use fails the test: what a route is not given it must not touch. */
function untouched<T>(name: string): T {
  return new Proxy({} as object, {
    get: (_target, property) => {
      throw new Error(`${name}.${String(property)} was not expected to be used`);
    },
  }) as T;
}

/** What every viewer's player asks first: is the camera in a LiveKit room. It is not. */
const NOTHING_IN_ROOMS = { livekit: { roomOf: () => undefined } } as unknown as HttpParts['published'];

let hash: Promise<string> | undefined;

/** The HTTP face on a free port, or the one given, with users in memory and the stages that the test hands in. */
export async function openDoor(parts: Partial<HttpParts> = {}, port = 0) {
  const users = memoryUsers();
  const clock = parts.clock ?? systemClock;
  const metrics = createMetrics({ log: silentLog, process: false });
  const accounts = new Accounts({ store: users, clock, log: silentLog, key: Buffer.alloc(32, 1) });
  const app = createHttpApp({
    version: '0.0.0',
    accounts,
    fleet: untouched('fleet'),
    commands: untouched('commands'),
    deployments: untouched('deployments'),
    frames: untouched('frames'),
    gallery: untouched('gallery'),
    jobs: untouched('jobs'),
    events: untouched('events'),
    retention: untouched('retention'),
    published: NOTHING_IN_ROOMS,
    checks: [],
    operations: { metrics, frames: createFrameCounts({ clock, metrics }), state: untouched('state') },
    ingest: { routes: (_req, _res, next) => next(), frame: untouched('frame') },
    flows: { node: (_req, _res, next) => next() },
    clock,
    log: silentLog,
    corsOrigins: [],
    openPaths: [],
    basePath: '',
    ...parts,
  });
  const server = new HttpServer({ host: '127.0.0.1', port });
  server.serve(app);
  await server.start();
  const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
  // One hash serves every test: it costs 18 ms on purpose.
  hash ??= hashPassword('correct horse battery');

  const call = async (
    method: string,
    path: string,
    options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
  ) => {
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(options.token && { Authorization: `Bearer ${options.token}` }),
        ...(options.body !== undefined && { 'Content-Type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body !== undefined && {
        body: typeof options.body === 'string' ? options.body : JSON.stringify(options.body),
      }),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, text, json };
  };
  return {
    url,
    users,
    accounts,
    call,
    close: () => server.stop(),
    /** Makes a user and logs them in. */
    async userToken(role: Role, cameras: string[] | null = null): Promise<string> {
      const name = `${role}${users.users.length}`;
      await users.create({
        name,
        email: null,
        role,
        cameras,
        mayEditFlows: role === 'admin',
        mustChangePassword: false,
        passwordHash: (await hash) ?? '',
      });
      const { json } = await call('POST', '/api/v1/auth/login', {
        body: { email: name, password: 'correct horse battery' },
      });
      return json.access_token;
    },
  };
}
