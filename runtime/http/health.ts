import { Router } from 'express';
import type { Clock } from '../contracts/host.ts';
import type { ServerState } from '../contracts/metrics.ts';
import { writeTrouble } from '../lib/machine.ts';
import { otherMethods } from './other-methods.ts';

/** One thing the server needs; `trouble` says in words what is wrong with it, or nothing. */
export interface HealthCheck {
  name: string;
  trouble(): Promise<string | undefined> | string | undefined;
}

export interface HealthParts {
  checks: readonly HealthCheck[];
  version: string;
  state: Pick<ServerState, 'database' | 'folders' | 'background'>;
  clock: Clock;
}

/** Anybody may ask how it is: one look is good for so long. */
const LOOK_MS = 2000;

/**
 * `/healthz`: the process answers. `/readyz`: everything it needs is there, else 503 with the reasons. `/health`: the same question as
 * seed 004 asks it, with folders and what runs in the background.
 */
export function healthRoutes({ checks, version, state, clock }: HealthParts): Router {
  const router = Router();
  router.get('/healthz', (_req, res) => {
    res.json({ status: 'ok', version, uptime_s: Math.round(process.uptime()) });
  });
  router.get('/readyz', async (_req, res) => {
    const found = await Promise.all(
      checks.map(async ({ name, trouble }) => {
        try {
          return { name, reason: await trouble() };
        } catch (error) {
          return { name, reason: messageOf(error) };
        }
      }),
    );
    const bad = found.filter(({ reason }) => reason !== undefined);
    res.status(bad.length === 0 ? 200 : 503).json({
      status: bad.length === 0 ? 'ready' : 'not ready',
      checks: Object.fromEntries(found.map(({ name, reason }) => [name, reason ?? 'ok'])),
    });
  });

  let looked: { at: number; answer: ReturnType<typeof look> } | undefined;
  router.get('/health', async (_req, res) => {
    if (!looked || clock.monotonicMs() - looked.at > LOOK_MS) {
      looked = { at: clock.monotonicMs(), answer: look(state) };
    }
    const { ok, ...parts } = await looked.answer;
    res.status(ok ? 200 : 503).json({
      status: ok ? 'ok' : 'bad',
      ok,
      timestamp: new Date(clock.now()).toISOString(),
      version,
      ...parts,
      system: { uptime_s: Math.round(process.uptime()), rss_bytes: process.memoryUsage.rss() },
    });
  });
  router.use(otherMethods(['/healthz', '/readyz', '/health'].map((path) => ({ method: 'get', path }))));
  return router;
}

async function look({ database, folders, background }: HealthParts['state']) {
  const [trouble, directories, records] = await Promise.all([
    database.ask().then(() => null, messageOf),
    Promise.all(
      folders.map(async ({ name, path }) => {
        const error = await writeTrouble(path);
        return { name, path: name, exists: error !== 'ENOENT', writable: error === undefined, error: error ?? null };
      }),
    ),
    background().catch((error: unknown) => [
      { name: 'background', ok: false, lastSuccess: null, lastError: messageOf(error) },
    ]),
  ]);
  return {
    ok: trouble === null && directories.every(({ writable }) => writable) && records.every(({ ok }) => ok),
    db: {
      connected: trouble === null,
      kind: database.kind,
      path: database.kind === 'pglite' ? 'db' : null,
      error: trouble,
    },
    directories,
    background: records,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
