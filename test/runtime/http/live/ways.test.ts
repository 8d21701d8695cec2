import assert from 'node:assert/strict';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import type { FleetService } from '../../../../runtime/contracts/services.ts';
import { openLiveDoor } from '../../../support/live-door.ts';

describe('the ways to see a camera', () => {
  let door: Awaited<ReturnType<typeof openLiveDoor>>;

  before(async () => {
    const fleet = {
      async camera(id: string) {
        if (id !== 'porch-cam') throw new AppError('camera.not_found', 'no such camera');
        return { id };
      },
      deviceOfKey: async () => undefined,
    } as unknown as FleetService;
    door = await openLiveDoor({ fleet });
  });
  after(() => door.close());

  it("are none for a Pi's camera that is registered here, and a 404 for one that is not", async () => {
    const token = await door.userToken('viewer');
    const known = await door.call('GET', '/api/v1/cameras/porch-cam/live', { token });
    assert.deepEqual([known.status, known.json.state, known.json.ways], [200, 'none', []]);
    const unknown = await door.call('GET', '/api/v1/cameras/prototype/live', { token });
    assert.deepEqual([unknown.status, unknown.json.code], [404, 'camera.not_found']);
    assert.equal((await door.call('GET', '/api/v1/cameras/prototype/live')).status, 401);
  });
});
