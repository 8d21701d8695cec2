import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { AppError } from '../../contracts/errors.ts';
import { listBackups } from '../../db/backup-files.ts';
import { countJobs } from '../../db/jobs.repo.ts';
import { createUserStore } from '../../db/users.repo.ts';
import { listSegments } from '../../frames/segment-files.ts';
import { hashPassword } from '../../http/auth/passwords.ts';
import { diskSpace } from '../../lib/machine.ts';
import { type PackParts, type PackSummary, packBackup } from './pack.ts';
import type { AdminStatus } from './protocol.ts';

export interface AdminWorkParts extends PackParts {
  /** of the running server; none while it is stopped */
  live?: { pid: number; url: string; flows(): string };
}

/** What an administrator may ask for on the machine itself, of a server that runs or of its data while it is stopped. */
export interface AdminWork {
  status(): Promise<AdminStatus>;
  /** A random password, to be changed at the next login; every session of that user ends. Throws `request.invalid` for nobody. */
  resetPassword(user: string): Promise<{ user: string; password: string }>;
  backup(out: Writable, options: { images: boolean }): Promise<PackSummary>;
}

/** The commands on a database that is open. */
export function createAdminWork(parts: AdminWorkParts): AdminWork {
  const { db, dataDir, version, live } = parts;
  return {
    async status() {
      let trouble: string | null = null;
      const queue = await countJobs(db).catch((error: Error) => {
        trouble = error.message;
        return null;
      });
      return {
        state: live ? 'running' : 'stopped',
        version,
        pid: live?.pid ?? null,
        url: live?.url ?? null,
        database: { kind: db.kind, trouble },
        flows: live?.flows() ?? 'stopped with the server',
        queue,
        ...(await placesOf(dataDir)),
      };
    },

    async resetPassword(login) {
      const password = randomBytes(12).toString('base64url');
      const passwordHash = await hashPassword(password);
      return db.tx(async (q) => {
        const store = createUserStore(q);
        const user = await store.byLogin(login);
        if (!user) throw new AppError('request.invalid', `there is no user ${JSON.stringify(login)}`);
        await store.setPassword(user.id, passwordHash, true);
        await store.revokeAll(user.id);
        await store.audit({ actor: 'admin-socket', action: 'user.password_reset', object: `user:${user.name}` });
        return { user: user.name, password };
      });
    },

    backup: (out, options) => packBackup(out, parts, options),
  };
}

/** Disk, frames and automatic backups: what can be told without the database. */
export async function placesOf(dataDir: string): Promise<Pick<AdminStatus, 'disk' | 'segments' | 'last_backup'>> {
  const { freeBytes, totalBytes } = await diskSpace(dataDir);
  // None while the folder is not made yet.
  const segments = await listSegments(join(dataDir, 'segments')).catch(() => []);
  const newest = (await listBackups(join(dataDir, 'backups')))[0];
  return {
    disk: { free_bytes: freeBytes, total_bytes: totalBytes },
    segments: { count: segments.length, bytes: segments.reduce((sum, { size }) => sum + size, 0) },
    last_backup: newest ? new Date(newest.at).toISOString() : null,
  };
}
