import { Router } from 'express';

/** One thing the server needs; `trouble` says in words what is wrong with it, or nothing. */
export interface HealthCheck {
  name: string;
  trouble(): Promise<string | undefined> | string | undefined;
}

/** `/healthz`: the process answers. `/readyz`: everything it needs is there, else 503 with the reasons. */
export function healthRoutes(checks: readonly HealthCheck[], version: string): Router {
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
          return { name, reason: error instanceof Error ? error.message : String(error) };
        }
      }),
    );
    const bad = found.filter(({ reason }) => reason !== undefined);
    res.status(bad.length === 0 ? 200 : 503).json({
      status: bad.length === 0 ? 'ready' : 'not ready',
      checks: Object.fromEntries(found.map(({ name, reason }) => [name, reason ?? 'ok'])),
    });
  });
  return router;
}
