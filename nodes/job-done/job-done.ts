import type { NodeAPI } from 'node-red';
import { AppError } from '../../runtime/contracts/errors.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import { jobOf } from '../lib/messages.ts';
import * as shape from './config.ts';

/** Finishes the job a message carries; with `msg.error` it has failed and is tried again. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'job-done',
    shape,
    setup({ host, status }) {
      const jobs = partOf(host, 'jobs');
      return {
        async onInput(msg, send) {
          const job = jobOf(msg);
          if (!job) throw new AppError('message.invalid', 'msg.job is missing', { field: 'msg.job' });
          const { error } = msg as { error?: { message?: string } };
          let payload = 'failed';
          if (error) await jobs.fail(job, new Error(error.message ?? 'failed in the flow'));
          else payload = await jobs.done(job);
          status.counted('job');
          send({ ...msg, payload });
        },
      };
    },
  });
