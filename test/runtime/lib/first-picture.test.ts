import assert from 'node:assert/strict';
import type { AppError } from '../../../runtime/contracts/errors.ts';
import { waitForPicture } from '../../../runtime/lib/first-picture.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function started() {
  const clock = new FakeClock();
  const given: AppError[] = [];
  return { clock, given, wait: waitForPicture('gate', clock, (error) => given.push(error)) };
}

describe('waiting for a first picture', () => {
  it('gives up after ten seconds, as camera.unreachable with a time to try again', async () => {
    const { clock, given } = started();
    await clock.advance(9999);
    assert.equal(given.length, 0);
    await clock.advance(1);
    assert.deepEqual(
      given.map(({ code, message, details }) => [code, message, details.retryAfterS]),
      [['camera.unreachable', 'no picture comes from gate: it has sent nothing so far', 2]],
    );
  });

  it('hopes three seconds for a camera that says it is away, and tells its last word', async () => {
    const { clock, given, wait } = started();
    await clock.advance(2000);
    wait.away('it is asleep');
    await clock.advance(2000);
    wait.away('it refuses the password');
    await clock.advance(999);
    assert.equal(given.length, 0);
    await clock.advance(1);
    assert.equal(given[0]?.message, 'no picture comes from gate: it refuses the password');
    await clock.advance(20_000);
    assert.equal(given.length, 1);
  });

  it('is never longer than ten seconds, however late the camera says it is away', async () => {
    const { clock, given, wait } = started();
    await clock.advance(9000);
    wait.away('gone');
    await clock.advance(1000);
    assert.equal(given.length, 1);
  });

  it('is silent once it was ended', async () => {
    const { clock, given, wait } = started();
    wait.end();
    wait.away('gone');
    wait.end();
    await clock.advance(20_000);
    assert.equal(given.length, 0);
  });
});
