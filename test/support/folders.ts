import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/** A fresh folder that is removed when the test run ends. */
export async function temporaryFolder(name = 'redeye'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  made.push(folder);
  return folder;
}

after(async () => {
  for (const folder of made) await rm(folder, { recursive: true, force: true });
});
