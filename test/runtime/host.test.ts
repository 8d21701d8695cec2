import assert from 'node:assert/strict';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { StoredFrame } from '../../runtime/contracts/host.ts';
import type { JobHandle } from '../../runtime/contracts/jobs.ts';
import { createServerHost, type ServerHostParts } from '../../runtime/host.ts';

const JOB = { id: 7, camera: 'shelf', seq: 3, attempt: 1, epoch: 1 } as JobHandle;
const FRAME = { id: 'f-1', device: 'server', camera: 'shelf', seq: 3, capturedAt: 1000 } as StoredFrame;

/** The host over a register that answers with `error`, and jobs that take note of those that are done. */
function hostWith(error: Error): { compare: () => Promise<unknown>; done: JobHandle[] } {
  const done: JobHandle[] = [];
  const host = createServerHost({
    ingest: {},
    own: {},
    events: {},
    jobs: { done: async (job: JobHandle) => void done.push(job) },
    fleet: { detectionPlan: () => Promise.reject(error) },
  } as unknown as ServerHostParts);
  return { compare: () => host.detection.compareJob(JOB, FRAME, Buffer.alloc(0), { flow: '' }), done };
}

describe('a picture to compare', () => {
  it('whose camera was removed meanwhile is done, without a comparison', async () => {
    const { compare, done } = hostWith(new AppError('camera.not_found', 'There is no camera "shelf".'));
    assert.deepEqual(await compare(), { camera: 'shelf', at: 1000, decision: 'removed', rois: [], events: [] });
    assert.deepEqual(done, [JOB]);
  });

  it('stays to be compared when the register cannot be asked', async () => {
    const { compare, done } = hostWith(new Error('the database is away'));
    await assert.rejects(compare(), /the database is away/);
    assert.deepEqual(done, []);
  });
});
