import { Type } from 'typebox';
import { AppError } from '../../contracts/errors.ts';
import { JOB_STATES, JobCounts, JobRecord, type JobState } from '../../contracts/jobs.ts';
import { pageOf } from '../../contracts/schema.ts';
import type { JobsService } from '../../contracts/services.ts';
import { listQuery, listSchema } from '../list-query.ts';
import type { RouteSpec } from '../route.ts';

/** The analysis queue, for operators. */
export function jobRoutes(jobs: JobsService): RouteSpec[] {
  const tag = 'jobs';
  return [
    {
      method: 'get',
      path: '/jobs',
      access: 'operator',
      tag,
      summary: 'Jobs, newest first; status is one of queued, running, done, failed (waits for another try), dead',
      answer: pageOf(JobRecord),
      query: listSchema({ status: Type.Optional(Type.Enum(JOB_STATES)) }),
      handle: ({ query, user }) =>
        jobs.list({ ...listQuery(query, user), state: query.status as JobState | undefined }),
    },
    {
      method: 'get',
      path: '/jobs/counts',
      access: 'operator',
      tag,
      summary: 'How many jobs there are in each state',
      answer: JobCounts,
      handle: () => jobs.counts(),
    },
    {
      method: 'post',
      path: '/jobs/:id/retry',
      access: 'operator',
      tag,
      summary: 'Give a failed or dead job a fresh set of attempts',
      answer: JobRecord,
      errors: ['job.not_retryable'],
      handle({ params, user, actor }) {
        const id = /^\d{1,15}$/.test(params.id ?? '') ? Number(params.id) : undefined;
        if (id === undefined) throw new AppError('job.not_found', 'no such job');
        return jobs.retry(id, actor, user.cameras);
      },
    },
  ];
}
