import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCrashGuard } from '../../../runtime/flow-engine/crash-guard.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';

describe('the crash guard', () => {
  let file: string;
  let clock: FakeClock;
  const guard = () => createCrashGuard({ file, clock, log: silentLog });
  /** A start that never ends cleanly. */
  const crash = async (livedMs: number) => {
    const answer = await guard().begin();
    await clock.advance(livedMs);
    return answer;
  };

  beforeEach(async () => {
    file = join(await temporaryFolder('guard'), 'starts.json');
    clock = new FakeClock();
  });

  it('keeps flows stopped at the start after three crashes in five minutes, and says so', async () => {
    for (let n = 0; n < 3; n += 1) assert.equal(await crash(20_000), undefined);
    assert.match((await guard().begin()) ?? '', /ended 3 times .* flows are stopped/);
  });

  it('lets flows run after three crashes in a longer time', async () => {
    for (let n = 0; n < 5; n += 1) assert.equal(await crash(150_000), undefined);
  });

  it('forgets crashes after a clean end', async () => {
    await crash(1000);
    await crash(1000);
    const clean = guard();
    await clean.begin();
    await clean.end();
    await clean.end();
    for (let n = 0; n < 3; n += 1) assert.equal(await crash(1000), undefined);
    assert.ok(await guard().begin());
  });

  it('does not count a long run that crashed', async () => {
    await crash(1000);
    await crash(1000);
    await crash(600_000);
    assert.equal(await guard().begin(), undefined);
  });

  it('counts a start that a clock set back has put into the near future', async () => {
    for (let n = 0; n < 3; n += 1) await crash(1000);
    clock.jump(-60_000);
    assert.ok(await guard().begin());
  });

  it('starts as ever on a file that cannot be read', async () => {
    await writeFile(file, '{"sta');
    assert.equal(await guard().begin(), undefined);
  });
});
