import assert from 'node:assert/strict';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { RemoteCamera } from '../../../runtime/contracts/remote-cameras.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { CameraPushes } from '../../../runtime/publish/camera-pushes.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { until } from '../../support/until.ts';

describe('broadcasts that a camera sends itself', () => {
  it('are begun by its API, begun again when it stopped, and ended; a camera that is away is waited for', async () => {
    const clock = new FakeClock();
    const told: string[] = [];
    let sends: string | undefined;
    let trouble: AppError | undefined;
    const remote = {
      async youtube() {
        if (trouble) throw trouble;
        return sends === undefined ? undefined : { mode: 'youtube', url: sends, started_at: null, metadata: {} };
      },
      async startYoutube({ key, broadcast }: { key: string; broadcast: string }) {
        told.push(`${key} ${broadcast}`);
        sends = `https://youtube.com/watch?v=${broadcast}`;
      },
      async stopYoutube() {
        told.push('stop');
        sends = undefined;
      },
    } as unknown as RemoteCamera;
    const pushes = new CameraPushes({ remote: async () => remote, clock, log: silentLog });
    const state = () => pushes.status('youtube.x').state;
    const spec = { name: 'youtube.x', camera: 'pi', url: 'rtmps://a/live2', key: 'k-1', broadcast: 'b-1' };
    pushes.declare(spec);
    pushes.switchOn('youtube.x');
    await until('it is live', () => state() === 'live');
    pushes.declare(spec);
    assert.deepEqual([told, state()], [['k-1 b-1'], 'live'], 'the same again disturbs nothing');
    assert.ok(!JSON.stringify(pushes.list()).includes('k-1'), 'no key is shown');
    sends = undefined;
    await clock.advance(15_000);
    await until('it is begun again', () => told.length === 2);
    await until('it is live again', () => pushes.status('youtube.x').restarts === 1 && state() === 'live');
    trouble = new AppError('camera.unreachable', 'Camera service unavailable', { reason: 'ECONNREFUSED' });
    await clock.advance(15_000);
    await until('it waits', () => state() === 'waiting');
    assert.equal(pushes.status('youtube.x').reason, 'ECONNREFUSED');
    trouble = undefined;
    await clock.advance(15_000);
    await until('it is back', () => state() === 'live');
    pushes.remove('youtube.x');
    await until('the camera is told', () => told.at(-1) === 'stop');
    assert.equal(pushes.has('youtube.x'), false);
    await pushes.stop();
  });
});
