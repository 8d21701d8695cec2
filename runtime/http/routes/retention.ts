import { RetentionReport, RetentionRun, RetentionStatus } from '../../contracts/retention.ts';
import type { RetentionService } from '../../contracts/services.ts';
import type { RouteSpec } from '../route.ts';

/** What is deleted when, and a run by hand. */
export function retentionRoutes(retention: RetentionService): RouteSpec[] {
  const tag = 'retention';
  return [
    {
      method: 'get',
      path: '/retention',
      access: 'admin',
      tag,
      summary: 'Limits, what is used and kept, and what the last run deleted',
      answer: RetentionStatus,
      handle: () => retention.status(),
    },
    {
      method: 'post',
      path: '/retention/run',
      access: 'admin',
      tag,
      summary: 'Delete what the rules say, now; with dry_run only tell what that would be',
      answer: RetentionReport,
      errors: ['retention.running'],
      body: RetentionRun,
      handle({ body, actor }) {
        const { dry_run: dryRun = false, work = 'all' } = body as RetentionRun;
        return retention.run({ dryRun, work, actor });
      },
    },
  ];
}
