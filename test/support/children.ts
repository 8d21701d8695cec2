import { readdir, readFile } from 'node:fs/promises';

/** Command lines of this process' children that run now. */
export async function childCommands(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [status, command] = await Promise.all([read(`/proc/${pid}/stat`), read(`/proc/${pid}/cmdline`)]);
    const parent = /^\d+ \(.*\) \S (\d+)/s.exec(status)?.[1];
    // A process that has ended but not been collected yet has no command line.
    if (parent === String(process.pid) && command !== '') found.push(command.replaceAll('\0', ' ').trim());
  }
  return found;
}

/** Empty for a process that is gone meanwhile. */
async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
