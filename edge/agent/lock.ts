import { createHash } from 'node:crypto';
import { readFile, realpath, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { AppError } from '../../runtime/contracts/errors.ts';
import { ensureFolder } from '../../runtime/lib/files.ts';

/**
 * Makes the folder this process' own and answers how to give it back. Two agents on one spool would number frames twice, so a second
 * one is refused with the first one's pid. The lock is an abstract socket (Linux): it ends with its process, however that ends.
 */
export async function lockFolder(folder: string): Promise<() => void> {
  await ensureFolder(folder, 0o700);
  const name = createHash('sha256')
    .update(await realpath(folder))
    .digest('hex')
    .slice(0, 32);
  const pidFile = join(folder, 'agent.pid');
  const server = createServer((socket) => socket.destroy());
  // Elsewhere there are no abstract sockets; a file in the folder would outlive its process, so there is no lock there.
  if (process.platform === 'linux') {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause: NodeJS.ErrnoException) => {
        if (cause.code !== 'EADDRINUSE') return reject(cause);
        void holderOf(pidFile).then((holder) => {
          const message = `EDGE_DATA_DIR: ${folder} is in use by another agent (pid ${holder})`;
          reject(new AppError('data_dir.locked', message, { field: 'EDGE_DATA_DIR' }));
        });
      });
      server.listen(`\0redeye-edge-${name}`, resolve);
    });
  }
  server.unref();
  await writeFile(pidFile, `${process.pid}\n`);
  return () => {
    server.close();
  };
}

async function holderOf(pidFile: string): Promise<string> {
  try {
    return (await readFile(pidFile, 'utf8')).trim();
  } catch {
    return 'unknown';
  }
}
